"""A file with a list of frames, which a row of a manifest can name as its source: ``<name>.clip.json``.

{"folder": ..., "fps": ..., "notes": [...], "frames": [[file, source_index, pts_seconds], ...], "origin": {...}}

``origin`` holds the records of the file that the frames were imported from, as a project's ``origin.json`` does,
without tracks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vas_tool.batch.manifest import LIST_SUFFIX
from vas_tool.errors import FormatError
from vas_tool.files import write_atomically
from vas_tool.formats.json_files import load_json
from vas_tool.formats.origin import Origin
from vas_tool.types import FrameRecord
from vas_tool.video import ListedImages


@dataclass(frozen=True)
class ListedClip:
    """The frames of a clip, and where they come from."""

    images: ListedImages
    fps: float
    """Frames per second of the clip."""
    origin: Origin | None = None


def write_listed_clip(clip: ListedClip, folder: Path, name: str) -> Path:
    """Write the list as ``folder/<name>.clip.json`` and return its path. Raises ProjectError if the file cannot be
    written.
    """
    images, origin = clip.images, clip.origin
    data = {
        "folder": str(images.folder.absolute()),
        "fps": clip.fps,
        "notes": list(images.notes),
        "frames": [[path.name, record.source_index, record.pts_seconds] for path, record in images.frames],
        "origin": None if origin is None else {**asdict(origin), "image_ids": sorted(origin.image_ids.items())},
    }
    path = folder / f"{name}{LIST_SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(data).encode(), durable=False)
    return path


def read_listed_clip(path: Path) -> ListedClip:
    """Read a list of frames. Raises FormatError if the file cannot be read or a field is missing."""
    data: Any = load_json(path)
    try:
        folder, origin = Path(data["folder"]), data["origin"]
        frames = tuple((folder / Path(name).name, FrameRecord(int(i), float(s))) for name, i, s in data["frames"])
        images = ListedImages(folder, frames, tuple(map(str, data["notes"])))
        if origin is not None:
            origin = Origin(**{**origin, "image_ids": {int(f): i for f, i in origin["image_ids"]}, "tracks": {}})
        return ListedClip(images, float(data["fps"]), origin)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path} is no list of frames ({error!r}); make the manifest again") from error
