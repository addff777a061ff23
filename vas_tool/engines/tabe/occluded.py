"""Whether something nearer touches the object's outline, frame by frame (TABE, arXiv 2411.19210)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.types import Mask

DepthImage = npt.NDArray[np.uint8]
"""(H, W) uint8, larger is nearer, scaled to each frame's own range (``depth_image``)."""
Points = npt.NDArray[np.int64]
"""(N, 2): rows and columns, in row-major order."""

UNKNOWN_AMOUNT = 1e9
"""Amount of a frame that counts as occluded without a usable outline."""
MIN_OUTLINE = 20
"""Pixels of the outline below which the frame before decides."""
MARGIN = 3
"""Difference of depth, in 1/255 of the frame's range, from which something counts as in front."""
THRESHOLD = 0.01
"""Share of the outline with something in front above which the object is occluded."""
CANNY = (100, 200)
BLOCK = 1024
"""Number of outline pixels that are compared together. It limits the memory for large frames."""

NO_QUIRKS = Quirks()


@dataclass(frozen=True)
class Occlusion:
    """The occlusion of one frame."""

    occluded: bool
    amount: float
    """Hidden share of the outline, 0..1; ``UNKNOWN_AMOUNT``; NaN where the frame has no outline."""


def depth_image(depth: npt.NDArray[np.floating]) -> DepthImage:
    """Return the depth of one frame (any scale, larger = nearer) as 0..255 over the frame's own range, truncated.

    It equals transformers' depth pipeline (4.47 and later). A frame of constant depth is 0 everywhere.
    """
    low, high = depth.min(), depth.max()
    if high == low:
        return np.zeros(depth.shape, np.uint8)
    scaled: DepthImage = ((depth - low) / (high - low) * 255).astype(np.uint8)
    return scaled


def occlusions(masks: Iterable[Mask], depths: Iterable[DepthImage], *, quirks: Quirks = NO_QUIRKS) -> list[Occlusion]:
    """Return the occlusions of all frames in order. A frame without a visible part does not count as a frame before."""
    found: list[Occlusion] = []
    before = False
    for mask, depth in zip(masks, depths, strict=True):
        found.append(occlusion(mask, depth, before=before, quirks=quirks))
        before = found[-1].occluded if mask.any() else before
    return found


def occlusion(mask: Mask, depth: DepthImage, *, before: bool, quirks: Quirks = NO_QUIRKS) -> Occlusion:
    """Return the occlusion of one frame. ``before`` is whether the last frame with a visible part is occluded.

    A mask of the whole frame has no outline outside it. The reference fails there; here the object counts as whole.
    """
    if not mask.any():
        return Occlusion(True, UNKNOWN_AMOUNT)
    smooth = np.asarray(cv2.medianBlur(depth, 3), np.uint8)
    inner, outer = (_outline(part, smooth) for part in (_shrunk(mask), _expanded(mask)))
    if len(inner) < MIN_OUTLINE and before:
        return Occlusion(True, UNKNOWN_AMOUNT)
    if not len(inner) or not len(outer):
        return Occlusion(False, float("nan"))
    own, beside = (_values(smooth, points) for points in (inner, outer[_nearest(inner, outer)]))
    limit = own + np.uint8(MARGIN) if quirks.depth_wrap == "reference" else own.astype(np.int64) + MARGIN
    amount = float(np.count_nonzero(beside > limit) / len(inner))
    return Occlusion(amount > THRESHOLD, amount)


def _shrunk(mask: Mask) -> Mask:
    """Return the pixels that are set together with their upper, left and upper left neighbours."""
    padded = np.pad(mask, ((1, 0), (1, 0)))
    return padded[1:, 1:] & padded[:-1, 1:] & padded[1:, :-1] & padded[:-1, :-1]


def _expanded(mask: Mask) -> Mask:
    return cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _outline(mask: Mask, depth: DepthImage) -> Points:
    """Return the pixels of the outline whose depth is not 0."""
    edges = cv2.Canny(mask.view(np.uint8) * np.uint8(255), *CANNY)
    return np.argwhere((edges > 0) & (depth > 0))


def _nearest(points: Points, others: Points) -> npt.NDArray[np.int64]:
    """Return, for each point, the index of the nearest of ``others``; of equally near points the first."""
    far = others.astype(np.float64)
    squares = (far**2).sum(1)
    blocks = (points[first : first + BLOCK].astype(np.float64) for first in range(0, len(points), BLOCK))
    return np.concatenate([(squares - 2 * block @ far.T).argmin(1) for block in blocks])


def _values(depth: DepthImage, points: Points) -> DepthImage:
    return depth[points[:, 0], points[:, 1]]
