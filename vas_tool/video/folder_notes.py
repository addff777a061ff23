"""Notes on the files of a folder of images: files that are left out, and files that look like duplicates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from vas_tool.wording import counted

NOTES_AND_DATA = re.compile(
    r"\.(cfg|csv|db|h5|html|ini|jsonl?|log|mat|md|np[yz]|pdf|pickle|pkl|pt|py|sh)|"
    r"\.(tar|gz|toml|tsv|txt|url|xml|ya?ml|zip)",
    re.IGNORECASE,
)
"""Suffixes of files that are clearly no pictures of a video. They are left out without a note."""
NAMED = 3
"""Most files that a sentence names."""


def folder_notes(folder: Path, taken: Sequence[Path]) -> list[str]:
    """Return sentences about the files of ``folder`` that are not in ``taken``, the frames. Hidden files are
    ignored.
    """
    names = {path.name for path in taken}
    left = sorted(path.name for path in folder.iterdir() if path.name not in names and _may_be_picture(path))
    by_stem: dict[str, list[str]] = defaultdict(list)
    for path in taken:
        by_stem[path.stem].append(path.name)
    doubles = [" and ".join(same) for same in by_stem.values() if len(same) > 1]
    notes = []
    if left:
        were = "was" if len(left) == 1 else "were"
        notes.append(f"{counted(len(left), 'file')} of the folder {were} left out: {_some(left)}")
    if doubles:
        have = counted(len(doubles), "name has", "names have")
        notes.append(f"{have} several images, each of which became a frame of its own: {_some(doubles)}")
    return notes


def _may_be_picture(path: Path) -> bool:
    """Return whether a file could be a picture of the video. Broken links count."""
    return not (path.name.startswith(".") or path.is_dir() or NOTES_AND_DATA.fullmatch(path.suffix))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
