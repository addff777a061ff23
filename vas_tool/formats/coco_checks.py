"""Checks COCO files that this tool exported. Every mask is decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import FIELDS, name_of, wrong_fields
from vas_tool.formats.masks_on_frame import DIGITS
from vas_tool.formats.soft_masks import check_levels
from vas_tool.masks import CocoRle, area, box_xywh, from_rle
from vas_tool.types import Mask
from vas_tool.video.source import MAX_PIXELS

Record = dict[str, Any]

MASK_KEYS = ("segmentation", "visible_mask", "invisible_mask")

SAME_RATE = 10.0**-DIGITS
"""Rates are written rounded, so rates that differ by less are equal."""


def check_coco(data: Any) -> list[str]:
    """Return one sentence per problem of a parsed file, with the record's id; empty when there is none."""
    if not isinstance(data, dict):
        return [f"the file holds a {type(data).__name__}, not lists of images and annotations; export it again"]
    problems: list[str] = []
    lists = {name: _records(data, name, problems) for name in FIELDS}
    by_id = {name: {r["id"]: r for _, r in records if "id" in r} for name, records in lists.items()}
    problems += [p for name, records in lists.items() for p in _repeated_ids(name, records)]
    problems += _check_images(lists["images"], by_id)
    problems += [f"{name}: {p}" for name, track in lists["tracks"] for p in _dangling(track, by_id)]
    problems += _repeated_tracks(lists["annotations"])
    for name, annotation in lists["annotations"]:
        problems += [f"{name}: {p}" for p in _check_annotation(annotation, by_id)]
    return problems


def _records(data: Record, list_name: str, problems: list[str]) -> list[tuple[str, Record]]:
    """Return (name, record) of a list. Wrong keys are removed from the records and reported in ``problems``."""
    records = []
    for name, item in items_of(data, list_name, problems):
        wrong = dict(wrong_fields(item, FIELDS[list_name]))
        problems += [f"{name}: {key} {what}" for key, what in wrong.items()]
        records.append((name, {key: value for key, value in item.items() if key not in wrong}))
    return records


def items_of(data: Any, list_name: str, problems: list[str]) -> Iterator[tuple[str, Record]]:
    """Yield (name for messages, record) of a list. ``problems`` receives a sentence when it is no list, or an item is
    no record.
    """
    items = data.get(list_name) if isinstance(data, dict) else None
    if not isinstance(items, list):
        problems.append(f"{list_name} is missing or not a list; export the file again")
        return
    for position, item in enumerate(items):
        name = name_of(list_name, item, position)
        if isinstance(item, dict):
            yield name, item
        else:
            problems.append(f"{name} is a {type(item).__name__}, not a record")


def _repeated_ids(list_name: str, records: list[tuple[str, Record]]) -> Iterator[str]:
    times: dict[str, int] = defaultdict(int)
    for name, record in records:
        times[name] += "id" in record
    yield from (f"{name}: its id is there {count} times in {list_name}" for name, count in times.items() if count > 1)


def _check_images(images: list[tuple[str, Record]], by_id: dict[str, dict[int, Record]]) -> Iterator[str]:
    names: dict[str, list[str]] = defaultdict(list)
    frames: dict[int, list[tuple[int, str, Record]]] = defaultdict(list)
    for name, image in images:
        yield from (f"{name}: {problem}" for problem in _check_image(image, by_id))
        if "file_name" in image:
            names[image["file_name"]].append(name)
        if {"video_id", "frame_index"} <= image.keys():
            frames[image["video_id"]].append((image["frame_index"], name, image))
    for file_name, users in names.items():
        if len(users) > 1:
            yield f"{', '.join(users)}: all have the file_name {file_name!r}"
    for video_id in {**by_id["videos"], **frames}:
        in_order = sorted(frames[video_id], key=lambda frame: frame[:2])
        yield from _check_order(by_id["videos"].get(video_id, {}), in_order)


def _check_image(image: Record, by_id: dict[str, dict[int, Record]]) -> Iterator[str]:
    yield from _dangling(image, by_id)
    path = PurePosixPath(image.get("file_name", ""))
    if path.is_absolute() or ".." in path.parts or "\\" in str(path):
        yield f"file_name {str(path)!r} is not a plain relative path"
    if image.get("width", 1) * image.get("height", 1) > MAX_PIXELS:
        yield f"{image['width']} x {image['height']} pixels are more than any clip has; its masks were not decoded"
    video = by_id["videos"].get(image.get("video_id", -1), {})
    for key in ("width", "height"):
        if key in video and image.get(key, video[key]) != video[key]:
            yield f"{key} is {image[key]}, its video's is {video[key]}"


def _check_order(video: Record, frames: list[tuple[int, str, Record]]) -> Iterator[str]:
    """Yield problems of one video's frames, sorted by frame_index: repeated, too many or too few, or times that
    fall.
    """
    if "length" in video and len(frames) != video["length"]:
        yield f"video {video.get('id')}: length is {video['length']}, it has {len(frames)} images"
    for (before, _, earlier), (index, name, later) in pairwise(frames):
        if index == before:
            yield f"{name}: frame_index {index} is there twice in its video"
            continue
        for key in ("source_index", "pts_seconds"):
            if key in earlier and key in later and later[key] <= earlier[key]:
                yield f"{name}: {key} {later[key]} is not after the {earlier[key]} of the frame before"


def _dangling(record: Record, by_id: dict[str, dict[int, Record]]) -> Iterator[str]:
    """Yield a problem for each reference to a record that does not exist."""
    kinds = {"image_id": "images", "video_id": "videos", "category_id": "categories", "track_id": "tracks"}
    for key, list_name in kinds.items():
        if key in record and record[key] not in by_id[list_name]:
            yield f"{key} {record[key]} is not in {list_name}"


def _repeated_tracks(annotations: list[tuple[str, Record]]) -> Iterator[str]:
    seen: dict[tuple[int, int], str] = {}
    for name, annotation in annotations:
        if {"image_id", "track_id"} <= annotation.keys():
            first = seen.setdefault((annotation["image_id"], annotation["track_id"]), name)
            if first != name:
                yield f"{name}: track {annotation['track_id']} is on image {annotation['image_id']} already ({first})"


def _check_annotation(annotation: Record, by_id: dict[str, dict[int, Record]]) -> Iterator[str]:
    yield from _dangling(annotation, by_id)
    image = by_id["images"].get(annotation.get("image_id", -1), {})
    track = by_id["tracks"].get(annotation.get("track_id", -1), {})
    yield from _differing(annotation, image, "video_id", "frame_index", "source_index", "pts_seconds", of="image")
    yield from _differing(annotation, track, "video_id", "category_id", "obj_id", of="track")
    if {"width", "height"} <= image.keys() and image["width"] * image["height"] <= MAX_PIXELS:
        masks: dict[str, Mask] = {}
        yield from _decode(annotation, [image["height"], image["width"]], masks)
        yield from _check_masks(annotation, masks)
        yield from _check_extent(annotation, masks, image)
        if "amodal_probability" in annotation:
            yield from check_levels(annotation["amodal_probability"], [image["height"], image["width"]])


def _differing(record: Record, other: Record, *keys: str, of: str) -> Iterator[str]:
    for key in keys:
        if key in record and key in other and record[key] != other[key]:
            yield f"{key} is {record[key]}, its {of}'s is {other[key]}"


def _decode(annotation: Record, size_hw: list[int], masks: dict[str, Mask]) -> Iterator[str]:
    """Decode the masks into ``masks``; yield a problem for each that does not decode to the image's size."""
    for key in (key for key in MASK_KEYS if key in annotation):
        rle: CocoRle = annotation[key]
        if rle["size"] != size_hw:
            yield f"{key} has the size {rle['size']}, its image is {size_hw} (height, width)"
            continue
        try:
            masks[key] = from_rle(rle)
        except FormatError as error:
            yield f"{key} does not decode: {error}"


def _check_masks(annotation: Record, masks: dict[str, Mask]) -> Iterator[str]:
    whole, seen, hidden = (masks.get(key) for key in MASK_KEYS)
    if whole is not None:
        yield from _differing(annotation, {"area": area(whole), "bbox": box_xywh(whole)}, "area", "bbox", of="mask")
    if seen is not None:
        yield from _differing(annotation, {"inmodal_bbox": box_xywh(seen)}, "inmodal_bbox", of="visible mask")
    if seen is not None and annotation.get("inmodal_seg", annotation["visible_mask"]) != annotation["visible_mask"]:
        yield "inmodal_seg is not the visible_mask"
    if whole is None or seen is None:
        return
    if (seen & ~whole).any():
        yield f"the amodal mask does not cover {area(seen & ~whole)} pixels of the visible mask"
    if hidden is not None and (hidden != (whole & ~seen)).any():
        yield "invisible_mask is not segmentation without visible_mask"
    rate = area(whole & ~seen) / max(1, area(whole))
    if abs(annotation.get("occlude_rate", rate) - rate) > SAME_RATE:
        yield f"occlude_rate is {annotation['occlude_rate']}, the masks give {rate:.{DIGITS}f}"


def _check_extent(annotation: Record, masks: dict[str, Mask], image: Record) -> Iterator[str]:
    """Yield problems of amodal_bbox, out_of_frame and visibility, which may describe what lies beyond the picture."""
    if not {"amodal_bbox", "out_of_frame"} <= annotation.keys():
        return
    x, y, width, height = annotation["amodal_bbox"]
    beyond = min(x, y) < 0 or x + width > image["width"] or y + height > image["height"]
    if annotation["out_of_frame"] != beyond:
        yield f"out_of_frame is {annotation['out_of_frame']}, amodal_bbox {annotation['amodal_bbox']} says {beyond}"
    if "segmentation" not in masks:
        return
    left, top, w, h = box_xywh(masks["segmentation"])
    if not beyond and [x, y, width, height] != [left, top, w, h]:
        yield f"amodal_bbox is {annotation['amodal_bbox']}, the mask's box is {[left, top, w, h]}"
    elif w and not (x <= left and y <= top and left + w <= x + width and top + h <= y + height):
        yield f"amodal_bbox {annotation['amodal_bbox']} does not hold the mask's box {[left, top, w, h]}"
    if not beyond and not w:
        yield "its amodal mask is empty, and nothing of it lies beyond the picture"
    yield from _check_visibility(annotation, masks, beyond=beyond)


def _check_visibility(annotation: Record, masks: dict[str, Mask], *, beyond: bool) -> Iterator[str]:
    if not {"segmentation", "visible_mask"} <= masks.keys() or "visibility" not in annotation:
        return
    most = area(masks["visible_mask"]) / max(1, area(masks["segmentation"]))
    value = annotation["visibility"]
    if value > most + SAME_RATE or (not beyond and value < most - SAME_RATE):
        yield f"visibility is {value}, the masks give {'at most ' if beyond else ''}{most:.{DIGITS}f}"
