"""Clicks of a simulated person on labelled pictures, and what each candidate would have gained.

The person clicks in the middle of the largest error, mostly not exactly. Every second answer is not the best one but
drawn by how likely each is: what is learned must also help out of answers that it would not give itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vas_tool.engines.builtin import choosing, clicking
from vas_tool.engines.builtin.candidate_traits import traits_of
from vas_tool.engines.builtin.candidates import SmallClick, candidates, thinned
from vas_tool.engines.builtin.clicking import PreparedFrame
from vas_tool.engines.builtin.region_graph import Floats, depth_inside
from vas_tool.masks import iou
from vas_tool.training.pictures import LabelledPicture
from vas_tool.training.shapes import Random
from vas_tool.types import Mask

NUM_CLICKS = 10
DONE = 0.985
"""Overlap from which nobody clicks on."""

ASTRAY = (0.0, 0.1, 0.3)
"""By which part of its depth a click may miss the middle of the error."""

EXPLORED = 0.5
"""Part of the answers that are drawn."""


@dataclass(frozen=True)
class Lesson:
    """One click: what its candidates look like, and what each would gain."""

    question: str
    """See ``choosing.QUESTIONS``."""
    traits: Floats
    """(n, traits)."""
    gains: Floats
    """(n,): of IoU, before the border is fitted."""


def lessons(picture: LabelledPicture, random: Random) -> Iterator[Lesson]:
    """What up to NUM_CLICKS clicks on a picture teach."""
    frame = PreparedFrame.of(picture.frame, picture.motion)
    astray = float(random.choice(ASTRAY))
    clicks: tuple[SmallClick, ...] = ()
    history: list[Mask] = [np.zeros_like(picture.mask)]
    while len(clicks) < NUM_CLICKS and iou(history[-1], picture.mask) <= DONE:
        clicks = (*clicks, next_click(history[-1], picture.mask, random, astray=astray))
        if not clicks[-1].positive and not history[-1].any():
            return
        asked = clicking.asked(frame, clicks, tuple(history))
        found = candidates(asked.question, asked.scene, quick=False)
        traits = traits_of(asked.scene, found)
        gains = _gains([c.mask for c in found], history[-1], picture.mask, positive=clicks[-1].positive)
        yield Lesson(asked.kind, traits, gains)
        weights = choosing.likelihoods(traits, asked.kind, choosing.shipped())
        if random.random() < EXPLORED:
            weights = _drawn(weights, random)
        chosen = choosing.best_of([c.mask for c in found], weights, thinned(history[-1]), positive=clicks[-1].positive)
        history.append(clicking.changed(frame, asked, chosen))


def next_click(mask: Mask, truth: Mask, random: Random, *, astray: float = 0.0) -> SmallClick:
    """In the middle of the largest error, or up to ``astray`` of its depth beside it."""
    missing, surplus = depth_inside(truth & ~mask), depth_inside(mask & ~truth)
    positive = bool(missing.max() >= surplus.max())
    depth = missing if positive else surplus
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    if astray:
        near = np.argwhere(depth >= (1 - astray) * depth.max())
        near = near[np.hypot(near[:, 0] - row, near[:, 1] - column) <= depth.max()]
        row, column = near[random.integers(len(near))]
    return SmallClick(int(column), int(row), positive)


def _gains(masks: list[Mask], before: Mask, truth: Mask, *, positive: bool) -> Floats:
    small, true = thinned(before), thinned(truth)
    after = [small | mask if positive else small & ~mask for mask in masks]
    start = iou(small, true)
    return np.array([iou(mask, true) - start for mask in after], np.float32)


def _drawn(weights: Floats, random: Random) -> Floats:
    """All on one candidate, drawn by the roots of the weights."""
    roots = np.sqrt(weights.astype(np.float64))
    out = np.zeros_like(weights)
    out[random.choice(len(weights), p=roots / roots.sum())] = 1
    return out
