"""Draws occluders that move in front of an object: bars, blobs, fences, leaves, blocks that hide all of it, two layers.

Each is drawn at the object's place and relative to its size, so that it hides part of any object.
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
"""(T,) from -1.3 to 1.3 or back. At 0 the occluder is in front of the object's middle."""

Painter = Callable[[int, Mask], None]
"""A function: (frame index, (H, W) mask) -> sets the occluder's pixels to True."""

SPAN = 1.3
"""Largest absolute value of ``Time``."""


@dataclass(frozen=True)
class ObjectPath:
    """Where the object is on each frame, and its mean size."""

    centres: npt.NDArray[np.float64]
    """(T, 2): x, y of the middle of the object's box in pixels; without a box, that of the nearest frame with one."""
    width: float
    """Mean width of the object's box in pixels."""
    height: float
    """Mean height of the object's box in pixels."""

    @classmethod
    def of(cls, masks: Masks) -> ObjectPath:
        """Return the path of an object with the (T, H, W) masks. At least one mask must have a pixel."""
        boxes = np.array([cv2.boundingRect(mask.astype(np.uint8)) for mask in masks], np.float64)
        there = np.flatnonzero(boxes[:, 2] > 0)
        nearest = there[np.abs(np.arange(len(masks))[:, None] - there).argmin(axis=1)]
        boxes = boxes[nearest]
        return cls(boxes[:, :2] + boxes[:, 2:] / 2, float(boxes[:, 2].mean()), float(boxes[:, 3].mean()))


Occluder = Callable[[ObjectPath, Time, Random], list[Painter]]
"""A function that returns the painters of an occluder's layers, the farther layer first."""


def _bar(path: ObjectPath, time: Time, random: Random) -> list[Painter]:
    """Return an upright bar, narrower than the object."""
    return [_slab(path, 0.9 * time, path.width * random.uniform(0.35, 0.8))]


def _fence(path: ObjectPath, time: Time, random: Random) -> list[Painter]:
    """Return three thin bars that pass together."""
    gap, width = random.uniform(0.4, 0.6), path.width * random.uniform(0.14, 0.24)
    bars = [_slab(path, 0.8 * time + k * gap, width) for k in (-1, 0, 1)]

    def paint(i: int, picture: Mask) -> None:
        for bar in bars:
            bar(i, picture)

    return [paint]


def _blob(path: ObjectPath, time: Time, random: Random) -> list[Painter]:
    """Return an ellipse that crosses diagonally."""
    return [_ellipse(path, time, random, radius=random.uniform(0.28, 0.42))]


def _leaves(path: ObjectPath, time: Time, random: Random) -> list[Painter]:
    """Return a group of small ellipses with holes between them."""
    leaves = [_ellipse(path, 0.8 * time, random, radius=random.uniform(0.06, 0.16), spread=0.5) for _ in range(14)]

    def paint(i: int, picture: Mask) -> None:
        for leaf in leaves:
            leaf(i, picture)

    return [paint]


def _block(path: ObjectPath, time: Time, random: Random) -> list[Painter]:
    """Return a block wider than the object: on some frames nothing of the object is seen."""
    return [_slab(path, random.uniform(1.5, 2.2) * time, path.width * random.uniform(1.3, 1.6))]


def _layers(path: ObjectPath, time: Time, random: Random) -> list[Painter]:
    """Return an ellipse, and a nearer bar that moves in the opposite direction."""
    behind = _ellipse(path, -0.9 * time, random, radius=random.uniform(0.2, 0.32))
    return [behind, _slab(path, 1.1 * time, path.width * random.uniform(0.3, 0.5))]


def _slab(path: ObjectPath, offset: Time, width: float) -> Painter:
    """Return a painter of a bar from top to bottom. ``offset`` (T,) is in widths of the object, ``width`` in pixels."""

    def paint(i: int, picture: Mask) -> None:
        left = path.centres[i, 0] + offset[i] * path.width - width / 2
        picture[:, max(0, round(left)) : max(0, round(left + width))] = True

    return paint


def _ellipse(path: ObjectPath, time: Time, random: Random, *, radius: float, spread: float = 0.0) -> Painter:
    size = radius * np.hypot(path.width, path.height)
    axes = round(size * random.uniform(0.9, 1.3)), round(size)
    turn, slant = random.uniform(0, 180), random.uniform(-0.3, 0.3)
    aside = random.uniform(-spread, spread, 2) if spread else np.zeros(2)

    def paint(i: int, picture: Mask) -> None:
        x = path.centres[i, 0] + (time[i] * 0.8 + aside[0]) * path.width
        y = path.centres[i, 1] + (time[i] * slant + aside[1]) * path.height
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
"""Name of an occluder -> the function that makes it."""

HIDES_ALL = frozenset({"block"})
"""Occluders that hide the whole object on some frames."""
