"""Reads files with one annotation per object of a video: YouTube-VIS, OVIS, and exports of this tool.

segmentations     a list with the mask of each frame; null where nothing of the object is seen
visible_masks     in exports of this tool: the modal masks. ``segmentations`` are the amodal masks then, and null means
                  that no mask was made
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack, AnnotatedVideo, ReadMask
from vas_tool.formats.annotations.checked_records import RecordLists, Records, lists_of
from vas_tool.formats.annotations.drawn_masks import absent, drawn
from vas_tool.formats.coco_fields import Kind, is_id, is_id_number, is_number, is_size, is_text, name_of
from vas_tool.types import SizeWH


def is_names(value: Any) -> bool:
    """Whether a value is a list of file names, at least one."""
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def is_list(value: Any) -> bool:
    """Whether a value is a list."""
    return isinstance(value, list)


REQUIRED: Mapping[str, Mapping[str, Kind]] = {
    "videos": {"id": is_id, "width": is_size, "height": is_size, "file_names": is_names},
    "categories": {"id": is_id_number, "name": is_text},
    "annotations": {"id": is_id, "video_id": is_id, "category_id": is_id_number, "segmentations": is_list},
}


def read_video_level(path: Path) -> AnnotatedFile:
    """Read a file with one annotation per object of a video. Wrong records are left out and listed in ``problems``.

    Raises FormatError when the file cannot be read or lacks a list, as the test sets without annotations do.
    """
    lists = RecordLists(lists_of(path, REQUIRED, what="YouTube-VIS file with annotations"), REQUIRED)
    videos, categories = lists.records("videos"), lists.records("categories")
    kinds = {"video_id": ("videos", videos), "category_id": ("categories", categories)}
    tracks: dict[Any, list[AnnotatedTrack]] = {}
    for record in lists.known(lists.records("annotations"), "annotations", kinds).values():
        try:
            track = _track(record, videos[record["video_id"]], categories)
            tracks.setdefault(record["video_id"], []).append(track)
        except FormatError as error:
            lists.problems.append(f"{name_of('annotations', record, 0)}: {error}")
    made = tuple(_video(video, tuple(tracks.get(video_id, ()))) for video_id, video in videos.items())
    return AnnotatedFile("youtube-vis", made, tuple(lists.problems))


def _track(record: Mapping[str, Any], video: Mapping[str, Any], categories: Records) -> AnnotatedTrack:
    if record.get("iscrowd"):
        raise FormatError("iscrowd is 1: it is a region of several objects, which cannot be one object")
    size_wh: SizeWH = (video["width"], video["height"])
    length, label = len(video["file_names"]), categories[record["category_id"]]["name"]
    whole = _masks(record["segmentations"], size_wh, length=length, key="segmentations")
    if "visible_masks" not in record:
        modal = {place: whole.get(place, absent(size_wh)) for place in range(length)}
        return AnnotatedTrack(record["id"], label, record["category_id"], modal)
    if not is_list(record["visible_masks"]):
        raise FormatError("visible_masks is no list")
    seen = _masks(record["visible_masks"], size_wh, length=length, key="visible_masks")
    if seen.keys() != whole.keys():
        odd = min(seen.keys() ^ whole.keys())
        raise FormatError(f"frame {odd} has only one of segmentations and visible_masks")
    return AnnotatedTrack(record["id"], label, record["category_id"], seen, whole)


def _masks(values: list[Any], size_wh: SizeWH, *, length: int, key: str) -> dict[int, ReadMask]:
    if len(values) != length:
        raise FormatError(f"{key} has {len(values)} entries, its video {length} frames")
    masks = {}
    for place, value in enumerate(values):
        if value is None:
            continue
        try:
            masks[place] = drawn(value, size_wh)
        except FormatError as error:
            raise FormatError(f"{key}, frame {place}: {error}") from error
    return masks


def _video(record: Mapping[str, Any], tracks: tuple[AnnotatedTrack, ...]) -> AnnotatedVideo:
    files, times, fps = tuple(record["file_names"]), record.get("pts_seconds"), record.get("fps")
    timed = isinstance(times, list) and len(times) == len(files) and all(map(is_number, times))
    return AnnotatedVideo(
        id=record["id"],
        name=record["name"] if is_text(record.get("name")) else str(PurePosixPath(files[0]).parent),
        size_wh=(record["width"], record["height"]),
        files=files,
        tracks=tracks,
        fps=float(fps) if fps is not None and is_number(fps) and fps > 0 else None,
        seconds=tuple(map(float, times)) if timed and times else None,
    )
