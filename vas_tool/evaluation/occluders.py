"""Things that move in front of an object: bars, blobs, fences, leaves, blocks that hide all of it, and pairs of layers.

Each is drawn where the object is, relative to its own size, so that it hides part of whatever it is put before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.evaluation.silhouettes import Masks, Random
from vas_tool.types import Mask

Time = npt.NDArray[np.float64]
"""(T,) from -1.3 to 1.3 or back: the thing is before the object's middle at 0."""

Painter = Callable[[int, Mask], None]
"""(frame index, (H, W) of False) -> paints True where the thing is."""

SPAN = 1.3
"""Of ``Time``, on either side."""


@dataclass(frozen=True)
class Course:
    """Where the object is, and how large on the mean."""

    centres: npt.NDArray[np.float64]
    """(T, 2): x, y of the middle of its box; where it has none, that of the frame before."""
    width: float
    height: float

    @classmethod
    def of(cls, masks: Masks) -> Course:
        """From the object's (T, H, W) masks; at least one must hold a pixel."""
        boxes = np.array([cv2.boundingRect(mask.astype(np.uint8)) for mask in masks], np.float64)
        there = np.flatnonzero(boxes[:, 2] > 0)
        nearest = there[np.abs(np.arange(len(masks))[:, None] - there).argmin(axis=1)]
        boxes = boxes[nearest]
        return cls(boxes[:, :2] + boxes[:, 2:] / 2, float(boxes[:, 2].mean()), float(boxes[:, 3].mean()))


Occluder = Callable[[Course, Time, Random], list[Painter]]
"""Its layers, the farther first."""


def _bar(course: Course, time: Time, random: Random) -> list[Painter]:
    """An upright bar, narrower than the object."""
    return [_slab(course, 0.9 * time, course.width * random.uniform(0.35, 0.8))]


def _fence(course: Course, time: Time, random: Random) -> list[Painter]:
    """Three thin bars that pass together."""
    gap, width = random.uniform(0.4, 0.6), course.width * random.uniform(0.14, 0.24)
    bars = [_slab(course, 0.8 * time + k * gap, width) for k in (-1, 0, 1)]

    def paint(i: int, picture: Mask) -> None:
        for bar in bars:
            bar(i, picture)

    return [paint]


def _blob(course: Course, time: Time, random: Random) -> list[Painter]:
    """An ellipse that crosses on a slant."""
    return [_ellipse(course, time, random, radius=random.uniform(0.28, 0.42))]


def _leaves(course: Course, time: Time, random: Random) -> list[Painter]:
    """A heap of small ellipses with holes between them."""
    leaves = [_ellipse(course, 0.8 * time, random, radius=random.uniform(0.06, 0.16), spread=0.5) for _ in range(14)]

    def paint(i: int, picture: Mask) -> None:
        for leaf in leaves:
            leaf(i, picture)

    return [paint]


def _block(course: Course, time: Time, random: Random) -> list[Painter]:
    """Wider than the object: nothing of it is seen on some frames."""
    return [_slab(course, random.uniform(1.5, 2.2) * time, course.width * random.uniform(1.3, 1.6))]


def _layers(course: Course, time: Time, random: Random) -> list[Painter]:
    """An ellipse, and nearer than that a bar that comes the other way."""
    behind = _ellipse(course, -0.9 * time, random, radius=random.uniform(0.2, 0.32))
    return [behind, _slab(course, 1.1 * time, course.width * random.uniform(0.3, 0.5))]


def _slab(course: Course, offset: Time, width: float) -> Painter:
    """From top to bottom; ``offset`` (T,) in the object's widths, ``width`` in pixels."""

    def paint(i: int, picture: Mask) -> None:
        left = course.centres[i, 0] + offset[i] * course.width - width / 2
        picture[:, max(0, round(left)) : max(0, round(left + width))] = True

    return paint


def _ellipse(course: Course, time: Time, random: Random, *, radius: float, spread: float = 0.0) -> Painter:
    size = radius * np.hypot(course.width, course.height)
    axes = round(size * random.uniform(0.9, 1.3)), round(size)
    turn, slant = random.uniform(0, 180), random.uniform(-0.3, 0.3)
    aside = random.uniform(-spread, spread, 2) if spread else np.zeros(2)

    def paint(i: int, picture: Mask) -> None:
        x = course.centres[i, 0] + (time[i] * 0.8 + aside[0]) * course.width
        y = course.centres[i, 1] + (time[i] * slant + aside[1]) * course.height
        cv2.ellipse(picture.view(np.uint8), (round(x), round(y)), axes, turn, 0, 360, 1, cv2.FILLED)

    return paint


OCCLUDERS: dict[str, Occluder] = {
    "bar": _bar,
    "fence": _fence,
    "blob": _blob,
    "leaves": _leaves,
    "layers": _layers,
    "block": _block,
}
"""Name -> what makes it."""

HIDES_ALL = frozenset({"block"})
"""Those behind which the object is gone on some frames."""
