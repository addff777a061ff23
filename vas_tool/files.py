"""Atomic writes, locks of folders, and reading without following links.

A project may come from an unknown source, so links, pipes and devices in it are neither read nor written.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from vas_tool.errors import ProjectBusy, ProjectError, PromptError

LOCK = ".lock"
"""Name of the file that locks a folder."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
GONE = frozenset({errno.ENOENT, errno.ENOTDIR})

PART = re.compile(
    r"\.(\d{5,}\.png|\.stamps\.json|(project|place|work|origin|rows|areas|boxes)\.json(\.damaged-history)?)"
    r"\.(\d+(-\d+)?\.part|restore)"
)
"""Matches files of a project that a killed process had not finished."""

HALF_MADE = re.compile(r"\..+\.\d+\.(\d+\.import|new)")
"""Matches project folders that an import had not finished."""

LOCKED_AFTER_SECONDS = 60.0
"""An import has locked its folder long before this."""

HALF_MADE_INSIDE = re.compile(
    r"frames|\.frames\.[0-9a-f]+\.partial|(\.?(project|origin|place|work)\.json(\..*\.part)?)|depth|objects|history|\.lock"
)
"""Matches the content of such folders."""


def remedy(error: OSError) -> str:
    """Return what to do about a disk error, for the end of a message."""
    if error.errno in FULL:
        return "make room and try again"
    if error.errno in READ_ONLY:
        return "make it writable, or work on a copy in a folder that you may write"
    if error.errno in GONE:
        return "its folder was moved or removed: put it back, or open it where it is now"
    return "see that the disk works, make room, and try again"


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file beside its place, synchronise it, then replace: the file is always the old or the new one.

    With ``durable`` False, the system decides when it reaches the disk. Raises ProjectError when the disk refuses
    (full, read-only, folder missing); the old file then stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):  # the folder itself may be the problem
            beside.unlink()
        raise ProjectError(f"{path} could not be written ({error.strerror}); {remedy(error)}") from error
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Synchronise a folder to disk, so that renamed files keep their new names after a power failure."""
    with suppress(OSError):  # not every file system supports it; renamed files are visible anyway
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading. Raises OSError when it is missing, or is a link, a pipe, a device or a folder."""
    return os.fdopen(_plain(path), "rb")


def read_plain(path: Path, most_bytes: int | None = None) -> bytes:
    """Return the bytes of a file, or its first ``most_bytes``. Raises OSError as ``open_plain``."""
    if most_bytes is None:
        with open_plain(path) as file:
            return file.read()
    descriptor = _plain(path)
    try:
        return os.read(descriptor, most_bytes)
    finally:
        os.close(descriptor)


def _plain(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    return descriptor


def is_plain(path: Path) -> bool:
    """Return whether a path is a file that is no link, pipe or device."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def storable(value: Any) -> bytes:
    """Return a value as JSON. Raises PromptError for values that cannot be read back: NaN, infinity, lone
    surrogates.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        wrong = error.object[error.start : error.end]
        raise PromptError(f"a text holds {wrong!r}, which is no character; write it again without it") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise PromptError(f"this cannot be stored ({error}); only text and finite numbers can") from error


def from_json(data: bytes) -> Any:
    """Return the value of ``storable``'s JSON. Raises ValueError, also for values that ``storable`` refuses."""
    value = json.loads(data)
    try:
        storable(value)
    except PromptError as error:
        raise ValueError(str(error)) from error
    return value


def require_form(data: object, form: type[msgspec.Struct]) -> None:
    """Raise ValueError when a parsed JSON value does not have the form. It names the place: ``$.objects[3].clicks[2]``.

    Read the values from ``data`` itself afterwards: conversion would turn 9 into 9.0, which changes digests.
    """
    try:
        msgspec.convert(data, form)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def refuse_links(paths: Iterable[Path]) -> None:
    """Raise ProjectError when one of these paths is a link. Missing paths are allowed."""
    for path in paths:
        if path.is_symlink():
            raise ProjectError(
                f"{path} is a link, and a project holds none: nothing in it may lead elsewhere. Remove it, or put "
                "what it leads to in its place (cp -rL), then open the project again"
            )


def inner_folders(folder: Path, *, depth: int) -> list[Path]:
    """Return the folders and links in a folder, down to ``depth`` levels. Links are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(e.path) for e in entries if e.is_symlink() or e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    deeper = [p for f in found if depth > 1 and not f.is_symlink() for p in inner_folders(f, depth=depth - 1)]
    return found + deeper


class FolderLock:
    """Locks a folder for this process until it is released or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Lock the folder. Raises ProjectBusy that names the other process, and ProjectError when it cannot be
        locked.
        """
        self.folder = folder
        self.cannot_write = ""
        """Why the folder cannot be written; "" when it can. A folder that cannot be written may still be read."""
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._file = -1
        try:
            self._file = self._opened()
            self._hold()
        except BaseException:
            self.release()
            raise

    def _opened(self) -> int:
        path, flags = self.folder / LOCK, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        refuse_links([path])
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        except OSError as error:
            if error.errno not in READ_ONLY | FULL:
                raise ProjectError(
                    f"{self.folder} cannot be locked ({error.strerror}); take {LOCK} out of it, or copy the project"
                ) from error
            self.cannot_write = f"{self.folder} cannot be changed ({error.strerror}): {remedy(error)}"
        with suppress(OSError):
            return os.open(path, os.O_RDONLY | flags)
        return -1

    def _hold(self) -> None:
        if self._file < 0:  # no lock file: the folder is only read
            return
        ours = os.fstat(self._file)
        if not stat.S_ISREG(ours.st_mode) or ours.st_nlink > 1:
            raise ProjectError(f"{self.folder} cannot be locked ({LOCK} is no file of its own); take {LOCK} out of it")
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if self.cannot_write else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ProjectBusy(
                f"{self.folder} is open in another process (pid {holder}); close it there, or open another project"
            ) from error
        if not self.cannot_write:
            with suppress(OSError):  # on a full disk the lock file does not name its process
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def check(self) -> None:
        """Raise ProjectError when the folder cannot be written, or was moved since it was locked."""
        if self.cannot_write:
            raise ProjectError(self.cannot_write)
        if self.moved:
            raise ProjectError(
                f"{self.folder} was moved or removed while it was open: nothing is written any more. Put it back, or "
                "open the project where it is now; what was confirmed is in it"
            )

    @property
    def moved(self) -> bool:
        """Return whether the path now holds another folder, or none."""
        if self._folder < 0:
            return False
        ours = os.fstat(self._folder)
        try:
            there = os.stat(self.folder)
        except OSError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Release the lock."""
        held, self._file, self._folder = (self._file, self._folder), -1, -1
        for descriptor in held:
            if descriptor >= 0:
                os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove incomplete projects of killed imports: only folders with our names that no process has locked."""
    for path in _half_made(folder):
        with suppress(OSError, ProjectError):  # locked: the import is running
            if is_plain(path / LOCK):
                lock = FolderLock(path)
                try:
                    shutil.rmtree(path, ignore_errors=True)
                finally:
                    lock.release()
            elif not _runs(int(path.name.split(".")[-3 if path.suffix == ".import" else -2])):
                shutil.rmtree(path, ignore_errors=True)  # killed before it locked the folder


def _half_made(folder: Path) -> list[Path]:
    with suppress(OSError):
        named = [path for path in folder.iterdir() if HALF_MADE.fullmatch(path.name) and not path.is_symlink()]
        return [path for path in named if _is_left_over(path)]
    return []


def _is_left_over(folder: Path) -> bool:
    """Return whether a folder holds only what an import makes, and nothing new.

    An import that began a moment ago, here or on another computer that shares the disk, may not have locked it yet.
    """
    with suppress(OSError):  # its import has just finished
        is_new = time.time() - folder.stat().st_mtime < LOCKED_AFTER_SECONDS
        return not is_new and all(HALF_MADE_INSIDE.fullmatch(p.name) for p in folder.iterdir())
    return False


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def sweep_parts(folder: Path) -> None:
    """Remove incomplete files of a killed process in a folder. The caller must hold the folder's lock."""
    with suppress(OSError):
        for path in folder.iterdir():
            if PART.fullmatch(path.name) and is_plain(path):
                path.unlink()
