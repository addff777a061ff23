"""Checks run lengths and polygons of other tools' files, and rasterises them when they are needed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import ReadMask
from vas_tool.formats.coco_fields import is_count, is_polygons
from vas_tool.formats.polygons import from_polygons
from vas_tool.masks import checked_rle, from_rle
from vas_tool.types import Mask, SizeWH


def drawn(value: Any, size_wh: SizeWH) -> ReadMask:
    """Return a function that draws a mask in one of COCO's forms: RLE (compressed or not), one polygon, polygons.

    Raises FormatError when the value has none of these forms, or not the size of its picture.
    """
    if isinstance(value, list):
        return _polygons(value, size_wh)
    if isinstance(value, dict) and isinstance(value.get("counts"), list):
        return _uncompressed(value, size_wh)
    checked_rle(value)
    _check_size(value["size"], size_wh)
    return partial(from_rle, value)


def nothing(size_wh: SizeWH) -> Mask:
    """Return an empty (H, W) mask."""
    return np.zeros(size_wh[::-1], dtype=bool)


def absent(size_wh: SizeWH) -> ReadMask:
    """Return a function that makes an empty mask: nothing of the object is seen."""
    return partial(nothing, size_wh)


def _polygons(value: list[Any], size_wh: SizeWH) -> ReadMask:
    polygons = value if value and isinstance(value[0], list) else [value]
    if not is_polygons(polygons):
        raise FormatError("a polygon must be a list of three or more corners near the picture, x, y, x, y, ...")
    return partial(from_polygons, polygons, size_wh)


def _uncompressed(value: dict[str, Any], size_wh: SizeWH) -> ReadMask:
    _check_size(value.get("size"), size_wh)
    runs, (width, height) = value["counts"], size_wh
    if not all(map(is_count, runs)) or sum(runs) != width * height:
        raise FormatError(f"RLE runs must be counts that add up to {height} x {width}")
    return partial(_from_runs, runs, size_wh)


def _from_runs(runs: list[int], size_wh: SizeWH) -> Mask:
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size_wh[0], size_wh[1]).T


def _check_size(size: Any, size_wh: SizeWH) -> None:
    if size != [size_wh[1], size_wh[0]]:
        raise FormatError(f"the mask's size is {size}, its picture's is {[size_wh[1], size_wh[0]]} (height, width)")
