"""What candidates show on average, in them and along their new borders: of all of them at once, as matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.candidates import Scene
from vas_tool.engines.builtin.motion import CHANNELS
from vas_tool.engines.builtin.region_graph import Floats
from vas_tool.types import Mask

RING = np.ones((7, 7), np.uint8)
"""What lies so near the new border counts as beside it."""

HARDLY = 0.15
"""Change of colour below which a pixel hardly changes."""

LAB, SCORE, EDGE, MOTION, STILL = slice(0, 3), 3, 4, slice(5, 5 + len(CHANNELS)), 5 + len(CHANNELS)
"""Where in the looks of a pixel is what; the last: 1 where it hardly changes, 0 elsewhere and without any motion."""

CHANGE = MOTION.start + CHANNELS.index("change of colour")


@dataclass(frozen=True)
class Average:
    """Of one candidate; (looks,) each. Colours are relative to the clicked pixel's."""

    inside: Floats
    spread: Floats
    """Standard deviation inside."""
    skin: Floats
    """Inside along the new border; zeros, as ``ring``, when there is nothing on either side of it."""
    ring: Floats
    """Beyond it."""


def averages(scene: Scene, masks: Sequence[Mask]) -> list[Average]:
    """Of each candidate's thinned mask."""
    looks = _looks(scene)
    inside, squares = _means(masks, looks), _means(masks, looks**2)
    spread = np.sqrt(np.maximum(squares - inside**2, 0))
    bands = [_bands(scene.domain, mask) for mask in masks]
    both = np.array([[skin.any() and ring.any()] for skin, ring in bands])
    skins, rings = (both * _means([band[side] for band in bands], looks) for side in (0, 1))
    return [Average(*each) for each in zip(inside, spread, skins, rings, strict=True)]


def _looks(scene: Scene) -> Floats:
    """(pixels, looks); colours near 0 where all is as at the click, or sums of their squares would not be precise."""
    lab = scene.lab - scene.lab[scene.click]
    hardly = (scene.motion[..., CHANNELS.index("change of colour")] < HARDLY) & bool(scene.motion.any())
    looks = np.dstack([lab, scene.score, scene.edge, scene.motion, hardly])
    return looks.reshape(scene.domain.size, -1).astype(np.float32)


def _bands(domain: Mask, mask: Mask) -> tuple[Mask, Mask]:
    """(inside along the new border, beyond it), RING wide."""
    rest = domain & ~mask
    return mask & near(rest, RING), rest & near(mask, RING)


def near(mask: Mask, kernel: npt.NDArray[np.uint8]) -> Mask:
    """(h, w): the mask, and what the kernel reaches from it."""
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def _means(parts: Sequence[Mask], looks: Floats) -> Floats:
    """(n, looks): zeros for a part without a pixel."""
    flat = np.stack(parts).reshape(len(parts), -1).astype(np.float32)
    return np.asarray(flat @ looks / np.maximum(flat.sum(axis=1, keepdims=True), 1), np.float32)
