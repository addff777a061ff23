"""Checks files of polygons (KINS, COCOA): the polygons are rasterised, and the masks checked as COCO records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.coco_checks import Record, check_coco, items_of
from vas_tool.formats.coco_fields import (
    CALLED,
    Kind,
    is_count,
    is_polygon,
    is_polygons,
    is_rle,
    is_size,
    is_text,
    meaning,
    wrong_fields,
)
from vas_tool.formats.cocoa import constraints
from vas_tool.formats.polygons import from_polygons
from vas_tool.masks import box_xywh, from_rle, to_rle
from vas_tool.types import Mask
from vas_tool.video.source import MAX_PIXELS

# --- kins -----------------------------------------------------------------------------------------------------------


def check_kins(data: Any) -> list[str]:
    """Return one sentence per problem of a parsed KINS-style file. pycocotools rasterises its polygons."""
    problems: list[str] = []
    sizes = _sizes(data)
    annotations = []
    for name, item in items_of(data, "annotations", problems):
        rle, what = _rasterised(item.get("segmentation"), sizes.get(_id(item)), one=False)
        problems += [f"{name}: {w}" for w in what]
        problems += [f"{name}: {w}" for w in _kins_names(item, rle)]
        annotations.append({**item, "segmentation": rle})
    found = check_coco({**data, "annotations": annotations}) if isinstance(data, dict) else check_coco(data)
    return problems + [p for p in found if "segmentation is None" not in p and p not in problems]


def _kins_names(item: Record, rle: Any) -> Iterator[str]:
    same = {"a_segm": rle, "a_bbox": "bbox", "a_area": "area", "i_segm": "visible_mask", "i_bbox": "inmodal_bbox"}
    for key, other in same.items():
        expected = item.get(other) if isinstance(other, str) else other
        if key not in item:
            yield f"{key} is missing"
        elif expected is not None and item[key] != expected:
            yield f"{key} is not the {other if isinstance(other, str) else 'segmentation'}"
    for key in ("oco_id", "ico_id"):
        if not is_count(item.get(key)):
            yield f"{key} is {item.get(key)!r}; it must be: a whole number from 0"


def _id(item: Record) -> int:
    image_id = item.get("image_id")
    return image_id if is_count(image_id) and isinstance(image_id, int) else -1


def _sizes(data: Any) -> dict[int, tuple[int, int]]:
    """Return image id -> (width, height), for images that state a size which a clip can have."""
    images = data.get("images") if isinstance(data, dict) else None
    records = [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []
    sound = [r for r in records if is_count(r.get("id")) and is_size(r.get("width")) and is_size(r.get("height"))]
    return {r["id"]: (r["width"], r["height"]) for r in sound if r["width"] * r["height"] <= MAX_PIXELS}


def _rasterised(value: Any, size_wh: tuple[int, int] | None, *, one: bool) -> tuple[Any, list[str]]:
    """Return the RLE of polygons (of a single polygon with ``one``), or None; and the problems."""
    if not (is_polygon(value) if one else is_polygons(value) and value):
        meant = meaning(is_polygon if one else is_polygons)
        return None, [f"segmentation is {str(value)[:40]}; it must be: {meant}"]
    if size_wh is None:
        return None, []  # the image's own problems are reported elsewhere
    return to_rle(from_polygons([value] if one else value, size_wh)), []


# --- cocoa ----------------------------------------------------------------------------------------------------------

REGION: dict[str, Kind] = {"name": is_text, "order": is_size, "obj_id": is_count, "track_id": is_count}


def check_cocoa(data: Any) -> list[str]:
    """Return one sentence per problem of a parsed COCOA-style file, with its annotation and region."""
    problems: list[str] = []
    images = {i: image for i, image in ((_id({"image_id": r.get("id")}), r) for _, r in items_of(data, "images", []))}
    sizes, pictures = _sizes(data), set()
    records: list[Record] = []
    for name, item in items_of(data, "annotations", problems):
        regions = item.get("regions")
        image = images.get(_id(item))
        if image is None or not isinstance(regions, list):
            problems.append(f"{name}: it needs a list regions, and an image_id that is in images")
            continue
        if _id(item) in pictures:
            problems.append(f"{name}: image {_id(item)} has an annotation already")
        pictures.add(_id(item))
        problems += [f"{name}: {what}" for what in _check_order(item, regions)]
        for number, region in enumerate(regions, 1):
            called = f"{name}, region {number}"
            record = _region_record(region, image, called, size_wh=sizes.get(_id(item)), problems=problems)
            records += [record] if record else []
    return problems + [p for p in _check_regions(data, records) if p not in problems]


def _check_order(item: Record, regions: list[Any]) -> Iterator[str]:
    orders = [region.get("order") for region in regions if isinstance(region, dict)]
    if orders != list(range(1, len(regions) + 1)):
        yield f"the regions' order is {orders}; it must count from 1, front to back"
    try:
        pairs = constraints(item.get("depth_constraint", ""))
    except (ValueError, AttributeError, TypeError):
        yield f"depth_constraint is {item.get('depth_constraint')!r}; it must look like 1-2,1-3"
        return
    for front, behind in pairs:
        if not {front, behind} <= set(range(1, len(regions) + 1)) or front == behind:
            yield f"depth_constraint names {front}-{behind}, there are {len(regions)} regions"


def _region_record(
    region: Any, image: Record, called: str, *, size_wh: tuple[int, int] | None, problems: list[str]
) -> Record | None:
    """Return the region as an image-level annotation without ids; None when it cannot be checked further."""
    if not isinstance(region, dict):
        problems.append(f"{called} is a {type(region).__name__}, not a record")
        return None
    rle, what = _rasterised(region.get("segmentation"), size_wh, one=True)
    wrong = [f"{key} {w}" for key, w in wrong_fields(region, REGION)]
    problems += [f"{called}: {w}" for w in (*what, *wrong)]
    if rle is None or wrong:
        return None
    visible = region.get("visible_mask", rle)
    whole, seen = from_rle(rle), _decoded(visible)
    kept = {key: value for key, value in region.items() if key not in ("segmentation", "name", "order", "isStuff")}
    return {
        "iscrowd": 0,
        "inmodal_seg": visible,
        "inmodal_bbox": box_xywh(seen) if seen is not None else [0, 0, 0, 0],
        "visible_mask": visible,
        "invisible_mask": to_rle(whole if seen is None or seen.shape != whole.shape else whole & ~seen),
        **kept,
        "segmentation": rle,
        "image_id": image.get("id"),
        **{key: image.get(key) for key in ("video_id", "frame_index", "source_index", "pts_seconds")},
        "name": region["name"],
        CALLED: called,
    }


def _decoded(rle: Any) -> Mask | None:
    if not is_rle(rle) or rle["size"][0] * rle["size"][1] > MAX_PIXELS:
        return None
    try:
        return from_rle(rle)
    except FormatError:
        return None  # reported when the record is checked


def _check_regions(data: Any, records: list[Record]) -> list[str]:
    """Return the problems of the regions as image-level annotations. Categories and tracks are made from names and
    ids.
    """
    labels = {name: i for i, name in enumerate(sorted({r["name"] for r in records}), 1)}
    tracks: dict[int, Record] = {}
    annotations = []
    for number, record in enumerate(records, 1):
        ids = {"id": number, "category_id": labels[record["name"]]}
        annotations.append({**record, **ids})
        track = {key: record[key] for key in ("video_id", "obj_id")}
        tracks.setdefault(record["track_id"], {"id": record["track_id"], "category_id": ids["category_id"], **track})
    sound = data if isinstance(data, dict) else {}
    return check_coco(
        {
            "videos": sound.get("videos"),
            "images": sound.get("images"),
            "categories": [{"id": i, "name": name} for name, i in labels.items()],
            "tracks": list(tracks.values()),
            "annotations": annotations,
        }
    )
