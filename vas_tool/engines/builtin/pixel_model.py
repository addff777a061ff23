"""A model of one frame's pixels that learns in milliseconds which colours, textures and places are the object's.

Ridge regression on random cosine features (Rahimi and Recht 2007) of colour at three scales, texture and place,
followed by smoothing that stops at edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.region_graph import depth_inside
from vas_tool.types import Frame, Mask

Floats = npt.NDArray[np.float32]
Window = tuple[slice, slice]
"""Rows and columns."""

EVERYWHERE: Window = (slice(None), slice(None))

NUM_COSINES = 96
COSINE_SPREAD = 1.2
SAMPLES = 5000
"""Pixels the model learns from."""

RIDGE = 1e-3
PLACE_WEIGHT, MOTION_WEIGHT = 2.0, 0.7
MODEL_WEIGHT = 2.0
MASK_WEIGHT = 1.8
PROPOSED_WEIGHT = 1.0
"""How much the learned model, the mask it starts from and a second opinion of it count."""

BAND = 12.0
"""Pixels from the old border within which the new one lies, at most: farther off the old mask stands."""

NARROWEST_BAND, BAND_SHARE = 3.0, 0.33
"""The same at least, and relative to the mask's depth: a small thing must not be learned away."""

STRIDES = ((0, 1), (1, 0), (1, 1), (1, -1))
"""The neighbours that smoothing ties a pixel to (and their opposites)."""

HOLE_SHARE = 0.002
"""Holes and islands smaller than this part of the picture are noise."""


@dataclass(frozen=True)
class PixelModel:
    """What is prepared for one frame."""

    cosines: Floats
    """(h * w, number of cosines)."""
    ties: tuple[Floats, ...]
    """For each of STRIDES, (h, w): how well a pixel holds together with that neighbour."""
    shape: tuple[int, int]

    def refined(
        self, mask: Mask, *, inside: Mask, outside: Mask, rounds: int = 25, proposed: Mask | None = None
    ) -> Mask:
        """The mask with its border where the learned colours and the picture's edges put it.

        ``inside`` and ``outside`` are sure. Only the band along the border can change. ``proposed``: another opinion.
        """
        if not mask.any() or mask.all():
            return (mask | inside) & ~outside
        signed = signed_distance(mask, edge=False)
        band = min(BAND, max(NARROWEST_BAND, BAND_SHARE * float(signed_distance(mask).max())))
        movable = np.abs(signed) <= band
        window = _window(movable, margin=rounds)  # smoothing reaches a pixel farther each round: more is not needed
        score = self.score(self.learned(mask, sure=(inside, outside)), rows=window[0])[:, window[1]]
        logits = MODEL_WEIGHT * score + MASK_WEIGHT * np.clip(signed[window] / band, -1, 1)
        if proposed is not None:
            logits += PROPOSED_WEIGHT * np.where(proposed[window], 1, -1)
        logits[inside[window]], logits[outside[window]] = 8, -8
        new = mask.copy()
        smooth = self.smoothed(logits.astype(np.float32), rounds, window=window) > 0
        new[window] = np.where(movable[window], smooth, mask[window])
        return tidy(new | inside, keep=inside) & ~outside

    def learned(self, mask: Mask, *, sure: tuple[Mask, Mask] | None = None, num_samples: int = SAMPLES) -> Floats:
        """(cosines + 1,): what tells the mask's pixels from the others, those near its border counting less.

        ``sure``: pixels that count much, inside and outside.
        """
        signed = signed_distance(mask)
        label = np.where(mask, 1, -1).astype(np.float32)
        weight = np.clip(np.abs(signed) / 6, 0.1, 1)
        weight *= np.where(mask, 1, np.exp(signed / 80) + 0.1)
        for side in (mask, ~mask):
            weight[side] *= 0.5 * mask.size / max(float(weight[side].sum()), 1e-6)
        chosen = np.random.default_rng(0).choice(mask.size, min(num_samples, mask.size), replace=False)
        if sure is not None:
            label[sure[0]], label[sure[1]] = 1, -1
            weight[sure[0] | sure[1]] = 10
            chosen = np.r_[chosen, np.flatnonzero((sure[0] | sure[1]).ravel())]
        return self._solved(chosen, label.ravel()[chosen], weight.ravel()[chosen])

    def score(self, solution: Floats, *, rows: slice = slice(None)) -> Floats:
        """(rows, w): about -1 (not the object) .. 1, by what was learned on this frame or on another one."""
        cosines = self.cosines.reshape(*self.shape, -1)[rows].reshape(-1, self.cosines.shape[1])
        return (cosines @ solution[:-1] + solution[-1]).reshape(-1, self.shape[1])

    def _solved(self, chosen: npt.NDArray[np.int64], label: Floats, weight: Floats) -> Floats:
        inputs = np.c_[self.cosines[chosen], np.ones(len(chosen), np.float32)]
        weighted = inputs * weight[:, None]
        system = weighted.T @ inputs + RIDGE * weight.sum() * np.eye(inputs.shape[1], dtype=np.float32)
        return np.linalg.solve(system, weighted.T @ label).astype(np.float32)

    def smoothed(self, logits: Floats, rounds: int, *, window: Window = EVERYWHERE) -> Floats:
        """Mean field: each pixel of a window listens to its neighbours as far as no edge lies between."""
        ties = [tie[window] for tie in self.ties]
        belief = np.tanh(logits / 2)
        for _ in range(rounds):
            told = np.zeros_like(belief)
            for tie, stride in zip(ties, STRIDES, strict=True):
                here, there = _neighbours(stride)
                told[here] += tie[here] * belief[there]
                told[there] += tie[here] * belief[here]
            belief = np.tanh((logits + 2 * told) / 2)
        return belief


def _window(of: Mask, *, margin: int) -> Window:
    """The part of a picture that holds a mask, and a margin."""
    spans = (np.flatnonzero(of.any(axis=axis)) for axis in (1, 0))
    rows, columns = (slice(max(0, int(at[0]) - margin), int(at[-1]) + 1 + margin) for at in spans)
    return rows, columns


def _neighbours(stride: tuple[int, int]) -> tuple[Window, Window]:
    """The pixels of a picture that have a neighbour so far down and right, and those neighbours."""
    (down, below), (right, beyond) = (_apart(step) for step in stride)
    return (down, right), (below, beyond)


def _apart(step: int) -> Window:
    first, last = slice(None, -abs(step) or None), slice(abs(step), None)
    return (first, last) if step >= 0 else (last, first)


def signed_distance(mask: Mask, *, edge: bool = True) -> Floats:
    """(h, w): pixels from the border, positive inside. ``edge``: whether the picture's edge counts as one."""
    if edge:
        return depth_inside(mask) - depth_inside(~mask)
    inside, outside = (cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 3) for side in (mask, ~mask))
    return np.asarray(inside - outside)


def prepare_pixels(
    frame: Frame,
    motion: Floats | None = None,
    *,
    place_weight: float = PLACE_WEIGHT,
    num_cosines: int = NUM_COSINES,
) -> PixelModel:
    """Everything about an (h, w, 3) RGB frame that does not depend on clicks.

    ``motion``: (h, w, channels) of ``motion``, to be learned from as colours are.
    ``place_weight``: how much the place in the picture counts beside colours; ``num_cosines``: more tell finer
    differences apart, and take as much more time and memory.
    """
    traits = _traits(frame, place_weight)
    if motion is not None:
        traits = np.concatenate([traits, MOTION_WEIGHT * motion], axis=2)
    num_traits = traits.shape[2]
    generator = np.random.default_rng(0)
    directions = (generator.normal(size=(num_traits, num_cosines)) * COSINE_SPREAD).astype(np.float32)
    phases = generator.uniform(0, 2 * np.pi, num_cosines).astype(np.float32)
    cosines = traits.reshape(-1, num_traits) @ directions
    cosines += phases  # in place: fresh memory for so many numbers takes longer than the numbers
    np.cos(cosines, out=cosines)
    return PixelModel(cosines, _ties(frame), frame.shape[:2])


def _traits(frame: Frame, place_weight: float) -> Floats:
    """(h, w, 13): Lab colour as it is and at two blurs, local contrast at two sizes, place."""
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float32) / np.array([100, 40, 40], np.float32)
    layers = [lab, *(cv2.GaussianBlur(lab, (0, 0), sigma) for sigma in (2, 5))]
    light = lab[..., 0]
    for sigma in (2, 5):
        mean = cv2.GaussianBlur(light, (0, 0), sigma)
        variance = cv2.GaussianBlur(light * light, (0, 0), sigma) - mean * mean
        layers.append(3 * np.sqrt(np.maximum(variance, 1e-6))[..., None])
    height, width = light.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32) * (place_weight / max(height, width))
    return np.concatenate([*layers, np.dstack([columns, rows])], axis=2).astype(np.float32)


def _ties(frame: Frame) -> tuple[Floats, ...]:
    lab = cv2.cvtColor(cv2.GaussianBlur(frame, (0, 0), 0.7), cv2.COLOR_RGB2LAB).astype(np.float32)
    jumps = [((lab - np.roll(lab, (-down, -right), (0, 1))) ** 2).sum(axis=2) for down, right in STRIDES]
    typical = 2 * float(np.mean(jumps[0])) + 1e-6
    ties = []
    for jump, (down, right) in zip(jumps, STRIDES, strict=True):
        tie = np.exp(-jump / typical) / np.hypot(down, right)
        if down:
            tie[-1] = 0
        if right:
            tie[:, -1 if right > 0 else 0] = 0
        ties.append(tie.astype(np.float32))
    return tuple(ties)


def tidy(mask: Mask, *, keep: Mask) -> Mask:
    """Without specks and pinholes; islands with a sure pixel stay."""
    small = HOLE_SHARE * mask.size
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    good = stats[:, 4] > small
    good[np.unique(labels[keep])] = True
    if not good[1:].any() and len(good) > 1:
        good[1 + int(stats[1:, 4].argmax())] = True
    good[0] = False
    solid = good[labels]
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~solid).astype(np.uint8), connectivity=4)
    pinholes = stats[:, 4] <= small
    pinholes[0] = False
    return solid | pinholes[labels]
