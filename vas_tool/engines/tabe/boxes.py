"""Estimates the box of the whole object on each frame: the last whole box moves with the visible part."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.tabe.levels import Box, Level, box_of
from vas_tool.engines.tabe.occluded import DepthImage
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.errors import EngineError
from vas_tool.types import Mask

CORNER_RADIUS = 3
"""Pixels: a corner is hidden if something in front is within this radius."""
SMALLEST_AREA = 5
"""Area of the visible part's box above which its motion is used."""
FAR = 1e9
"""Distance of a corner that is not used."""


def front_of(mask: Mask, depth: DepthImage) -> Mask:
    """Return the pixels outside the object that are nearer than its mean depth; empty if nothing of the object is
    seen.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.bool_)
    found: Mask = (depth > depth[mask].mean()) & ~mask
    return found


def moved_boxes(masks: Sequence[Mask], fronts: Sequence[Mask], levels: Sequence[Level], *, quirks: Quirks) -> list[Box]:
    """Return the boxes of all frames: the visible part's box where the object is whole, else the last box, moved.

    Raises EngineError when the object counts as whole on a frame where nothing of it is seen.
    """
    found: list[Box] = []
    for index, (mask, front, level) in enumerate(zip(masks, fronts, levels, strict=True)):
        seen = box_of(mask)
        if level == Level.NO and seen is None:
            raise EngineError(f"nothing of the object is seen on frame {index}; mark it there, or start where it is")
        found.append(seen if level == Level.NO and seen else _next_box(found, seen, front, quirks=quirks))
    return found


def _next_box(found: Sequence[Box], seen: Box | None, front: Mask, *, quirks: Quirks) -> Box:
    before = found[-1]
    if seen is None or (seen[2] - seen[0]) * (seen[3] - seen[1]) <= SMALLEST_AREA:
        return _shifted(before, _last_motion(found))
    motion = _corner_motion(before, seen, front, quirks=quirks)
    return union(_shifted(before, _last_motion(found) if motion is None else motion), seen)


def _last_motion(found: Sequence[Box]) -> tuple[int, int]:
    """Return the motion (rows, columns) between the last two boxes: the smaller motion of each pair of edges."""
    if len(found) < 2:
        return 0, 0
    top, left, bottom, right = (now - then for now, then in zip(found[-1], found[-2], strict=True))
    return min(top, bottom, key=abs), min(left, right, key=abs)


def _corner_motion(before: Box, seen: Box, front: Mask, *, quirks: Quirks) -> tuple[int, int] | None:
    """Return the motion (rows, columns) of the corner that is used; None when none is."""
    corners = list(zip(_corners(before), _corners(seen), strict=True))
    hidden = [_is_hidden(now, front) for _, now in corners]
    if all(hidden) and quirks.corner_distances == "repaired":
        return None
    motions = [(now[0] - then[0], now[1] - then[1]) for then, now in corners]
    distances = [
        FAR if covered and not all(hidden) else math.hypot(*motion)
        for covered, motion in zip(hidden, motions, strict=True)
    ]
    return motions[distances.index(min(distances))]


def _corners(box: Box) -> list[tuple[int, int]]:
    top, left, bottom, right = box
    return [(top, left), (top, right), (bottom, left), (bottom, right)]


def _is_hidden(corner: tuple[int, int], front: Mask) -> bool:
    around = np.zeros(front.shape, np.uint8)
    cv2.circle(around, (corner[1], corner[0]), CORNER_RADIUS, 1, thickness=-1)
    return bool((front & (around > 0)).any())


def _shifted(box: Box, motion: tuple[int, int]) -> Box:
    rows, columns = motion
    return box[0] + rows, box[1] + columns, box[2] + rows, box[3] + columns


def union(first: Sequence[float], second: Sequence[float]) -> Box:
    """Return the smallest box around both, truncated toward zero."""
    top, left = (int(min(first[side], second[side])) for side in (0, 1))
    bottom, right = (int(max(first[side], second[side])) for side in (2, 3))
    return top, left, bottom, right


def smoothed_boxes(boxes: Sequence[Box], masks: Sequence[Mask]) -> list[Box]:
    """Return boxes that are interpolated where nothing is seen, and then united with the middle of their neighbours."""
    return widened(interpolated(boxes, [bool(mask.any()) for mask in masks]))


def interpolated(boxes: Sequence[Box], seen: Sequence[bool]) -> list[Box]:
    """Return boxes with every run of frames without a visible part interpolated in equal steps.

    A run up to the last frame moves towards that frame's own box and does not reach it.
    """
    found = list(boxes)
    index = 0
    while index < len(found):
        if seen[index]:
            index += 1
            continue
        end = next((later for later in range(index, len(found)) if seen[later]), len(found))
        first, last = found[index - 1], found[min(end, len(found) - 1)]
        steps = np.linspace(first, last, end - index + 2)[1:-1]
        found[index:end] = [_truncated(box) for box in steps]
        index = end
    return found


def widened(boxes: Sequence[Box]) -> list[Box]:
    """Return boxes, each but the first and last united with the middle of its neighbours, in order and in place."""
    found = list(boxes)
    for index in range(1, len(found) - 1):
        middle = [(a + b) / 2 for a, b in zip(found[index - 1], found[index + 1], strict=True)]
        found[index] = union(found[index], middle)
    return found


def grown(box: Box, height_percent: float, width_percent: float, *, quirks: Quirks) -> Box:
    """Return the box, larger on each side by percentages of its height and width."""
    top, left, bottom, right = box
    by_row, by_column = height_percent, width_percent
    if quirks.growth_axes == "reference":
        by_row, by_column = by_column, by_row
    rows, columns = (bottom - top) * by_row / 100, (right - left) * by_column / 100
    return _truncated([top - rows, left - columns, bottom + rows, right + columns])


def filled(box: Box, size_hw: tuple[int, int]) -> Mask:
    """Return (H, W) the box, both ends included, clipped to the picture: at least one pixel."""
    top, bottom = (min(max(side, 0), size_hw[0] - 1) for side in (box[0], box[2]))
    left, right = (min(max(side, 0), size_hw[1] - 1) for side in (box[1], box[3]))
    mask = np.zeros(size_hw, np.bool_)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def _truncated(box: Sequence[float] | npt.NDArray[np.float64]) -> Box:
    top, left, bottom, right = (int(side) for side in box)
    return top, left, bottom, right
