"""Reads COCOA files: one annotation per picture, with a region for each object (Zhu et al., CVPR 2017).

segmentation     the amodal mask, as one flat polygon
visible_mask     the modal mask as RLE; absent where the whole object is seen
name             the object's label
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
from vas_tool.types import SizeWH

REQUIRED: Mapping[str, Mapping[str, Kind]] = {
    "videos": {"id": is_id},
    "images": IMAGE_FIELDS,
    "annotations": {"id": is_id, "image_id": is_id},
}
REGION: Mapping[str, Kind] = {"name": is_text}


def read_cocoa_regions(path: Path) -> AnnotatedFile:
    """Read an annotation file. Wrong records are left out and listed.

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
        for number, region in enumerate(regions, 1):
            try:
                _add(videos, image, region, number=number)
            except FormatError as error:
                lists.problems.append(f"annotation {record['id']}, region {number}: {error}")
    return AnnotatedFile("cocoa", videos.videos(lists.problems), tuple(lists.problems))


def _add(videos: PictureVideos, image: Mapping[str, Any], region: Any, *, number: int) -> None:
    if not isinstance(region, dict):
        raise FormatError(f"it is a {type(region).__name__}, not a record")
    for key, what in wrong_fields(region, REGION):
        raise FormatError(f"{key} {what}")
    size_wh: SizeWH = (image["width"], image["height"])
    amodal = drawn(region.get("segmentation"), size_wh)
    seen = region.get("visible_mask")
    if seen is None and region.get("invisible_mask") is not None:
        raise FormatError("it has an invisible_mask and no visible_mask")
    track_id = region["track_id"] if is_id(region.get("track_id")) else f"{image['id']}-{number}"
    modal = amodal if seen is None else drawn(seen, size_wh)
    videos.add(image["id"], track_id, label=region["name"], category_id=0, modal=modal, amodal=amodal)
