"""An object that was lost, looked for: what looks like it, near where it was or would be, and was not there before.

What looked like the object while that was elsewhere is something else: a look-alike. Look-alikes are carried along.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.flow import pulled
from vas_tool.engines.builtin.pixel_model import Floats, PixelModel, tidy
from vas_tool.types import Mask

SIZES_OFF = 0.25
"""How far off the object, in its sizes (roots of its area), a look-alike is at least: its own border is none."""

UNSEEN = 0.5
"""Of a pixel that another view has brought: whether it is a look-alike was never to be seen, and it counts as one."""

SIZES_AROUND, PACE = 1.0, 0.2
"""How far from the place expected, in sizes, it is looked for; and how much farther with each lost frame, at least."""

SCORE_WEIGHT = 4.0
"""How much a pixel's own looks count beside its neighbours'."""

LEAST_SCORE = 0.5
"""Mean score of what is found, at least."""

LEAST_SHARE, MOST_SHARE = 0.07, 1.5
"""Of the object's area as it was taught, that is found of it."""

LOSS_BY_DISTANCE = 0.5
"""Of score, at the end of the reach, when the best of several is chosen."""

SURELY_NOT = -8.0
ROUNDS = 10
"""Of smoothing."""

GROWN = np.ones((5, 5), np.uint8)
"""Around look-alikes: flow and borders are not exact."""


@dataclass(frozen=True)
class Lost:
    """What is known of an object that is not where it should be."""

    expected: Mask
    """(h, w): where it was seen last, and where it would be."""
    alike: Floats
    """(h, w): at least UNSEEN on look-alikes."""
    area: float
    """In pixels, as it was taught."""
    frames: int
    """Since it was seen."""
    pace: float
    """Pixels a frame, as it moved last."""

    @property
    def reach(self) -> float:
        """Pixels around the place expected in which it is looked for."""
        size = float(np.sqrt(self.area))
        return SIZES_AROUND * size + self.frames * max(PACE * size, self.pace)


def look_alikes(score: Floats, mask: Mask) -> Floats:
    """(h, w): 1 on what looks like the object and is well off it, by an (h, w) score (above 0: as the object)."""
    off = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) > SIZES_OFF * np.sqrt(np.count_nonzero(mask))
    return ((score > 0) & off).astype(np.float32)


def carried(alike: Floats, back: Floats, *, trust: Mask) -> Floats:
    """(h, w): look-alikes of the frame before, on this one.

    By the flow ``back`` ((h, w, 2), from here to there) where that is to be trusted, elsewhere only if they stand still
    in the world: what comes out from behind a look-alike has no flow, and is not made one by its neighbours'.
    """
    camera = np.broadcast_to(np.median(back, axis=(0, 1)), back.shape).astype(np.float32)
    return pulled(alike, back) * (trust | (pulled(alike, camera) >= UNSEEN))


def searched(model: PixelModel, score: Floats, lost: Lost) -> Mask:
    """(h, w): the part of a frame that looks most like the object; empty when none does enough."""
    nothing = np.zeros_like(lost.expected)
    if not lost.expected.any():
        return nothing
    away = cv2.distanceTransform((~lost.expected).astype(np.uint8), cv2.DIST_L2, 3) / lost.reach
    _, labels, stats, _ = cv2.connectedComponentsWithStats(_parts(model, score, lost), connectivity=4)
    areas, flat = stats[:, cv2.CC_STAT_AREA], labels.ravel()
    alike = np.bincount(flat, score.ravel(), minlength=len(areas)) / np.maximum(areas, 1)
    good = (alike >= LEAST_SCORE) & (areas >= LEAST_SHARE * lost.area) & (areas <= MOST_SHARE * lost.area)
    good &= np.bincount(flat, (away <= 1).ravel(), minlength=len(areas)) > 0
    good[0] = False
    worth = np.bincount(flat, (score - LOSS_BY_DISTANCE * away).ravel(), minlength=len(areas))
    best = int(np.argmax(np.where(good, worth, -np.inf)))
    return tidy(labels == best, keep=nothing) if good[best] else nothing


def _parts(model: PixelModel, score: Floats, lost: Lost) -> npt.NDArray[np.uint8]:
    """(h, w): 1 on what looks like the object, and is no look-alike."""
    known = (score > 0) & (cv2.dilate((lost.alike >= UNSEEN).astype(np.uint8), GROWN) > 0)
    logits = np.where(known, SURELY_NOT, SCORE_WEIGHT * score).astype(np.float32)
    return ((model.smoothed(logits, ROUNDS) > 0) & ~known).astype(np.uint8)
