"""Finds the project that was made from a source before, so that opening the source again returns to it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from vas_tool.formats.sequences import is_sequences_folder
from vas_tool.video.source import sha256_of

HEAD_BYTES = 1 << 16
"""First bytes of a project.json, which hold its source."""


def made_from(root: Path, source: Path) -> Path | None:
    """Return the folder under ``root`` of the project that was made from a video or folder, under any of its paths."""
    with_masks = source.is_dir() and is_sequences_folder(source)
    frames = source / "rgbs" if with_masks else source
    for file in sorted(root.glob("[!.]*/project.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # a damaged project is reported when it is opened
            same = _is_of(_recorded_source(file), frames)
            if same and (not with_masks or any(file.parent.glob("objects/*/given"))):
                return file.parent
    return None


def _recorded_source(file: Path) -> dict[str, Any]:
    """Return the source in a project.json. Only the beginning of the file is read.

    Raises OSError, ValueError.
    """
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES).decode(errors="ignore")
    return cast(dict[str, Any], json.JSONDecoder().raw_decode(head, head.index("{", head.index('"source"')))[0])


def _is_of(recorded: dict[str, Any], source: Path) -> bool:
    path = Path(recorded["path"])
    if not (path.exists() and path.samefile(source)):
        return False
    # A bare name may come from an upload from another computer.
    bare = path.name == recorded["path"] and recorded["kind"] == "video"
    return not bare or sha256_of(source, tick=lambda: None) == recorded["sha256"]
