"""Reads files with one annotation per object and picture: COCO, COCOA-cls, D2SA, KINS, and exports of this tool.

segmentation, a_segm                               the amodal mask, as RLE or polygons
visible_mask, inmodal_seg, i_segm, i_segmentation  the modal mask; absent where the whole object is seen

oco_id, ico_id (KINS 2020): the group of objects that hide one another in a picture, and 1, 2, ... from front to back in
it. Objects of a group whose boxes meet are taken to be in that order.

KINS: Qi et al., CVPR 2019. COCOA-cls and D2SA: Follmann et al., WACV 2019.

In a file without any modal mask (plain COCO), ``segmentation`` is the modal mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, ReadMask
from vas_tool.formats.annotations.checked_records import RecordLists, lists_of
from vas_tool.formats.annotations.drawn_masks import drawn
from vas_tool.formats.annotations.picture_videos import IMAGE_FIELDS, PictureVideos
from vas_tool.formats.coco_fields import Kind, is_box, is_count, is_id, is_id_number, is_text, name_of
from vas_tool.formats.origin import Id
from vas_tool.types import SizeWH

AMODAL = ("a_segm", "segmentation")
"""Keys of the amodal mask; the first that is there counts."""

MODAL = ("visible_mask", "inmodal_seg", "i_segm", "i_segmentation")
"""Keys of the modal mask; the first that is there counts."""

REQUIRED: Mapping[str, Mapping[str, Kind]] = {
    "videos": {"id": is_id},
    "images": IMAGE_FIELDS,
    "categories": {"id": is_id_number, "name": is_text},
    "annotations": {"id": is_id, "image_id": is_id, "category_id": is_id_number},
}


def read_image_level(path: Path) -> AnnotatedFile:
    """Read a file with one annotation per object and picture. Wrong records are left out and listed in ``problems``.

    Raises FormatError when the file cannot be read or lacks a list.
    """
    data = lists_of(path, ("images", "categories", "annotations"), what="COCO or KINS file")
    lists = RecordLists(data, REQUIRED)
    images, categories = lists.records("images"), lists.records("categories")
    kinds = {"image_id": ("images", images), "category_id": ("categories", categories)}
    annotations = lists.known(lists.records("annotations"), "annotations", kinds)
    videos = PictureVideos(images, lists.records("videos"))
    added: list[dict[str, Any]] = []
    has_modal = any(key in record for record in annotations.values() for key in MODAL)
    for record in annotations.values():
        image = images[record["image_id"]]
        try:
            modal, amodal = _masks(record, (image["width"], image["height"]), has_modal=has_modal)
            videos.add(
                image["id"],
                _track_id(record),
                label=categories[record["category_id"]]["name"],
                category_id=record["category_id"],
                modal=modal,
                amodal=amodal,
            )
            added.append(record)
        except FormatError as error:
            lists.problems.append(f"{name_of('annotations', record, 0)}: {error}")
    for front, behind in _in_front(added):
        videos.add_order(front["image_id"], _track_id(front), _track_id(behind))
    return AnnotatedFile("coco", videos.videos(lists.problems), tuple(lists.problems))


def _track_id(record: Mapping[str, Any]) -> Id:
    found: Id = record["track_id"] if is_id(record.get("track_id")) else record["id"]
    return found


def _in_front(records: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the pairs of records whose first is in front of the second, by the keys of KINS 2020."""
    groups: dict[tuple[Id, int], list[dict[str, Any]]] = {}
    for record in records:
        if is_count(record.get("oco_id")) and is_count(record.get("ico_id")) and record["ico_id"]:
            groups.setdefault((record["image_id"], record["oco_id"]), []).append(record)
    for members in groups.values():
        for front, behind in permutations(members, 2):
            if (
                front["ico_id"] < behind["ico_id"]
                and _track_id(front) != _track_id(behind)
                and _meet(_box(front), _box(behind))
            ):
                yield front, behind


def _box(record: Mapping[str, Any]) -> Any:
    return record.get("a_bbox", record.get("bbox"))


def _meet(box: Any, other: Any) -> bool:
    """Return whether two boxes [x, y, width, height] share an area. Values that are no boxes do not."""
    if not (is_box(box) and is_box(other)):
        return False
    return all(max(box[i], other[i]) < min(box[i] + box[i + 2], other[i] + other[i + 2]) for i in (0, 1))


def _masks(record: Mapping[str, Any], size_wh: SizeWH, *, has_modal: bool) -> tuple[ReadMask, ReadMask | None]:
    """Return the modal and the amodal mask; no amodal mask if the file has only modal masks."""
    if record.get("iscrowd"):
        raise FormatError("iscrowd is 1: it is a region of several objects, which cannot be one object")
    whole = _first(record, AMODAL)
    if whole is None:
        raise FormatError("segmentation is missing")
    amodal = drawn(whole, size_wh)
    if not has_modal:
        return amodal, None
    seen = _first(record, MODAL)
    if seen is None and record.get("occlude_rate"):
        raise FormatError(f"occlude_rate is {record['occlude_rate']}, and there is no {', '.join(MODAL)}")
    return amodal if seen is None else drawn(seen, size_wh), amodal


def _first(record: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)
