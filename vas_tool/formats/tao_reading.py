"""Reads TAO-Amodal annotations. Wrong records are listed; the others are returned.

It reads ``train.json``, ``validation.json`` and the ``*_lvis_v1.json`` files of the evaluation. In the latter, ``bbox``
may be the amodal box. That shows where both boxes are equal although ``visibility``, their IoU, is below 1;
``modal_xywh`` is None there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.checked_records import RecordLists, Records
from vas_tool.formats.coco_fields import (
    Kind,
    is_extent,
    is_flag,
    is_id,
    is_id_number,
    is_integer,
    is_rate,
    is_size,
    is_text,
    name_of,
    wrong_fields,
)
from vas_tool.formats.json_files import load_json
from vas_tool.formats.origin import Id
from vas_tool.formats.tao_amodal import TaoAmodalFile, TaoBox, TaoImage, TaoTrack, TaoVideo, Xywh
from vas_tool.video.order import natural

REQUIRED: dict[str, dict[str, Kind]] = {
    "videos": {"id": is_id, "name": is_text, "width": is_size, "height": is_size},
    "images": {"id": is_id, "video_id": is_id, "file_name": is_text},
    "categories": {"id": is_id_number, "name": is_text},
    "tracks": {"id": is_id, "video_id": is_id, "category_id": is_id_number},
    "annotations": {"id": is_id, "image_id": is_id, "track_id": is_id, "category_id": is_id_number, "video_id": is_id},
}
"""Name of a list -> key -> check of its value. Only the list ``tracks`` may be absent."""

OPTIONAL: dict[str, Kind] = {"visibility": is_rate, "out_of_frame": is_flag, "amodal_is_uncertain": is_flag}
"""Optional keys of annotations -> check of the value."""


def is_tao_amodal(data: Any) -> bool:
    """Return whether a parsed file has the lists of TAO-Amodal, and boxes instead of masks."""
    if not isinstance(data, dict) or not {"videos", "images", "annotations"} <= data.keys():
        return False
    items = data["annotations"] if isinstance(data["annotations"], list) else []
    records = [item for item in items if isinstance(item, dict)]
    return any("amodal_bbox" in r or "bbox" in r for r in records) and not any("segmentation" in r for r in records)


def read_tao_amodal(path: Path) -> TaoAmodalFile:
    """Read an annotation file. Raises FormatError when it cannot be read or lacks a list.

    A file of the data set's size (2,907 videos, 332k boxes) takes seconds, because every lookup is by key.
    """
    return tao_amodal_of(load_json(path, allow_nan=True), path)


def tao_amodal_of(data: Any, path: Path) -> TaoAmodalFile:
    """Return the records of a parsed file. ``path`` names it in messages. Raises FormatError when it lacks a list."""
    needed = [name for name in REQUIRED if name != "tracks"]
    if not isinstance(data, dict) or not all(isinstance(data.get(name), list) for name in needed):
        raise FormatError(f"{path} lacks one of the lists {', '.join(needed)}; name an annotation file of TAO-Amodal")
    return _Reading(data, REQUIRED).file()


class _Reading(RecordLists):
    """Checks the records of a parsed file."""

    def file(self) -> TaoAmodalFile:
        videos, categories = self.records("videos"), self._categories()
        images = self.known(self.records("images"), "images", {"video_id": ("videos", videos)})
        annotations = self.known(
            self.records("annotations"),
            "annotations",
            {"image_id": ("images", images), "video_id": ("videos", videos), "category_id": ("categories", categories)},
        )
        tracks = self._tracks(annotations, videos=videos, categories=categories)
        boxes = self._boxes(annotations, images=images, tracks=tracks)
        in_order = _by_video(images.values())
        place = {image.id: place for own in in_order.values() for place, image in enumerate(own)}
        named_images = self._named_images()
        return TaoAmodalFile(
            videos=tuple(_video(video, in_order) for video in videos.values()),
            tracks=tuple(
                _track(
                    track,
                    categories[track["category_id"]],
                    boxes=_sorted_by(boxes[track_id], place),
                    unclear=sorted(
                        (i for i in named_images[track_id] if i in place and i not in boxes[track_id]),
                        key=place.__getitem__,
                    ),
                )
                for track_id, track in tracks.items()
                if track_id in boxes
            ),
            problems=tuple(self.problems),
        )

    def _named_images(self) -> dict[Id, dict[Id, None]]:
        """Track id -> the images that its records name, wrong records included, in the records' order."""
        named_images: dict[Id, dict[Id, None]] = {}
        for record in self.data["annotations"]:
            here: dict[str, Any] = record if isinstance(record, dict) else {}
            track: Any = here.get("track_id")
            image: Any = here.get("image_id")
            if is_id(track) and is_id(image):
                named_images.setdefault(track, {})[image] = None
        return named_images

    def _categories(self) -> Records:
        """Return the categories by id. The id of a category that was merged into another gives the other."""
        categories = self.records("categories")
        merged = [(m, c) for c in categories.values() for m in _list(c.get("merged")) if isinstance(m, dict)]
        return {m["id"]: c for m, c in merged if is_id_number(m.get("id"))} | categories

    def _tracks(self, annotations: Records, *, videos: Records, categories: Records) -> Records:
        """Return the file's tracks. A file without the list has one for each track_id of its annotations."""
        if isinstance(self.data.get("tracks"), list):
            kinds = {"video_id": ("videos", videos), "category_id": ("categories", categories)}
            return self.known(self.records("tracks"), "tracks", kinds)
        tracks: Records = {}
        for record in annotations.values():
            here = {key: record[key] for key in ("video_id", "category_id")}
            tracks.setdefault(record["track_id"], {"id": record["track_id"], **here})
        return tracks

    def _boxes(self, annotations: Records, *, images: Records, tracks: Records) -> dict[Id, dict[Id, TaoBox]]:
        """Return the boxes by track id and image id."""
        boxes: dict[Id, dict[Id, TaoBox]] = {}
        for record in annotations.values():
            name = name_of("annotations", record, 0)
            wrong = list(_mismatches(record, images[record["image_id"]], tracks.get(record["track_id"])))
            track = boxes.setdefault(record["track_id"], {})
            if record["image_id"] in track:
                wrong.append(f"track {record['track_id']} has a box on image {record['image_id']} already")
            box, odd = _box(record)
            self.problems += [f"{name}: {what}" for what in (*wrong, *odd)]
            if box is not None and not wrong:
                track[record["image_id"]] = box
        return {track_id: track for track_id, track in boxes.items() if track}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mismatches(record: dict[str, Any], image: dict[str, Any], track: dict[str, Any] | None) -> Iterator[str]:
    if record["video_id"] != image["video_id"]:
        yield f"video_id is {record['video_id']}, its image's is {image['video_id']}"
    if track is None:
        yield f"track_id {record['track_id']} is not in tracks"
    elif record["video_id"] != track["video_id"]:
        yield f"video_id is {record['video_id']}, its track's is {track['video_id']}"
    elif record["category_id"] != track["category_id"]:
        yield f"category_id is {record['category_id']}, its track's is {track['category_id']}"


def _box(record: dict[str, Any]) -> tuple[TaoBox | None, list[str]]:
    """Return the box, None when it is unusable; and the problems."""
    there = {key: kind for key, kind in OPTIONAL.items() if key in record}
    odd = {key: f"{key} {what}" for key, what in wrong_fields(record, there)}
    values = {key: record[key] for key in there if key not in odd}
    amodal = record.get("amodal_bbox", record.get("bbox"))
    visibility = float(values.get("visibility", 1.0))
    if amodal is None or not is_extent(amodal):
        known = "amodal_bbox" if "amodal_bbox" in record else "bbox"
        what = f"is {amodal}; it needs four numbers, width and height more than 0" if known in record else "is missing"
        return None, [*odd.values(), f"{known} {what}"]
    modal = record.get("bbox") if "amodal_bbox" in record else None
    hidden = modal == amodal and visibility < 1  # an evaluation file, whose bbox is the amodal box
    if modal is not None and not hidden and not is_extent(modal):
        if visibility > 0:
            odd["bbox"] = f"bbox is {modal}; it needs four numbers, width and height more than 0"
        modal = None
    box = TaoBox(
        id=record["id"],
        image_id=record["image_id"],
        amodal_xywh=_xywh(amodal),
        modal_xywh=None if modal is None or hidden else _xywh(modal),
        visibility=visibility,
        out_of_frame=bool(values.get("out_of_frame", False)),
        uncertain=bool(values.get("amodal_is_uncertain", False)),
    )
    return box, list(odd.values())


def _xywh(value: list[float]) -> Xywh:
    x, y, width, height = value
    return x, y, width, height


def _by_video(images: Iterable[dict[str, Any]]) -> dict[Id, list[TaoImage]]:
    """Return video id -> its images, sorted by frame_index if the file states it, else by name."""
    by_video: dict[Id, list[TaoImage]] = {}
    for record in images:
        index = record["frame_index"] if is_integer(record.get("frame_index")) else None
        image = TaoImage(record["id"], record["video_id"], record["file_name"], index)
        by_video.setdefault(image.video_id, []).append(image)
    for own in by_video.values():
        own.sort(key=lambda i: (math.inf if i.frame_index is None else i.frame_index, natural(i.file_name)))
    return by_video


def _sorted_by(boxes: Mapping[Id, TaoBox], place: Mapping[Id, int]) -> tuple[TaoBox, ...]:
    return tuple(sorted(boxes.values(), key=lambda box: place[box.image_id]))


def _video(video: dict[str, Any], images: Mapping[Id, list[TaoImage]]) -> TaoVideo:
    return TaoVideo(video["id"], video["name"], (video["width"], video["height"]), tuple(images.get(video["id"], ())))


def _track(
    track: dict[str, Any], category: dict[str, Any], *, boxes: tuple[TaoBox, ...], unclear: Iterable[Id]
) -> TaoTrack:
    return TaoTrack(
        track["id"], track["video_id"], category["id"], category["name"], boxes=boxes, unclear_images=tuple(unclear)
    )
