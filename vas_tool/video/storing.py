"""Writes numbered frame files beside their place on disk, and moves them there when all are complete."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import cv2

from vas_tool.errors import VideoError
from vas_tool.files import sync_folder
from vas_tool.types import Frame

JPEG_QUALITY = 95
"""JPEG quality. With full colour resolution (4:4:4) it is visually lossless, and edges of objects stay sharp."""
WRITERS = 2
"""Threads that encode frames while the next frames are decoded."""
MAX_WAITING = 2 * WRITERS
"""Most frames that wait to be written. It limits the memory of an import."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def frame_name(index: int, suffix: str) -> str:
    """Return the file name of a frame: 00000.jpg for 0 and ``.jpg``. ``suffix`` includes its dot."""
    return f"{index:05d}{suffix}"


def encode_jpeg(frame: Frame) -> bytes:
    """Return a (H, W, 3) RGB frame as JPEG bytes."""
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def encode_png(frame: Frame) -> bytes:
    """Return a (H, W, 3) RGB frame as PNG bytes."""
    _, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a new file and synchronise it to disk before returning."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_error(path: Path, error: OSError) -> VideoError:
    """Return a VideoError that says what to do about a file system error while ``path`` was written."""
    if error.errno in DISK_FULL:
        return VideoError(
            f"the disk is full: {path} was not written and nothing is left of it; free some space, then try again"
        )
    reason = error.strerror or str(error)
    return VideoError(f"{path} cannot be written ({reason}); choose a folder that can be written to, then try again")


@contextmanager
def folder_in_place(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside ``folder``. It becomes ``folder`` if the block ends without an error, else it is
    removed.

    Raises VideoError when ``folder`` exists, its parent does not, or writing fails.
    """
    if folder.exists() or folder.is_symlink():
        raise VideoError(f"{folder} exists already; choose a new folder, or remove that one first")
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir()
        yield partial
        sync_folder(partial)
        os.rename(partial, folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class FrameWriter:
    """Encodes frames to JPEG in the background and writes them as 00000.jpg, 00001.jpg, ... into a folder.

    The end of the block waits for the files. After an error, frames that were not started are dropped.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="frame-writer")
        self._waiting: deque[Future[None]] = deque()
        self._count = 0

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self._waiting:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, frame: Frame) -> None:
        """Add the next frame. Waits while too many frames are unwritten; raises the error of an earlier write."""
        while len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft().result()
        path = self._folder / frame_name(self._count, ".jpg")
        self._waiting.append(self._pool.submit(lambda: write_bytes(path, encode_jpeg(frame))))
        self._count += 1
