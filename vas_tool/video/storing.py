"""Numbered frame files on disk, written beside and put in place when all of them are there."""

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
"""With full colour resolution (4:4:4) this is visually lossless, and the borders of masks stay clean."""
WRITERS = 2
"""Threads that encode while the next frames are decoded."""
MAX_WAITING = 2 * WRITERS
"""Frames handed over and not yet written: what bounds the memory of an import."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def frame_name(index: int, suffix: str) -> str:
    """00000.jpg for 0; ``suffix`` with its dot."""
    return f"{index:05d}{suffix}"


def encode_jpeg(frame: Frame) -> bytes:
    """A (H, W, 3) RGB frame as JPEG."""
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def encode_png(frame: Frame) -> bytes:
    """A (H, W, 3) RGB frame as PNG."""
    _, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a new file, and have it on the disk before returning."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_error(path: Path, error: OSError) -> VideoError:
    """The error a person can act on, for one that the file system gave while ``path`` was written."""
    if error.errno in DISK_FULL:
        return VideoError(
            f"the disk is full: {path} was not written and nothing is left of it; free some space, then try again"
        )
    reason = error.strerror or str(error)
    return VideoError(f"{path} cannot be written ({reason}); choose a folder that can be written to, then try again")


@contextmanager
def folder_in_place(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder`` to write into; it takes that name when the block ends well, else it is removed.

    Raises VideoError when ``folder`` is there already, its parent is not, or writing fails.
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

    Leaving the block waits for the files; when it is left by an error, frames not yet begun are dropped.
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
        """Take the next frame. Waits while too many are not yet written; raises what writing an earlier one raised."""
        while len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft().result()
        path = self._folder / frame_name(self._count, ".jpg")
        self._waiting.append(self._pool.submit(lambda: write_bytes(path, encode_jpeg(frame))))
        self._count += 1
