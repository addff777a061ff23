"""Adds to drawn scenes the errors that tracking, depth and registration have on real clips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.amodal import Soft
from vas_tool.training.drawn_camera import Poses, similarities
from vas_tool.training.shapes import NUM_FRAMES, SIDE, SIZE, Masks, Path, Random

Layer = tuple[float, npt.NDArray[np.bool_]]
"""(how much nearer than the object, as a share of the depth range; (SIDE, SIDE) mask)."""


GROUND_AHEAD = 0.35
"""Share of the clips in which the ground in front of the object is nearer than the object."""


@dataclass(frozen=True)
class DepthNoise:
    """The noise of depth in one clip."""

    noise: float
    blur: float
    ground: Path
    """(SIDE,) depth of the ground from top to bottom, relative to the object."""

    @classmethod
    def drawn(cls, random: Random) -> DepthNoise:
        """Return random noise for one clip."""
        return cls(random.uniform(0.01, 0.05), random.uniform(0.3, 1.5), _ground(random))

    def nearness(self, seen: Soft, objects: tuple[list[Layer], list[Layer]], random: Random) -> Soft:
        """Return the (h, w) nearness: 0.5 at the object, more in front, with the soft borders and noise of estimated
        depth.

        ``objects`` holds the farther and the nearer objects of this frame.
        """
        depth = np.repeat(self.ground[:, None], SIDE, axis=1)
        behind, front = objects
        for height, layer in behind:
            depth[layer] = height
        depth[seen > 0.5] = 0.0
        for height, layer in front:
            depth[layer] = height
        coarse = random.normal(0, self.noise, (SIDE // 5, SIDE // 5))
        blurred = cv2.GaussianBlur(depth, (0, 0), self.blur) + cv2.resize(coarse, (SIDE, SIDE))
        return np.asarray(np.clip(0.5 + blurred / 0.2, 0, 1), np.float32)


def _ground(random: Random) -> Path:
    top = random.uniform(-0.4, -0.1)
    if random.random() > GROUND_AHEAD:
        return np.linspace(top, random.uniform(top, -0.04), SIDE)
    feet = SIDE / 2 + random.uniform(0.7, 1.1) * SIZE
    return np.interp(np.arange(SIDE), [0, feet, SIDE], [top, 0, random.uniform(0, 0.2)])


def tracked(seen: Masks, random: Random) -> Masks:
    """Return the modal masks with a tracker's errors: soft or hard, some slightly too small or too large."""
    hard = (seen > 0.5).astype(np.uint8)
    if random.random() < 0.7:
        return seen.astype(np.float32) if random.random() < 0.5 else hard.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    change = cv2.erode if random.random() < 0.5 else cv2.dilate
    return np.stack([change(mask, kernel) if random.random() < 0.5 else mask for mask in hard]).astype(np.float32)


def drift(truth: Masks, hiding: npt.NDArray[np.bool_], random: Random) -> Poses:
    """Return (T, 3, 3) the drift of registration: slow changes of shift, turn and size.

    They are faster where little of the object is seen, and jump where nothing is.
    """
    hidden = 1 - (truth * ~hiding).sum(axis=(1, 2)) / np.maximum(truth.sum(axis=(1, 2)), 1)
    level = np.exp(random.uniform(np.log(0.03), np.log(0.7)))
    pace = level * (0.3 + 3 * hidden**2)
    steps = random.normal(0, 1, (NUM_FRAMES, 4)) * pace[:, None] * np.array([1, 1, 0.010, 0.008])
    leaps = (hidden > 0.85) & (random.random(NUM_FRAMES) < 0.25)
    steps[leaps, :2] += random.normal(0, random.choice([1.0, 4.0]), (int(leaps.sum()), 2))
    x, y, turn, size = np.cumsum(steps, axis=0).T
    return similarities(np.stack([x, y], axis=1) + _bump(hidden > 0.9, random), turn, size)


def _bump(gone: npt.NDArray[np.bool_], random: Random) -> npt.NDArray[np.float64]:
    """Return (T, 2) the error where nothing is seen: registration assumes a straight path, and the true path is
    curved.
    """
    out, start = np.zeros((NUM_FRAMES, 2)), 0
    height = random.normal(0, 3.0, 2)
    for i in range(NUM_FRAMES + 1):
        if i < NUM_FRAMES and gone[i]:
            continue
        length = i - start
        if length > 0:
            out[start:i] = np.sin(np.pi * (np.arange(length) + 1) / (length + 1))[:, None] * height * min(1, length / 5)
        start = i + 1
    return out
