"""Converts masks to polygons that rasterise back to exactly the same masks, for formats without run lengths.

Corners of polygons are corners of pixels: the polygon of one pixel (x, y) goes through x, y and x + 1, y + 1. COCO's
own rasteriser (pycocotools frPyObjects), which uses the even-odd rule, returns every pixel of such outlines.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import is_polygons
from vas_tool.masks import from_rle
from vas_tool.types import Mask, SizeWH

Polygon = list[int]
"""x, y, x, y, ... of one ring, as in COCO."""

Corner = tuple[int, int]
"""x, y of a pixel's corner."""


def to_polygons(mask: Mask) -> list[Polygon]:
    """Return polygons that do not overlap and together cover exactly the (H, W) mask. A part with holes is cut into
    several polygons.
    """
    return [_flat(ring, at) for part, at in _parts_without_holes(mask) for ring in _rings(part)]


def to_one_polygon(mask: Mask) -> Polygon:
    """Return one polygon for the whole (H, W) mask; [] for an empty mask. Bridges of zero width join parts and holes.

    A rasteriser must use the even-odd rule to get the same mask. COCOA has one polygon per object.
    """
    rings = _rings(mask)
    joined: list[Corner] = []
    for ring in rings:
        start = rings[0][0]
        elbow = (ring[0][0], start[1])
        way = [start, elbow] if ring is not rings[0] else []
        joined += [*way, *ring, ring[0], *way[::-1]]
    return _flat(joined, (0, 0))


def from_polygons(polygons: list[list[float]], size_wh: SizeWH) -> Mask:
    """Return (H, W) bool: the union of the polygons as COCO's tools rasterise them. Raises FormatError for a wrong
    polygon.
    """
    from pycocotools import mask as coco

    if not is_polygons(polygons):
        raise FormatError("a polygon is no list of three or more corners near the picture; write the mask again")

    width, height = size_wh
    if not polygons:
        return np.zeros((height, width), dtype=bool)
    merged = coco.merge(coco.frPyObjects(polygons, height, width))
    return from_rle({"size": [height, width], "counts": merged["counts"].decode("ascii")})


def _flat(ring: list[Corner], at: Corner) -> Polygon:
    return [number for x, y in ring for number in (x + at[0], y + at[1])]


Part = tuple[Mask, Corner]
"""A mask cut to the box of some pixels, and the box's upper left corner."""


def _parts_without_holes(mask: Mask) -> Iterator[Part]:
    """Yield the 4-connected parts. A part with holes is cut into vertical bands; each ends where a hole begins.

    Every hole is then open: to the right in its first column, to the left in the others.
    """
    for part, (left, top) in _parts(mask):
        cuts = [0, *(column + 1 for column in _where_holes_begin(part)), part.shape[1]]
        for start, end in pairwise(sorted(set(cuts))):
            for piece, (x, y) in _parts(part[:, start:end]):
                yield piece, (left + start + x, top + y)


def _parts(mask: Mask) -> Iterator[Part]:
    picture = np.ascontiguousarray(mask, dtype=np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(picture, connectivity=4)
    for number in range(1, count):
        x, y, width, height = (int(n) for n in stats[number, :4])
        yield labels[y : y + height, x : x + width] == number, (x, y)


def _where_holes_begin(part: Mask) -> list[int]:
    """Return the first column of each hole."""
    # The mask is 4-connected, so the ground is 8-connected. The border of zeros makes everything outside one part.
    ground = np.pad(~part, 1, constant_values=True).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ground, connectivity=8)
    outside = int(labels[0, 0])
    return [int(stats[number, cv2.CC_STAT_LEFT]) - 1 for number in range(1, count) if number != outside]


def _rings(mask: Mask) -> list[list[Corner]]:
    """Return the closed outlines along pixel edges, with straight stretches merged. Each edge is in one ring."""
    following = _edges(mask)
    rings = []
    while following:
        # The first is the topmost corner, where no two parts can touch: the ring is complete when it returns there.
        start = next(iter(following))
        ring, here = [start], following[start].pop(0)
        while here != start:
            ahead = following[here]
            # Where two pixels touch at a corner only, keep to the one the ring has come along.
            after = next((corner for corner in ahead if _turn(ring[-1], here, corner) > 0), ahead[0])
            ahead.remove(after)
            ring.append(here)
            if not ahead:
                del following[here]
            here = after
        if not following[start]:
            del following[start]
        rings.append(_straightened(ring))
    return rings


def _edges(mask: Mask) -> dict[Corner, list[Corner]]:
    """Return corner -> the next corners along edges of the mask. The mask is right of each edge (y points down)."""
    framed = np.pad(mask, 1).astype(np.int8)
    down = framed[1:, 1:-1] - framed[:-1, 1:-1]  # (H + 1, W): 1 where the mask begins below
    across = framed[1:-1, 1:] - framed[1:-1, :-1]  # (H, W + 1): 1 where the mask begins to the right
    following: dict[Corner, list[Corner]] = {}

    def add(starts: npt.NDArray[np.intp], shift: Corner, ends: Corner) -> None:
        for y, x in starts.tolist():
            start = x + shift[0], y + shift[1]
            following.setdefault(start, []).append((x + ends[0], y + ends[1]))

    add(np.argwhere(down == 1), (0, 0), (1, 0))
    add(np.argwhere(down == -1), (1, 0), (0, 0))
    add(np.argwhere(across == 1), (0, 1), (0, 0))
    add(np.argwhere(across == -1), (0, 0), (0, 1))
    return following


def _turn(before: Corner, here: Corner, after: Corner) -> int:
    """Return 1 for a turn to the right, -1 for one to the left, 0 for none (y points down)."""
    first = here[0] - before[0], here[1] - before[1]
    second = after[0] - here[0], after[1] - here[1]
    return int(np.sign(first[0] * second[1] - first[1] * second[0]))


def _straightened(ring: list[Corner]) -> list[Corner]:
    beside = zip(ring[-1:] + ring[:-1], ring, ring[1:] + ring[:1], strict=True)
    return [here for before, here, after in beside if _turn(before, here, after)]
