"""Pictures that edits replaced, stored in ``history/<edit>`` so that undo and redo can restore them."""

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
"""Suffix of a file that stands for a picture that did not exist before the edit."""

PICTURE = re.compile(r"(\d{5}|[1-9]\d{5,8})(\.png|\.absent)", re.ASCII)


def entries(kept: Path) -> list[Path]:
    """Return all pictures in a folder of replaced pictures, and the files that stand for absent ones. Raises
    ProjectError when one is a link.
    """
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
    """Return the place in a project's folder of an entry of ``kept``. Raises ProjectError when it is not in a layer."""
    inner = entry.relative_to(kept).with_suffix(".png")
    if inner.parts[0] not in ("objects", "depth"):
        raise ProjectError(f"{entry} was not kept by an edit; take it out, then try again")
    return folder / inner


def keep(file: Path, kept: Path) -> None:
    """Store the present file as a hard link, without copying pixels, or the fact that it does not exist."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        kept.with_suffix(ABSENT).touch()
        return
    try:
        os.link(file, kept, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(file, kept, follow_symlinks=False)


def restore(entry: Path, target: Path) -> None:
    """Restore a stored picture, or delete one that did not exist."""
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
