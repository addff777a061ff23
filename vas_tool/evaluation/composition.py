"""Puts pictures in front of an object, so that its hidden part is known exactly. TABE-51 was made this way (Hudson and
Smith, arXiv 2411.19210). Pure functions of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.types import Frame, Mask, SizeWH

Alpha = npt.NDArray[np.float32]
"""(H, W) float32, 0..1: opacity of the picture in front."""

LEAST_ALPHA = 1e-6
"""Smallest opacity by which ``without_ground`` divides a colour."""


@dataclass(frozen=True)
class FrontPicture:
    """One picture to put in front on one frame, in pixels of the clip behind."""

    colours: Frame
    """(H, W, 3) RGB; only pixels with an opacity above 0 count."""
    alpha: Alpha


def border_alpha(mask: Mask, softness: float) -> Alpha:
    """Return the opacity of a (H, W) mask, which rises from its border inwards over ``softness`` pixels.

    0 gives a hard border. The opacity is 0 outside the mask, so that no colour of the thing's own background appears.
    """
    if softness <= 0:
        return mask.astype(np.float32)
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)  # no border at the picture's
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(np.clip(distance / (softness + 1), 0, 1) * mask, np.float32)


def without_ground(colours: Frame, alpha: Alpha, ground: Frame) -> Frame:
    """Return a thing's own colours, without the share of the empty scene in its half covered pixels.

    ``ground`` (H, W, 3) is a picture of the same camera without the thing. F = (I - (1 - a) * ground) / a, limited to
    0..255, as in TABE-51's generation.
    """
    share = alpha[..., None]
    mixed = colours.astype(np.float32) - (1 - share) * ground.astype(np.float32)
    return np.asarray(np.round(np.clip(mixed / np.maximum(share, LEAST_ALPHA), 0, 255)), np.uint8)


def composite(behind: Frame, front: Sequence[FrontPicture]) -> Frame:
    """Return (H, W, 3) the picture with things in front, the farther first."""
    out = behind.astype(np.float32)
    for thing in front:
        share = thing.alpha[..., None]
        out = out * (1 - share) + thing.colours.astype(np.float32) * share
    return np.asarray(np.round(out), np.uint8)


def visible_part(whole: Mask, front: Sequence[FrontPicture]) -> Mask:
    """Return (H, W) the pixels of an object that nothing in front covers, not even in part."""
    covered = np.zeros_like(whole)
    for thing in front:
        covered |= thing.alpha > 0
    return np.asarray(whole & ~covered)


def moved_into(pixels: npt.NDArray[np.generic], size_wh: SizeWH, shift_xy: tuple[int, int]) -> npt.NDArray[np.generic]:
    """Return (H, W, ...) pixels with their upper left corner at ``shift_xy`` of a picture of ``size_wh``; 0 elsewhere.

    What lies beyond the picture is cut off.
    """
    out = np.zeros((size_wh[1], size_wh[0], *pixels.shape[2:]), pixels.dtype)
    (dx, dy), (height, width) = shift_xy, pixels.shape[:2]
    x0, y0 = max(0, dx), max(0, dy)
    x1, y1 = max(x0, min(size_wh[0], dx + width)), max(y0, min(size_wh[1], dy + height))
    out[y0:y1, x0:x1] = pixels[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    return out
