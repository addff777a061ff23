"""Masks as polygons that rasterise back to the very same masks, for formats that have no run lengths.

The corners are those of pixels: the polygon of one pixel (x, y) runs through x, y and x + 1, y + 1. COCO's own
rasteriser (pycocotools frPyObjects) gives every pixel back from such outlines; it fills by the even-odd rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import is_polygons
from vas_tool.masks import from_rle
from vas_tool.types import Mask, SizeWH

Polygon = list[int]
"""x, y, x, y, ... of one ring, as COCO has it."""

Corner = tuple[int, int]
"""x, y of a pixel's corner."""


def to_polygons(mask: Mask) -> list[Polygon]:
    """Polygons without holes that do not overlap and together cover exactly the mask; a part with a hole is cut."""
    return [_flat(ring) for part in _parts_without_holes(mask) for ring in _rings(part)]


def to_one_polygon(mask: Mask) -> Polygon:
    """One polygon for the whole mask: parts and holes are joined by bridges of no width. [] for an empty mask.

    Exact under the even-odd rule only, for readers that know one polygon an object (COCOA).
    """
    rings = _rings(mask)
    joined: list[Corner] = []
    for ring in rings:
        start = rings[0][0]
        elbow = (ring[0][0], start[1])
        way = [start, elbow] if ring is not rings[0] else []
        joined += [*way, *ring, ring[0], *way[::-1]]
    return _flat(joined)


def from_polygons(polygons: list[list[float]], size_wh: SizeWH) -> Mask:
    """(H, W) bool: the union of the polygons as COCO's tools rasterise them. Raises FormatError when one is none."""
    from pycocotools import mask as coco

    if not is_polygons(polygons):
        raise FormatError("a polygon is no list of three or more corners near the picture; write the mask again")

    width, height = size_wh
    if not polygons:
        return np.zeros((height, width), dtype=bool)
    merged = coco.merge(coco.frPyObjects(polygons, height, width))
    return from_rle({"size": [height, width], "counts": merged["counts"].decode("ascii")})


def _flat(ring: list[Corner]) -> Polygon:
    return [number for corner in ring for number in corner]


def _parts_without_holes(mask: Mask) -> Iterator[Mask]:
    """The 4-connected parts; one with a hole is cut in two beside the hole's first column, until none has any."""
    waiting = list(_parts(mask))
    while waiting:
        part = waiting.pop()
        cut = _first_column_of_a_hole(part)
        if cut is None:
            yield part
            continue
        left = part.copy()
        left[:, cut + 1 :] = False
        waiting += [*_parts(left), *_parts(part & ~left)]


def _parts(mask: Mask) -> Iterator[Mask]:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    yield from (labels == number for number in range(1, count))


def _first_column_of_a_hole(part: Mask) -> int | None:
    # The ground is 8-connected where the mask is 4-connected; the frame of zeros makes all that is outside one part.
    ground = np.pad(~part, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(ground, connectivity=8)
    holes = (labels[1:-1, 1:-1] != labels[0, 0]) & ~part
    columns = np.flatnonzero(holes.any(axis=0))
    return int(columns[0]) if len(columns) else None


def _rings(mask: Mask) -> list[list[Corner]]:
    """The closed outlines, along the pixels' edges, straight stretches as one; each edge of the mask in one ring."""
    following = _edges(mask)
    rings = []
    while following:
        # The first is the topmost corner, where no two parts can touch: the ring is whole when it comes back there.
        start = next(iter(following))
        ring, here = [start], following[start].pop(0)
        while here != start:
            ahead = following[here]
            # Where two pixels touch at a corner only, keep to the one the ring has come along.
            after = next((corner for corner in ahead if _turn(ring[-1], here, corner) > 0), ahead[0])
            ahead.remove(after)
            ring.append(here)
            here = after
        rings.append(_straightened(ring))
        following = {corner: ahead for corner, ahead in following.items() if ahead}
    return rings


def _edges(mask: Mask) -> dict[Corner, list[Corner]]:
    """Corner -> the corners that an edge of the mask leads to, the mask on the edge's right (y points down)."""
    framed = np.pad(mask, 1).astype(np.int8)
    down = framed[1:, 1:-1] - framed[:-1, 1:-1]  # (H + 1, W): 1 where the mask begins below
    across = framed[1:-1, 1:] - framed[1:-1, :-1]  # (H, W + 1): 1 where it begins to the right
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
    """1 to the right, -1 to the left, 0 straight on (y points down)."""
    first = here[0] - before[0], here[1] - before[1]
    second = after[0] - here[0], after[1] - here[1]
    return int(np.sign(first[0] * second[1] - first[1] * second[0]))


def _straightened(ring: list[Corner]) -> list[Corner]:
    beside = zip(ring[-1:] + ring[:-1], ring, ring[1:] + ring[:1], strict=True)
    return [here for before, here, after in beside if _turn(before, here, after)]
