"""Receives uploaded files. Each is in a folder of its own, and known until it is taken. No other path counts as an
upload.

It replaces Gradio's route, which gives equal files the same path, so that two tabs would take the file from each other.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Message

from vas_tool.errors import InputError
from vas_tool.ui.reports import error_message

UPLOAD_ROUTE = "/gradio_api/upload"
"""Route to which Gradio's part of the page sends files."""

UPLOAD_LIMIT_GB = 4
"""Most gigabytes of an uploaded video. Larger videos are opened by path."""

FORM_BYTES = 1 << 16
"""Most bytes of a form beside its file."""

LONGEST_NAME = 120
"""Most characters of a file name. File systems allow 255 bytes."""

GRADIO_FOLDER = "GRADIO_TEMP_DIR"
"""Gradio's environment variable for the folder in which it accepts files."""


class Uploads:
    """The uploaded files that are not taken yet. Thread-safe."""

    def __init__(self) -> None:
        """Make a folder that only this user can read, in the one that GRADIO_TEMP_DIR names or the system's."""
        self._before = os.environ.get(GRADIO_FOLDER)
        if self._before:
            Path(self._before).mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="vas-tool-", dir=self._before)).resolve()
        os.environ[GRADIO_FOLDER] = str(self.folder)
        self._known: set[str] = set()
        self._mutex = threading.Lock()

    def place(self, name: str) -> Path:
        """Return a new path for a file of this name. It is known from now on."""
        plain = re.sub(r"[\x00-\x1f\x7f/\\]", "_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
        stem, dot, suffix = plain.rpartition(".")
        short = f"{stem[: LONGEST_NAME - 10]}{dot}{suffix[:10]}" if dot else plain[:LONGEST_NAME]
        path = Path(tempfile.mkdtemp(dir=self.folder)) / (short or "upload")
        with self._mutex:
            self._known.add(str(path))
        return path

    def holds(self, path: str) -> bool:
        """Return whether this is exactly the path of an uploaded file that is not taken."""
        with self._mutex:
            return path in self._known

    def take(self, path: str | None) -> Path:
        """Hand the file over to the caller, who also deletes it. Raises InputError for any other path."""
        with self._mutex:
            if path is None or path not in self._known:
                raise InputError("this file was not uploaded here, or is open already: upload it again")
            self._known.discard(path)
        return Path(path)

    def close(self) -> None:
        """Delete the files that were not taken."""
        if os.environ.get(GRADIO_FOLDER) == str(self.folder):
            os.environ.pop(GRADIO_FOLDER)
            if self._before:
                os.environ[GRADIO_FOLDER] = self._before
        shutil.rmtree(self.folder, ignore_errors=True)


def add_upload_route(app: FastAPI, uploads: Uploads, *, limit: int = UPLOAD_LIMIT_GB << 30) -> None:
    """Add the route. It takes one file per request of at most ``limit`` bytes and answers ``[path]``, as Gradio
    expects.
    """

    @app.post(UPLOAD_ROUTE)
    async def upload(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return PlainTextResponse("send one file as a form", 400)
        try:
            bounded = Request(request.scope, _LimitedReader(request, limit + FORM_BYTES))
            async with bounded.form(max_files=1, max_fields=1) as form:
                file = form.get("files")
                if not isinstance(file, UploadFile):
                    return PlainTextResponse("send one file", 400)
                if (file.size or 0) > limit:
                    raise _TooLarge
                path = await run_in_threadpool(_kept, file, uploads)
        except _TooLarge:
            return PlainTextResponse(_too_large(limit), 413)
        except HTTPException as error:
            return PlainTextResponse(str(error.detail), error.status_code)
        except OSError as error:
            return PlainTextResponse(error_message(error), 507)
        return JSONResponse([str(path)])


def _kept(file: UploadFile, uploads: Uploads) -> Path:
    path = uploads.place(file.filename or "")
    try:
        with path.open("xb") as target:
            shutil.copyfileobj(file.file, target, 1 << 20)
    except OSError:
        uploads.take(str(path)).unlink(missing_ok=True)
        raise
    return path


def _too_large(limit: int) -> str:
    return f"an upload may have {limit / (1 << 30):.3g} GB; open larger videos by their path"


class _TooLarge(Exception):
    """The request is larger than allowed."""


class _LimitedReader:
    """Passes data on up to a number of bytes."""

    def __init__(self, request: Request, limit: int) -> None:
        self._receive, self._left = request.receive, limit
        if int(request.headers.get("content-length") or 0) > limit:
            self._left = -1

    async def __call__(self) -> Message:
        message = {"body": b""} if self._left < 0 else await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _TooLarge
        return message
