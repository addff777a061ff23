"""Files that browsers send: each in a folder of its own, known until it is taken. No other path is one of them.

It stands in for Gradio's route, which gives the same file the same path: two tabs would take it from each other.
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
from vas_tool.ui.reports import told

UPLOAD_ROUTE = "/gradio_api/upload"
"""Where Gradio's part of the page sends files."""

UPLOAD_LIMIT_GB = 4
"""Of one uploaded video; larger ones are opened by their path."""

FORM_BYTES = 1 << 16
"""What a form may add to its file."""

LONGEST_NAME = 120
"""Characters; names on disk end at 255 bytes."""

GRADIO_FOLDER = "GRADIO_TEMP_DIR"
"""Gradio's environment variable for the folder in which it accepts files."""


class Uploads:
    """The files that were sent and not taken yet. Thread-safe."""

    def __init__(self) -> None:
        """Makes a folder that only this user can read, in the one that GRADIO_TEMP_DIR names or the usual one."""
        self._before = os.environ.get(GRADIO_FOLDER)
        if self._before:
            Path(self._before).mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="vas-tool-", dir=self._before)).resolve()
        os.environ[GRADIO_FOLDER] = str(self.folder)
        self._known: set[str] = set()
        self._mutex = threading.Lock()

    def place(self, name: str) -> Path:
        """A new path for a file of that name; known from now on."""
        plain = re.sub(r"[\x00-\x1f\x7f/\\]", "_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
        stem, dot, suffix = plain.rpartition(".")
        short = f"{stem[: LONGEST_NAME - 10]}{dot}{suffix[:10]}" if dot else plain[:LONGEST_NAME]
        path = Path(tempfile.mkdtemp(dir=self.folder)) / (short or "upload")
        with self._mutex:
            self._known.add(str(path))
        return path

    def knows(self, path: str) -> bool:
        """Whether it is the very path of a file that was sent and not taken."""
        with self._mutex:
            return path in self._known

    def take(self, path: str | None) -> Path:
        """The file is the caller's now, to delete as well. Raises InputError for any other path."""
        with self._mutex:
            if path is None or path not in self._known:
                raise InputError("this file was not uploaded here, or is open already: upload it again")
            self._known.discard(path)
        return Path(path)

    def close(self) -> None:
        """Delete what nobody took."""
        if os.environ.get(GRADIO_FOLDER) == str(self.folder):
            os.environ.pop(GRADIO_FOLDER)
            if self._before:
                os.environ[GRADIO_FOLDER] = self._before
        shutil.rmtree(self.folder, ignore_errors=True)


def add_upload_route(app: FastAPI, uploads: Uploads, *, limit: int = UPLOAD_LIMIT_GB << 30) -> None:
    """Take one file a request, of at most ``limit`` bytes; the answer is what Gradio's page expects: ``[path]``."""

    @app.post(UPLOAD_ROUTE)
    async def upload(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return PlainTextResponse("send one file as a form", 400)
        try:
            bounded = Request(request.scope, _Bounded(request, limit + FORM_BYTES))
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
            return PlainTextResponse(told(error), 507)
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
    """More came than may."""


class _Bounded:
    """Passes on what comes, up to a number of bytes."""

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
