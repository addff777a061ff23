"""The keys that each record of an exported COCO file must have, and a check of each value."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from vas_tool.formats.masks_on_frame import Review
from vas_tool.masks import MOST_PIXELS

EXACT_INTEGERS = 2**53
"""Largest integer that readers in JavaScript and in floating point hold exactly."""

LARGEST_ID = 2**64
"""Largest id. Other tools use ids of up to 64 bits; an id is only copied and compared."""

FAR_AWAY = 100_000
"""Pixels: largest accepted coordinate of a corner of a polygon or a box."""

Kind = Callable[[Any], bool]


def is_integer(value: Any) -> bool:
    """Whether a value is an integer (not true or false)."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < EXACT_INTEGERS


def is_id_number(value: Any) -> bool:
    """Whether a value is an integer of at most 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_ID


def is_id(value: Any) -> bool:
    """Whether a value is an integer of at most 64 bits, or text."""
    return is_id_number(value) or is_text(value)


def is_count(value: Any) -> bool:
    """Whether a value is an integer of 0 or more."""
    return is_integer(value) and value >= 0


def is_size(value: Any) -> bool:
    """Whether a value is an integer of 1 or more."""
    return is_integer(value) and value >= 1


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def is_rate(value: Any) -> bool:
    """Whether a value is a number from 0 to 1."""
    return is_number(value) and 0 <= value <= 1


def is_text(value: Any) -> bool:
    """Whether a value is text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_flag(value: Any) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_box(value: Any) -> bool:
    """Whether a value is [x, y, width, height]."""
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value)) and min(value[2:]) >= 0


def is_extent(value: Any) -> bool:
    """Whether a value is [x, y, width, height] near the picture, with width and height above 0."""
    if not isinstance(value, list) or len(value) != 4 or not all(map(is_number, value)):
        return False
    x, y, width, height = value
    # For very large x, x + width equals x in floating point.
    return bool(max(map(abs, value)) <= FAR_AWAY and x + width > x and y + height > y)


def is_rle(value: Any) -> bool:
    """Whether a value is {"size": [height, width], "counts": text} of a size that a picture can have."""
    if not isinstance(value, dict) or not isinstance(value.get("counts"), str):
        return False
    size = value.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(map(is_size, size)):
        return False
    return bool(size[0] * size[1] <= MOST_PIXELS)


def is_polygon(value: Any) -> bool:
    """Whether a value is a polygon of three or more corners: [x, y, x, y, ...]."""
    # COCO's tools take fewer numbers for a box, and allocate memory up to the farthest corner.
    if not isinstance(value, list) or len(value) < 6 or len(value) % 2:
        return False
    return all(is_number(n) and abs(n) <= FAR_AWAY for n in value)


def is_polygons(value: Any) -> bool:
    """Whether a value is a list of polygons."""
    return isinstance(value, list) and all(map(is_polygon, value))


def is_engine(value: Any) -> bool:
    """Whether a value is {"modal": ..., "amodal": ...}, each null or a record that names an engine."""
    if not isinstance(value, dict) or set(value) != {"modal", "amodal"}:
        return False
    return all(v is None or (isinstance(v, dict) and is_text(v.get("engine"))) for v in value.values())


def is_review(value: Any) -> bool:
    """Whether a value is ``accepted``, ``needs_work`` or ``unseen``."""
    return value in get_args(Review)


def is_not_crowd(value: Any) -> bool:
    """Whether ``iscrowd`` is 0: every annotation is one object."""
    return is_integer(value) and value == 0


ORIGIN: dict[str, Kind] = {"frame_index": is_count, "source_index": is_count, "pts_seconds": is_number}

FIELDS: dict[str, dict[str, Kind]] = {
    "videos": {
        "id": is_count,
        "name": is_text,
        "width": is_size,
        "height": is_size,
        "length": is_size,
        "fps": is_number,
    },
    "categories": {"id": is_count, "name": lambda value: isinstance(value, str)},
    "tracks": {"id": is_count, "video_id": is_count, "category_id": is_count, "obj_id": is_count},
    "images": {
        "id": is_count,
        "video_id": is_count,
        "file_name": is_text,
        "width": is_size,
        "height": is_size,
        **ORIGIN,
    },
    "annotations": {
        **{key: is_count for key in ("id", "image_id", "video_id", "category_id", "track_id", "obj_id")},
        **{key: is_rle for key in ("segmentation", "visible_mask", "invisible_mask", "inmodal_seg")},
        **{key: is_box for key in ("bbox", "inmodal_bbox", "amodal_bbox")},
        "area": is_count,
        "iscrowd": is_not_crowd,
        "occlude_rate": is_rate,
        "visibility": is_rate,
        "out_of_frame": is_flag,
        "amodal_is_uncertain": is_flag,
        "engine": is_engine,
        "review": is_review,
        **ORIGIN,
    },
}
"""Name of a list -> key -> check of its value. Other keys are not checked."""


CALLED = "called"
"""Key under which a record that was made from a part of another record holds its name for messages."""


def name_of(list_name: str, item: Any, position: int) -> str:
    """Return the name of a record for messages: ``annotation 7``, or ``annotations[3]`` when it has no usable id."""
    singular = {"categories": "category"}.get(list_name, list_name.removesuffix("s"))
    if not isinstance(item, dict):
        return f"{list_name}[{position}]"
    if is_text(item.get(CALLED)):
        return str(item[CALLED])
    return f"{singular} {item['id']}" if is_id(item.get("id")) else f"{list_name}[{position}]"


def wrong_fields(item: Mapping[str, Any], fields: Mapping[str, Kind]) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) for each key that is missing or has a value of another kind."""
    for key, fits in fields.items():
        if key not in item:
            yield key, "is missing"
        elif not fits(item[key]):
            yield key, f"is {_shown(item[key])}; it must be: {meaning(fits)}"


def meaning(fits: Kind) -> str:
    """Return what a kind takes, from its docstring: "Whether a value is a finite number." gives "a finite number"."""
    description = " ".join((fits.__doc__ or "text").split()).rstrip(".")
    return description.removeprefix("Whether a value is ").lower()


def _shown(value: Any) -> str:
    text = reprlib.repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
