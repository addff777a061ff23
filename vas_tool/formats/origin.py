"""Reads and writes ``origin.json`` of a project: the records of the file that it was imported from. Exports use their
ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vas_tool.errors import ProjectDamaged
from vas_tool.files import read_plain, write_atomically

ORIGIN = "origin.json"
"""Name of the file in the project's folder."""

Id = int | str


@dataclass(frozen=True)
class TrackOrigin:
    """The record that an object was made from."""

    track_id: Id
    category_id: int
    unsure: tuple[int, ...] = ()
    """Frames on which the annotator was unsure of the amodal box."""


@dataclass(frozen=True)
class Origin:
    """The file that a project was imported from. It is written once, at the import."""

    format: str
    file_name: str
    """Name of the annotation file."""
    sha256: str
    video_id: Id
    image_ids: Mapping[int, Id]
    """frame_index -> image id; only the frames that the file annotates."""
    tracks: Mapping[int, TrackOrigin]
    """object id -> the track that it was made from. Objects that the user added have none."""


def write_origin(folder: Path, origin: Origin) -> None:
    """Write ``origin.json`` into a project's folder. Raises ProjectError when the disk refuses."""
    data = {
        "format": origin.format,
        "file_name": origin.file_name,
        "sha256": origin.sha256,
        "video_id": origin.video_id,
        "images": [[frame_index, image_id] for frame_index, image_id in sorted(origin.image_ids.items())],
        "tracks": [[i, t.track_id, t.category_id, list(t.unsure)] for i, t in sorted(origin.tracks.items())],
    }
    write_atomically(folder / ORIGIN, json.dumps(data).encode())


def read_origin(folder: Path) -> Origin | None:
    """Read ``origin.json``; None for a project that was not imported. Raises ProjectDamaged when it is unreadable."""
    file = folder / ORIGIN
    if not file.exists():
        return None
    try:
        data: dict[str, Any] = json.loads(read_plain(file))
        return Origin(
            format=str(data["format"]),
            file_name=str(data["file_name"]),
            sha256=str(data["sha256"]),
            video_id=data["video_id"],
            image_ids={int(frame): image_id for frame, image_id in data["images"]},
            tracks={
                int(i): TrackOrigin(track, category, tuple(unsure)) for i, track, category, unsure in data["tracks"]
            },
        )
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProjectDamaged(
            f"{file} does not read ({type(error).__name__}: {error}); take it out to export with ids of our own"
        ) from error
