"""Pictures that edits replaced, kept in ``history/<edit>`` so that undo and redo can put them back."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vas_tool.errors import ProjectError
from vas_tool.files import refuse_links

ABSENT = ".absent"
"""Marks, in an edit's folder, a picture that was not there before."""

PICTURE = re.compile(r"(\d{5}|[1-9]\d{5,8})(\.png|\.absent)", re.ASCII)


def entries(kept: Path) -> list[Path]:
    """All pictures that are kept in a folder, and marks of absent ones. Raises ProjectError when one is a link."""
    if not kept.is_dir():
        return []
    refuse_links([kept, kept.parent])
    return sorted(_entries(kept))


def _entries(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        for entry in found:
            path = Path(entry.path)
            refuse_links([path])
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(path)
            elif PICTURE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield path


def target_of(entry: Path, kept: Path, folder: Path) -> Path:
    """Where in a project's folder an entry of ``kept`` belongs. Raises ProjectError when that is no layer's place."""
    inner = entry.relative_to(kept).with_suffix(".png")
    if inner.parts[0] not in ("objects", "depth"):
        raise ProjectError(f"{entry} was not kept by an edit; take it out, then try again")
    return folder / inner


def keep(file: Path, kept: Path) -> None:
    """Remember a file as it is now (a hard link: no pixels are copied), or that it is not there."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        kept.with_suffix(ABSENT).touch()
        return
    try:
        os.link(file, kept, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(file, kept, follow_symlinks=False)


def restore(entry: Path, target: Path) -> None:
    """Put a kept picture back, or take away one that was not there."""
    if entry.suffix == ABSENT:
        target.unlink(missing_ok=True)
        return
    beside = target.with_name(f".{target.name}.restore")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside.unlink(missing_ok=True)
    keep(entry, beside)
    beside.replace(target)
    with suppress(FileNotFoundError):  # replacing a file by a link to itself leaves the link behind
        beside.unlink()
