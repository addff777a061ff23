"""Levels of occlusion: SEVERE, SLIGHT, NO or NONE (the object has left the picture)."""

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
"""First row, first column, last row, last column. It may reach beyond the picture."""

GROUP = 10
"""Number of frames whose object sizes are compared."""
SEVERE_PART = 3
"""SEVERE means less than one third of the whole object's size."""


def box_of(mask: Mask) -> Box | None:
    """Return the box around the visible part; None when nothing is seen."""
    found = box_xyxy(mask)
    if found is None:
        return None
    x0, y0, x1, y1 = found
    return y0, x0, y1 - 1, x1 - 1


def occlusion_levels(masks: Sequence[Mask], occluded: Sequence[bool], *, quirks: Quirks) -> list[Level]:
    """Return the levels of all frames. The first frame, with the query mask, counts as whole."""
    sums = np.array([255 * np.count_nonzero(mask) for mask in masks], np.int64)
    levels = levels_by_size(sums, np.asarray(occluded, np.bool_), quirks=quirks)
    levels = [Level.NONE if gone else level for level, gone in zip(levels, leaving(masks), strict=True)]
    return [Level.NO, *levels[1:]]


def levels_by_size(sums: npt.NDArray[np.int64], occluded: npt.NDArray[np.bool_], *, quirks: Quirks) -> list[Level]:
    """Return the levels from the sums of the masks (0 or 255 per pixel), before checking whether the object leaves.

    A frame is SEVERE, occluded or not, if the object is much smaller than on the whole frames of its group of ten.
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
    """Return for each frame whether the object is leaving the picture or has left it.

    An object that touches the border on the first frame counts as leaving until it no longer touches it.
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
