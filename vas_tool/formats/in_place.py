"""Writes exports completely or not at all: under a temporary name in the same folder first, then renamed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from vas_tool.errors import FormatError
from vas_tool.files import sync_folder


def _refused(path: Path, error: OSError) -> FormatError:
    reason = error.strerror or str(error)
    return FormatError(f"{path} could not be written ({reason}); make room or choose another place, then export again")


@contextmanager
def text_in_place(path: Path) -> Iterator[TextIO]:
    """Yield a text file to write. It replaces ``path`` when the block ends without an error; otherwise it is removed.

    Raises FormatError when ``path`` is a folder or the disk refuses.
    """
    if path.is_dir():
        raise FormatError(f"{path} is a folder; name a file to write, such as {path / 'annotations.json'}")
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with suppress(OSError):  # the folder itself may be the problem
            beside.unlink()


@contextmanager
def folder_in_place(folder: Path, *, ours: re.Pattern[str]) -> Iterator[Path]:
    """Yield a new folder to fill. It becomes ``folder`` when the block ends without an error; otherwise it is removed.

    An existing folder is replaced if the relative path of every file in it matches ``ours``, because a former export
    wrote it. Raises FormatError when it holds anything else, or the disk refuses.
    """
    _check_ours(folder, ours)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    former = beside.with_suffix(".former")
    try:
        beside.mkdir(parents=True)
        yield beside
        if folder.exists():
            folder.replace(former)
        beside.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def _check_ours(folder: Path, ours: re.Pattern[str]) -> None:
    if folder.is_file():
        raise FormatError(f"{folder} is a file; choose a new folder")
    for path in folder.rglob("*") if folder.is_dir() else ():
        inner = path.relative_to(folder).as_posix()
        if not path.is_dir() and not ours.fullmatch(inner):
            raise FormatError(
                f"{folder} holds {inner}, which no export wrote; choose a new folder, or take that file out first"
            )
