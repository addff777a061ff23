"""How one frame goes over into another, and whether it does at all: at a cut nothing of the one is on the other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.flow import Floats, flow_between, pulled
from vas_tool.types import Frame, Mask

LONGEST_SIDE = 480
"""Pixels at which frames are compared."""

FLOW_TOLERANCE = 2.0
"""Pixels by which the way there and back may miss: more is an occlusion or a mistake."""

CUT_TRUST = 0.25
"""Part of the picture whose flow goes there and back, below which another scene begins. At cuts it was 0.00 to 0.18, on
all other frames of 48 clips 0.39 and more; less when the camera turns fast, until its turn is taken out."""

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Connection:
    """Of one frame with one before it."""

    back: Floats
    """(h, w, 2): how many pixels to the right and down each pixel was there."""
    trust: Mask
    """(h, w): where going there and back ends near the start."""


def compared(frame: Frame) -> Grey:
    """(h, w) of an (H, W, 3) frame: grey, at most LONGEST_SIDE on a side."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    scale = LONGEST_SIDE / max(grey.shape)
    if scale >= 1:
        return np.asarray(grey)
    size_wh = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA))


def connected(before: Grey, here: Grey, *, least: float = CUT_TRUST) -> Connection | None:
    """How a frame comes from one before; None when less than ``least`` of it does: at a cut.

    By flow alone or, where that loses its way, with the camera's turn taken out first.
    """
    found = _both_ways(here, before, np.zeros(2, np.float32))
    if found.trust.mean() < least:
        panned = _both_ways(here, before, _shift(here, before))
        found = max(found, panned, key=lambda one: float(one.trust.mean()))
    return found if found.trust.mean() >= least else None


def _both_ways(here: Grey, before: Grey, shift_xy: Floats) -> Connection:
    """``shift_xy``: how much farther to the right and down all of ``here`` was before."""
    there = flow_between(here, _moved(before, -shift_xy)) + shift_xy
    back = flow_between(before, _moved(here, shift_xy)) - shift_xy
    returned = np.dstack([pulled(np.ascontiguousarray(back[..., c]), there) for c in range(2)]) + there
    return Connection(there, np.linalg.norm(returned, axis=2) < FLOW_TOLERANCE)


def _shift(here: Grey, before: Grey) -> Floats:
    """(x, y): whole pixels, by phase correlation."""
    one, other = here.astype(np.float32), before.astype(np.float32)
    window = cv2.createHanningWindow(here.shape[::-1], cv2.CV_32F) if min(here.shape) > 1 else None
    return np.round(cv2.phaseCorrelate(one, other, window)[0]).astype(np.float32)


def _moved(picture: Grey, shift_xy: Floats) -> Grey:
    if not shift_xy.any():
        return picture
    shift = np.array([[1, 0, shift_xy[0]], [0, 1, shift_xy[1]]], np.float32)
    return np.asarray(cv2.warpAffine(picture, shift, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE))
