"""Reads COCOA files: one annotation per picture, with a region for each object (Zhu et al., CVPR 2017).

segmentation     the amodal mask, as one flat polygon
visible_mask     the modal mask as RLE; absent where the whole object is seen
name             the object's label
depth_constraint "1-2,1-3": region 1 is in front of regions 2 and 3
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile
from vas_tool.formats.annotations.checked_records import RecordLists, lists_of
from vas_tool.formats.annotations.drawn_masks import drawn
from vas_tool.formats.annotations.picture_videos import IMAGE_FIELDS, PictureVideos
from vas_tool.formats.coco_fields import Kind, is_id, is_text, wrong_fields
from vas_tool.formats.cocoa import constraints
from vas_tool.formats.origin import Id
from vas_tool.types import SizeWH

REQUIRED: Mapping[str, Mapping[str, Kind]] = {
    "videos": {"id": is_id},
    "images": IMAGE_FIELDS,
    "annotations": {"id": is_id, "image_id": is_id},
}
REGION: Mapping[str, Kind] = {"name": is_text}


def read_cocoa_regions(path: Path) -> AnnotatedFile:
    """Read a COCOA file. Wrong records are left out and listed in ``problems``.

    Raises FormatError when the file cannot be read or lacks a list.
    """
    lists = RecordLists(lists_of(path, ("images", "annotations"), what="COCOA file"), REQUIRED)
    images = lists.records("images")
    annotations = lists.known(lists.records("annotations"), "annotations", {"image_id": ("images", images)})
    videos = PictureVideos(images, lists.records("videos"))
    for record in annotations.values():
        image = images[record["image_id"]]
        regions = record.get("regions")
        if not isinstance(regions, list):
            lists.problems.append(f"annotation {record['id']}: it has no list of regions")
            continue
        added: dict[int, Id] = {}
        for number, region in enumerate(regions, 1):
            try:
                added[number] = _add(videos, image, region, number=number)
            except FormatError as error:
                lists.problems.append(f"annotation {record['id']}, region {number}: {error}")
        try:
            for front, behind in _pairs(record.get("depth_constraint") or "", len(regions)):
                if front in added and behind in added:
                    videos.add_order(image["id"], added[front], added[behind])
        except FormatError as error:
            lists.problems.append(f"annotation {record['id']}: {error}")
    return AnnotatedFile("cocoa", videos.videos(lists.problems), tuple(lists.problems))


def _pairs(text: Any, count: int) -> set[tuple[int, int]]:
    """Return the pairs (front, behind) of a depth_constraint. Raises FormatError when it is none, or contradicts
    itself.
    """
    try:
        pairs = set(constraints(text))
    except (AttributeError, ValueError) as error:
        raise FormatError(f"depth_constraint is {str(text)[:40]!r}; it must be pairs such as 1-2,1-3") from error
    odd = [f"{a}-{b}" for a, b in sorted(pairs) if a == b or not (1 <= a <= count and 1 <= b <= count)]
    if odd:
        raise FormatError(f"depth_constraint has {odd[0]}, and there are the regions 1 to {count}")
    both = [f"{a}-{b} and {b}-{a}" for a, b in sorted(pairs) if (b, a) in pairs]
    if both:
        raise FormatError(f"depth_constraint has {both[0]}, so the order was left out")
    return pairs


def _add(videos: PictureVideos, image: Mapping[str, Any], region: Any, *, number: int) -> Id:
    """Add a region, and return the id of its track."""
    if not isinstance(region, dict):
        raise FormatError(f"it is a {type(region).__name__}, not a record")
    for key, what in wrong_fields(region, REGION):
        raise FormatError(f"{key} {what}")
    size_wh: SizeWH = (image["width"], image["height"])
    amodal = drawn(region.get("segmentation"), size_wh)
    seen = region.get("visible_mask")
    if seen is None and region.get("invisible_mask") is not None:
        raise FormatError("it has an invisible_mask and no visible_mask")
    track_id: Id = region["track_id"] if is_id(region.get("track_id")) else f"{image['id']}-{number}"
    modal = amodal if seen is None else drawn(seen, size_wh)
    videos.add(image["id"], track_id, label=region["name"], category_id=0, modal=modal, amodal=amodal)
    return track_id
