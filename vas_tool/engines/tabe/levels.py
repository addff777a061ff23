"""How hidden the object is on each frame: SEVERE, SLIGHT, NO or NONE (it has left the picture)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask


class Level(IntEnum):
    """The reference's numbers."""

    SEVERE = 0
    SLIGHT = 1
    NO = 2
    NONE = 3
    """The object has left the picture, or is just leaving it."""


Box = tuple[int, int, int, int]
"""First row, first column, last row, last column; it may reach beyond the picture."""

GROUP = 10
"""Frames whose sizes are compared with one another."""
SEVERE_PART = 3
"""SEVERE is less than one third of the size when whole."""


def box_of(mask: Mask) -> Box | None:
    """Around what is seen; None where nothing is."""
    found = box_xyxy(mask)
    if found is None:
        return None
    x0, y0, x1, y1 = found
    return y0, x0, y1 - 1, x1 - 1


def occlusion_levels(masks: Sequence[Mask], occluded: Sequence[bool], *, quirks: Quirks) -> list[Level]:
    """Of all frames. The first one is where the person named the object: it counts as whole."""
    sums = np.array([255 * np.count_nonzero(mask) for mask in masks], np.int64)
    levels = levels_by_size(sums, np.asarray(occluded, np.bool_), quirks=quirks)
    levels = [Level.NONE if gone else level for level, gone in zip(levels, leaving(masks), strict=True)]
    return [Level.NO, *levels[1:]]


def levels_by_size(sums: npt.NDArray[np.int64], occluded: npt.NDArray[np.bool_], *, quirks: Quirks) -> list[Level]:
    """From the sums of the masks (0 or 255 a pixel), before the object's leaving is looked at.

    A frame on which the object is much smaller than on the whole ones of its ten is SEVERE, occluded or not.
    """
    levels = np.where(occluded, Level.SLIGHT, Level.NO)
    whole = 0.0
    for first in range(0, len(sums), GROUP):
        group = slice(first, first + GROUP)
        seen = sums[group][~occluded[group]]
        reference = float(seen.mean()) if len(seen) else whole
        if quirks.level_reference == "repaired":
            whole = reference
        levels[group][(sums[group] < reference / SEVERE_PART) | (sums[group] == 0)] = Level.SEVERE
    return [Level(level) for level in levels.tolist()]


def leaving(masks: Sequence[Mask]) -> list[bool]:
    """Whether the object is leaving the picture, or has left it, on each frame.

    An object that is on the border from the first frame on counts as leaving until it first lets go of it.
    """
    boxes = [box_of(mask) for mask in masks]
    touches = [box is None or _touches(box, mask.shape) for box, mask in zip(boxes, masks, strict=True)]
    found, before = [], True
    for index, box in enumerate(boxes):
        if box is not None:
            goes_on = index + 1 < len(boxes) and touches[index + 1]
            before = touches[index] and (before or goes_on)
        found.append(before)
    return found


def _touches(box: Box, size_hw: tuple[int, ...]) -> bool:
    top, left, bottom, right = box
    return top <= 0 or left <= 0 or bottom >= size_hw[0] - 1 or right >= size_hw[1] - 1
