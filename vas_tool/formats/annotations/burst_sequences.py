"""Reads BURST files: one record per video, with the masks of each annotated frame by track (Athar et al., WACV 2023).

dataset, seq_name         the folder of the pictures below their root
all_image_paths           all pictures; ``fps`` is their rate
annotated_image_paths     those that are annotated
track_category_ids        track id -> category id
segmentations             for each annotated picture: track id -> {"rle": counts}. The object is not seen elsewhere

Exports of this tool also have ``amodal_segmentations`` (see ``formats.burst``). In them, a track without a record has
no mask, and the clip holds all pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack, AnnotatedVideo, ReadMask
from vas_tool.formats.annotations.checked_records import RecordLists, Records, lists_of, made_here
from vas_tool.formats.annotations.drawn_masks import absent, drawn
from vas_tool.formats.annotations.video_level import is_list, is_names
from vas_tool.formats.coco_fields import Kind, is_id, is_id_number, is_number, is_size, is_text, name_of
from vas_tool.types import SizeWH


def is_by_track(value: Any) -> bool:
    """Whether a value is a record with one entry per track."""
    return isinstance(value, dict)


def is_path_list(value: Any) -> bool:
    """Whether a value is a list of paths."""
    return isinstance(value, list) and all(map(is_text, value))


REQUIRED: Mapping[str, Mapping[str, Kind]] = {
    "sequences": {
        "id": is_id,
        "seq_name": is_text,
        "width": is_size,
        "height": is_size,
        "annotated_image_paths": is_path_list,
        "segmentations": is_list,
        "track_category_ids": is_by_track,
    },
    "categories": {"id": is_id_number, "name": is_text},
}


def read_burst(path: Path) -> AnnotatedFile:
    """Read a BURST file. Wrong records are left out and listed in ``problems``.

    Raises FormatError when the file cannot be read or lacks a list.
    """
    return burst_of(lists_of(path, REQUIRED, what="BURST file"))


def burst_of(data: dict[str, Any]) -> AnnotatedFile:
    """Return the content of a parsed file that has the lists ``sequences`` and ``categories``."""
    lists = RecordLists(data, REQUIRED)
    categories, ours = lists.records("categories"), made_here(data)
    videos = []
    for record in lists.records("sequences").values():
        try:
            videos.append(_Sequence(record, categories, ours=ours).video(lists.problems))
        except FormatError as error:
            lists.problems.append(f"{name_of('sequences', record, 0)} ({record['seq_name']}): {error}")
    return AnnotatedFile("burst", tuple(videos), tuple(lists.problems))


class _Sequence:
    """One record of ``sequences``."""

    def __init__(self, record: Mapping[str, Any], categories: Records, *, ours: bool) -> None:
        self._record, self._categories, self._ours = record, categories, ours
        self._size_wh: SizeWH = (record["width"], record["height"])
        self._files: list[str] = record.get("all_image_paths") or record["annotated_image_paths"]
        if not is_names(self._files) or len(set(self._files)) < len(self._files):
            raise FormatError("its image paths must be a list of different names, at least one")
        place = {name: i for i, name in enumerate(self._files)}
        missing = [name for name in record["annotated_image_paths"] if name not in place]
        if missing:
            raise FormatError(f"{missing[0]} is in annotated_image_paths and not in all_image_paths")
        self._places = [place[name] for name in record["annotated_image_paths"]]
        if not ours and not self._places:
            raise FormatError("none of its pictures is annotated")
        if self._places != sorted(set(self._places)):
            raise FormatError("annotated_image_paths are not in the order of all_image_paths")
        if len(record["segmentations"]) != len(self._places):
            counts = f"{len(record['segmentations'])} entries, {len(self._places)} pictures are annotated"
            raise FormatError(f"segmentations has {counts}")
        whole = record.get("amodal_segmentations") if ours else []
        if not isinstance(whole, list) or (ours and len(whole) != len(self._places)):
            raise FormatError("amodal_segmentations is no list with an entry per annotated picture; export it again")
        self._whole: list[Any] = whole

    def video(self, problems: list[str]) -> AnnotatedVideo:
        """Return the video. Tracks that cannot be read are left out; ``problems`` receives a sentence for each."""
        record, tracks = self._record, []
        for track_id in record["track_category_ids"]:
            try:
                tracks.append(self._track(track_id))
            except FormatError as error:
                problems.append(f"sequence {record['id']} ({record['seq_name']}), track {track_id}: {error}")
        fps, where = record.get("fps"), f"{record.get('dataset') or '.'}/{record['seq_name']}"
        times = record.get("pts_seconds")
        timed = isinstance(times, list) and len(times) == len(self._files) and all(map(is_number, times))
        return AnnotatedVideo(
            id=record["id"],
            name=where.removeprefix("./"),
            size_wh=self._size_wh,
            files=tuple(f"{where}/{name}" for name in self._files),
            tracks=tuple(tracks),
            annotated=None if self._ours or len(self._places) == len(self._files) else tuple(self._places),
            fps=float(fps) if fps is not None and is_number(fps) and fps > 0 else None,
            seconds=tuple(map(float, times)) if times and timed else None,
        )

    def _track(self, track_id: str) -> AnnotatedTrack:
        category_id = self._record["track_category_ids"][track_id]
        category = self._categories.get(category_id) if is_id(category_id) else None
        if category is None:
            raise FormatError(f"category {category_id} is not in categories")
        modal = self._masks(track_id, self._record["segmentations"])
        amodal = self._masks(track_id, self._whole)
        unseen = amodal if self._ours else self._places
        modal = {place: absent(self._size_wh) for place in unseen} | modal
        number = int(track_id) if track_id.isascii() and track_id.isdecimal() else track_id
        return AnnotatedTrack(number, category["name"], category_id, modal, amodal)

    def _masks(self, track_id: str, frames: list[Any]) -> dict[int, ReadMask]:
        """Return the track's masks by the index of their picture."""
        there = zip(self._places, frames, strict=False)
        items = {place: here[track_id] for place, here in there if isinstance(here, dict) and track_id in here}
        return {place: self._mask(item, place) for place, item in items.items()}

    def _mask(self, item: Any, place: int) -> ReadMask:
        counts = item.get("rle") if isinstance(item, dict) else None
        try:
            return drawn({"size": [self._size_wh[1], self._size_wh[0]], "counts": counts}, self._size_wh)
        except FormatError as error:
            raise FormatError(f"{self._files[place]}: {error}") from error
