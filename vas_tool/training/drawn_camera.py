"""A camera that follows a drawn object, and its effect on the objects around.

Drawn shapes are in coordinates of the object, because registration removes its motion. A camera therefore shows in two
ways: objects that stand still pass by, nearer ones faster; and the pictures are turned and zoomed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.builtin.registration import Affine
from vas_tool.training.shapes import NUM_FRAMES, SIDE, SIZE, Masks, Path, Random, smooth

STILL = 0.4
"""Share of the clips whose camera neither turns nor zooms."""

SMALLEST, LARGEST = 0.6, 1.4
"""Zoom, relative to the middle of its range."""

Poses = npt.NDArray[np.float64]
"""(T, 3, 3): one similarity a frame."""


@dataclass(frozen=True)
class DrawnCamera:
    """The object's path through the scene, and the camera."""

    path_xy: npt.NDArray[np.float64]
    """(T, 2) path of the object through the scene, in pixels."""
    parallax: float
    """How much faster objects pass by that are nearer by the whole depth range."""
    poses: Poses
    """Maps from the object to the picture: how the camera turns and zooms about the middle."""

    @classmethod
    def drawn(cls, random: Random) -> DrawnCamera:
        """Return a random camera for one clip."""
        angle = random.normal(0, 0.3) + np.pi * (random.random() < 0.5) + (random.random() < 0.2) * np.pi / 2
        along = np.linspace(-1, 1, NUM_FRAMES) * random.uniform(0, 2.0) * SIZE + smooth(random, 0.2 * SIZE, pace=8.0)
        shake = np.stack([smooth(random, random.uniform(0, 1.0), pace=2.5) for _ in "xy"], axis=1)
        path_xy = along[:, None] * np.array([np.cos(angle), np.sin(angle)]) + shake
        return cls(path_xy, random.uniform(0, 1.5), _poses(random))

    def passing(self, height: float) -> npt.NDArray[np.float64]:
        """Return (T, 2) the path, relative to the object, of something that stands still and is nearer by
        ``height``.
        """
        return -self.path_xy * (1 + self.parallax * height)

    def seen(self, masks: Masks) -> Masks:
        """Return (T, SIDE, SIDE) masks in the camera's picture. Masks that touch the border continue beyond it."""
        if not (self.poses - np.eye(3)).any():
            return masks
        borders = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
        shown = [opencv.warp_affine(m, p[:2], (SIDE, SIDE), **borders) for m, p in zip(masks, self.poses, strict=True)]
        return np.stack(shown).astype(np.float32)

    def obj(self, obj: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return the bool masks of an object in the camera's picture."""
        return self.seen(obj.astype(np.float32)) > 0.5


def _poses(random: Random) -> Poses:
    if random.random() < STILL:
        return np.repeat(np.eye(3)[None], NUM_FRAMES, axis=0)
    zoom = smooth(random, random.uniform(0.01, 0.2), pace=10.0)
    size = np.clip(zoom - (zoom.max() + zoom.min()) / 2, np.log(SMALLEST), np.log(LARGEST))
    turn = smooth(random, random.uniform(0, 0.08), pace=6.0)
    return similarities(np.zeros((NUM_FRAMES, 2)), turn, size)


def similarities(shifts: npt.NDArray[np.float64], turns: Path, log_sizes: Path) -> Poses:
    """Return similarities about the middle of the picture from (T, 2) pixels, radians and logarithms of sizes."""
    return np.stack([_similarity(s, t, z) for s, t, z in zip(shifts, turns, log_sizes, strict=True)])


def _similarity(shift: npt.NDArray[np.float64], turn: float, log_size: float) -> Affine:
    cos, sin, size = np.cos(turn), np.sin(turn), np.exp(log_size)
    linear, middle = size * np.array([[cos, -sin], [sin, cos]]), np.array([SIDE / 2, SIDE / 2])
    out = np.eye(3)
    out[:2, :2], out[:2, 2] = linear, middle - linear @ middle + shift
    return out
