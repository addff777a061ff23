"""Clicks to a mask on one frame: each click changes what it was made for, and little else.

A click adds (or takes away) one connected part around it, see ``candidates`` and ``choosing``; then the border is
fitted to the colours and edges of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vas_tool.engines.builtin.candidate_traits import traits_of
from vas_tool.engines.builtin.candidates import Question, Scene, SmallClick, candidates, connected, scene_of, thinned
from vas_tool.engines.builtin.choosing import best_of, likelihoods, shipped
from vas_tool.engines.builtin.pixel_model import PixelModel, signed_distance
from vas_tool.engines.builtin.region_graph import RegionGraph, disk
from vas_tool.types import Mask

DOT = 4
"""Pixels around a click that obey it whatever else is known."""

BORDER_PIXELS = 2.0
"""From the border before, within which a click may move it the other way."""

ROUNDS, QUICK_ROUNDS = 25, 8
"""Of smoothing."""

PURE = 0.02, 0.98
"""A region of which a part between these is in a change is cut by it; the others are in it or not."""


@dataclass(frozen=True)
class PreparedFrame:
    """What clicks on a frame are answered from."""

    graph: RegionGraph
    pixels: PixelModel


@dataclass(frozen=True)
class Asked:
    """What the last of some clicks asks, in both sizes."""

    question: Question
    domain: Mask
    """(h, w): where the change may be."""
    scene: Scene

    @property
    def kind(self) -> str:
        """See ``choosing.QUESTIONS``."""
        return "first" if self.question.first else "more" if self.question.clicks[-1].positive else "less"


def click_mask(
    frame: PreparedFrame, clicks: tuple[SmallClick, ...], history: tuple[Mask, ...], *, quick: bool = False
) -> Mask:
    """(h, w): the mask after the last of ``clicks``; ``history`` holds the one before each of them."""
    last, before = clicks[-1], history[-1]
    if not last.positive and not before.any():
        return np.zeros_like(before)
    this = asked(frame, clicks, history)
    found = candidates(this.question, this.scene, quick=quick)
    weights = likelihoods(traits_of(this.scene, found), this.kind, shipped())
    chosen = best_of([c.mask for c in found], weights, thinned(before), positive=last.positive)
    return changed(frame, this, chosen, quick=quick)


def asked(frame: PreparedFrame, clicks: tuple[SmallClick, ...], history: tuple[Mask, ...]) -> Asked:
    """What the last click asks, with what is known of the object."""
    last, before, pixels = clicks[-1], history[-1], frame.pixels
    known = before.any() and not before.all()
    question = Question(frame.graph, clicks, history, pixels.score(pixels.learned(before)) if known else None)
    domain = (~before if last.positive else before) & ~dots(clicks, before.shape, positive=not last.positive)
    return Asked(question, domain, scene_of(question, domain))


def changed(frame: PreparedFrame, this: Asked, chosen: Mask, *, quick: bool = False) -> Mask:
    """(h, w): the mask after a thinned change, its border fitted to the picture."""
    clicks, before = this.question.clicks, this.question.history[-1]
    last = clicks[-1]
    change = _enlarged(chosen, this.question, this.domain) | disk(before.shape, (last.x, last.y), DOT)
    rough = before | change if last.positive else before & ~change
    inside, outside = (dots(clicks, before.shape, positive=positive) for positive in (True, False))
    mask = frame.pixels.refined(rough, inside=inside, outside=outside, rounds=QUICK_ROUNDS if quick else ROUNDS)
    return _one_way(mask, before, last) & ~outside | inside if before.any() else mask


def _enlarged(chosen: Mask, question: Question, domain: Mask) -> Mask:
    """(h, w): a thinned change with the borders of regions where it goes along them."""
    graph, last = question.graph, question.clicks[-1]
    free = thinned(domain).ravel()
    labels = thinned(graph.labels).ravel()[free]
    total = np.bincount(labels, minlength=len(graph.sizes))
    inside = np.bincount(labels, chosen.ravel()[free].astype(np.float32), minlength=len(graph.sizes))
    share = inside / np.maximum(total, 1)
    pure = (total > 0) & ((share <= PURE[0]) | (share >= PURE[1]))
    blocks = cv2.resize(chosen.astype(np.uint8), domain.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    whole = np.where(pure[graph.labels], share[graph.labels] > 0.5, blocks) & domain
    return connected(whole | (disk(domain.shape, (last.x, last.y), 1) & domain), (last.y, last.x))


def _one_way(mask: Mask, before: Mask, click: SmallClick) -> Mask:
    """A positive click takes nothing away and a negative one adds nothing, but for the very border."""
    wrong = before & ~mask if click.positive else mask & ~before
    at_border = np.abs(signed_distance(before)) <= BORDER_PIXELS
    return mask ^ (wrong & ~at_border)


def dots(clicks: tuple[SmallClick, ...], shape: tuple[int, ...], *, positive: bool) -> Mask:
    """(h, w): the pixels that clicks of one kind are sure of; where both claim one, the later click has it."""
    out = np.zeros(shape[:2], bool)
    for click in clicks:
        out[disk(shape, (click.x, click.y), DOT)] = click.positive == positive
    return out
