"""Tries hostile files, one after the other, in a process of its own: a crash or a hang costs that process alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vas_tool.errors import VasToolError

HANG_SECONDS = 60.0
"""What has not answered by then hangs."""

Attempt = tuple[Callable[..., None], tuple[Any, ...]]
"""A function and what it is given: it returns when all went well, and raises VasToolError to refuse."""


class Lost(Exception):
    """Work was lost, a file was changed or written elsewhere, or code in a file was run."""


class Child:
    """The process that tries; a new one is started when it dies."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where the process keeps what is temporary: nothing may be left there."""
        self.folder = folder
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.folder), daemon=True)
        self._process.start()
        theirs.close()

    def outcome_of(self, attempt: Attempt) -> tuple[str, str]:
        """(done, refused, lost, crashed or hung; what was said)."""
        self._pipe.send(attempt)
        try:
            if self._pipe.poll(HANG_SECONDS):
                answer: tuple[str, str] = self._pipe.recv()
                return answer
            outcome = "hung", f"no answer in {HANG_SECONDS:g} s"
        except EOFError:
            self._process.join()
            outcome = "crashed", f"the process died ({self._process.exitcode})"
        self.close()
        self._start()
        return outcome

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, folder: Path) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what libraries written in C say, too
        os.dup2(nowhere, descriptor)
    tempfile.tempdir = str(folder)
    with contextlib.suppress(EOFError):
        while True:
            function, given = pipe.recv()
            pipe.send(_tried(function, given))


def _tried(function: Callable[..., None], given: tuple[Any, ...]) -> tuple[str, str]:
    try:
        function(*given)
    except (VasToolError, *_told_by_sam2()) as error:
        return "refused", str(error)
    except Lost as error:
        return "lost", str(error)
    except BaseException:
        return "crashed", traceback.format_exc()
    return "done", ""


def _told_by_sam2() -> tuple[type[Exception], ...]:
    errors = sys.modules.get("sam_integration.errors")
    return (errors.CheckpointError,) if errors else ()


# --- what is tried ----------------------------------------------------------------------------------------------------


def import_video(path: Path) -> None:
    """Make a clip of it and look at its ends. The file stays as it is, and a refusal leaves nothing."""
    from vas_tool.video import FolderClip, import_frames

    before = path.read_bytes()
    with _nothing_left(), tempfile.TemporaryDirectory() as place:
        try:
            made = import_frames(path, Path(place) / "frames")
        except VasToolError:
            if any(Path(place).iterdir()):
                raise Lost(f"a refused import of {path} left {os.listdir(place)}") from None
            raise
        clip = FolderClip(Path(place) / "frames", fps=made.fps, size_wh=made.size_wh)
        clip[0], clip[len(clip) - 1]
    if path.read_bytes() != before:
        raise Lost(f"{path} was changed")


def import_playlist(path: Path) -> None:
    """As ``import_video``, of a file that names another one: opening that is a loss."""
    import_video(path)
    raise Lost(f"{path} opened, so another file was read")


def open_project(folder: Path, damaged: str) -> None:
    """Open a copy of a project and look at all there is; a project that is refused stays as it is."""
    from vas_tool.project import Project
    from vas_tool.session import Session
    from vas_tool.ui.views import state_view

    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder, Path(place) / "clip", symlinks=True))
        before = (copy / damaged).read_bytes()
        try:
            session = Session(Project.open(copy))
        except VasToolError:
            if (copy / damaged).read_bytes() != before:
                raise Lost(f"{damaged} of a refused project was changed") from None
            raise
        state_view(session, since=0)
        session.undo()
        session.close()


def command(*arguments: str) -> None:
    """A command of the command line; the files that it names stay as they are."""
    from vas_tool import cli

    files = [Path(word) for word in arguments if Path(word).is_file()]
    before = [file.read_bytes() for file in files]
    with _nothing_left():
        status = cli.main(arguments)
    for file, data in zip(files, before, strict=True):
        if not file.is_file() or file.read_bytes() != data:
            raise Lost(f"{file} was changed")
    if status:
        raise VasToolError(f"status {status}")


def read_weights(reader: str, path: Path, witness: Path) -> None:
    """Read a file of weights; ``witness`` comes into being when code in it is run."""
    from sam_integration.checkpoints import read_checkpoint
    from vas_tool.engines.tensors import read_tensors
    from vas_tool.evaluation.safe_pickle import load_plain

    try:
        {"sam2": read_checkpoint, "tensors": read_tensors, "kitti": load_plain}[reader](path)
    finally:
        if witness.exists():
            witness.unlink()
            raise Lost(f"code in {path} was run")


def verify_zip(path: Path, outside: Path) -> None:
    """Verify an export in a .zip; nothing comes into being in ``outside``, or stays where it was unpacked."""
    before = sorted(outside.rglob("*"))
    try:
        command("verify", str(path))
    finally:
        if new := set(outside.rglob("*")) - set(before):
            raise Lost(f"{path} wrote {sorted(map(str, new))}")


@contextlib.contextmanager
def _nothing_left() -> Any:
    place = Path(tempfile.gettempdir())
    before = set(place.iterdir())
    yield
    if new := set(place.iterdir()) - before:
        raise Lost(f"left behind: {sorted(map(str, new))}")
