"""The crop that EoRaS takes: twice the object's box, resized to the network's input; and masks resized back.

Boxes are (row_min, row_max, column_min, column_max), as in the reference's loaders (``data/dataloader_MOViD.py``). The
last row and column belong to the box.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.eoras.options import CROP_SIDE, MASK_SIDE
from vas_tool.types import Frame, Mask

Floats = npt.NDArray[np.float32]

ENLARGED = 2.0
"""Length of the window divided by the length of the object's box, on each axis."""

ANSWERED = 0.5
"""Probability above which a pixel belongs to the mask."""


class Window(NamedTuple):
    """The part of the frame that the network takes, in pixels. Each maximum belongs to it, and may lie one pixel
    outside.

    The reference limits the maximum to the frame's height, not to its last row. The surplus row does not exist in the
    crop, but counts in the size to which masks are brought back.
    """

    row_min: int
    row_max: int
    column_min: int
    column_max: int

    @property
    def size_hw(self) -> tuple[int, int]:
        """Number of rows and columns, including a surplus one outside the frame."""
        return self.row_max - self.row_min + 1, self.column_max - self.column_min + 1

    def cut(self, picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Return the part of an (H, W, ...) picture that lies in the window."""
        return picture[self.row_min : self.row_max + 1, self.column_min : self.column_max + 1]


def window_around(box: tuple[int, int, int, int], size_hw: tuple[int, int]) -> Window:
    """Return the window around a box: twice its length on each axis, with the same middle, limited to the frame."""
    rows, columns = (_doubled(*side, limit) for side, limit in zip((box[:2], box[2:]), size_hw, strict=True))
    return Window(*rows, *columns)


def _doubled(first: int, last: int, limit: int) -> tuple[int, int]:
    centre, length = (first + last) // 2, int((last - first) * ENLARGED)
    return max(0, centre - length // 2), min(limit, centre + length // 2)


def patch_of(frame: Frame, window: Window) -> Floats:
    """Return the window of an (H, W, 3) uint8 frame as (3, 128, 128) in 0..1, smoothed before it is reduced (as
    scikit-image's ``rescale``).
    """
    crop = np.asarray(window.cut(frame), np.float32) / np.float32(255)
    rows, columns = (_centres(count) for count in crop.shape[:2])
    return np.ascontiguousarray(_between(_smoothed(crop), rows, columns).transpose(2, 0, 1))


def _smoothed(crop: Floats) -> Floats:
    """Return the crop smoothed by a Gaussian (4 standard deviations wide, mirrored at the borders) on each axis that
    will be reduced.
    """
    down, across = (_gaussian(max(0.0, (count / CROP_SIDE - 1) / 2)) for count in crop.shape[:2])
    return np.asarray(cv2.sepFilter2D(crop, cv2.CV_32F, across, down, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _gaussian(sigma: float) -> Floats:
    """Return (2 n + 1,) weights that sum to 1. ``sigma`` is in pixels; 0 changes nothing."""
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def _centres(count: int) -> npt.NDArray[np.float64]:
    """Return (CROP_SIDE,) positions of the patch's pixel centres on an axis of ``count`` pixels, mirrored at its
    ends.
    """
    places = np.abs((np.arange(CROP_SIDE) + 0.5) * count / CROP_SIDE - 0.5)
    return np.asarray(np.minimum(places, 2 * (count - 1) - places))


def _between(picture: Floats, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]) -> Floats:
    """Return (rows, columns, ...): the (h, w, ...) picture at every pair of a row and a column in it, by bilinear
    interpolation.
    """
    for axis, places in enumerate((rows, columns)):
        low = np.clip(places.astype(np.intp), 0, max(0, picture.shape[axis] - 2))
        high = np.minimum(low + 1, picture.shape[axis] - 1)
        share = (places - low).astype(np.float32).reshape(-1, *(1,) * (picture.ndim - 1 - axis))
        picture = picture.take(low, axis) * (1 - share) + picture.take(high, axis) * share
    return picture


def mask_patch_of(mask: Mask, window: Window) -> Mask:
    """Return the window of an (H, W) mask as (121, 121), by nearest neighbour."""
    crop = window.cut(mask)
    rows, columns = (_nearest(count) for count in crop.shape[:2])
    return np.ascontiguousarray(crop[np.ix_(rows, columns)], dtype=np.bool_)


def _nearest(count: int) -> npt.NDArray[np.intp]:
    return ((np.arange(MASK_SIDE) + 0.5) * count / MASK_SIDE).astype(np.intp)


def pasted(probability: Floats, window: Window, size_hw: tuple[int, int], *, threshold: float = ANSWERED) -> Mask:
    """Return the (H, W) mask of (121, 121) probabilities: True where the enlarged probability exceeds ``threshold``,
    False outside the window.
    """
    enlarged = _enlarged(probability, window.size_hw) > threshold
    whole = np.zeros(size_hw, np.bool_)
    inside = window.cut(whole)
    inside[...] = enlarged[: inside.shape[0], : inside.shape[1]]
    return whole


def _enlarged(picture: Floats, size_hw: tuple[int, int]) -> Floats:
    """Return a picture resized by bilinear interpolation with ``align_corners=True`` of torch."""
    rows, columns = (np.linspace(0, MASK_SIDE - 1, count) for count in size_hw)
    return _between(picture, rows, columns)
