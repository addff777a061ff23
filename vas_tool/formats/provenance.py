"""Writes ``provenance.json`` of exports of pictures: how every mask was made, and its review state.

It has one line per object and frame. ``position`` is the frame's place in the export, which may leave frames out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
from vas_tool.formats.videos import ExportVideo
from vas_tool.project.truth import AnnotatedObject

PROVENANCE = "provenance.json"
"""Name of the file in an export's folder."""


def write_provenance(
    folder: Path, video: ExportVideo, *, format_name: str, objects: Iterable[AnnotatedObject], frames: Sequence[int]
) -> None:
    """Write the video, the objects, and one line for each object on each of ``frames``.

    Raises FormatError when the disk refuses.
    """
    written = list(objects)
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "videos": [video.json()],
        "objects": [{"obj_id": obj.id, "label": obj.label} for obj in written],
        "frames": (_line(video, obj, i) | {"position": p} for obj in written for p, i in enumerate(frames)),
    }
    with text_in_place(folder / PROVENANCE) as file:
        write_lists(file, format_name, lists)


def _line(video: ExportVideo, obj: AnnotatedObject, frame_index: int) -> dict[str, Any]:
    masks = video.masks(obj, frame_index)
    return {"obj_id": obj.id, **video.origin_json(frame_index), **masks.trust_json()}
