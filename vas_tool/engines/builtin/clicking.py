"""Clicks to a mask on one frame: each click changes what it was made for, and little else.

A click adds (or takes away) one connected part around it, see ``candidates`` and ``choosing``: of one colour, of one
motion (``motion``), or tied together without an edge between. Then the border is laid along the picture's edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from vas_tool.engines.builtin.border import cut_border
from vas_tool.engines.builtin.candidate_traits import traits_of
from vas_tool.engines.builtin.candidates import (
    Candidate,
    Question,
    Scene,
    SmallClick,
    candidates,
    connected,
    scene_of,
    thinned,
)
from vas_tool.engines.builtin.choosing import best_of, likelihoods, shipped
from vas_tool.engines.builtin.pixel_model import Floats, PixelModel, prepare_pixels, signed_distance
from vas_tool.engines.builtin.region_graph import RegionGraph, cut, depth_inside, disk
from vas_tool.types import Frame, Mask

DOT = 3
"""Pixels around a click that obey it whatever else is known, at most: an error ends where the mask's border is."""

NEAR, DEPTHS_NEAR = 40.0, 3.0
"""Pixels from what a click changes, or so many times the mask's depth if that is more, within which the border is laid
anew: what a click is not about must not lose by it."""

MOST_ADDED, MOST_TAKEN = 4.0, 0.9
"""Times what is there that a click after the first one adds or takes away at most."""

FREE_CLICKS, MORE_THAN_CHANGED, ALWAYS_ADDED = 3, 4.0, 0.1
"""After so many clicks one adds at most so many times what the largest change since the first click was, too (so much
of what is there in any case): larger errors were clicked on before."""

BORDER_PIXELS = 2.0
"""From the border before, within which a click may move it the other way."""

QUICK_ROUNDS = 8
"""Of smoothing, for a quick answer."""

PURE = 0.02, 0.98
"""A region of which a part between these is in a change is cut by it; the others are in it or not."""


@dataclass(frozen=True)
class PreparedFrame:
    """What clicks on a frame are answered from."""

    frame: Frame
    """(h, w, 3) RGB."""
    graph: RegionGraph
    pixels: PixelModel

    @classmethod
    def of(cls, frame: Frame, motion: Floats) -> PreparedFrame:
        """``motion``: (h, w, channels), see ``motion``."""
        return cls(frame, cut(frame, motion), prepare_pixels(frame, motion))


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
    found = plausible(candidates(this.question, this.scene, quick=quick), this)
    weights = likelihoods(traits_of(this.scene, found), this.kind, shipped())
    chosen = best_of([c.mask for c in found], weights, thinned(before), positive=last.positive)
    return changed(frame, this, chosen, quick=quick)


def asked(frame: PreparedFrame, clicks: tuple[SmallClick, ...], history: tuple[Mask, ...]) -> Asked:
    """What the last click asks, with what is known of the object."""
    last, before, pixels = clicks[-1], history[-1], frame.pixels
    known = before.any() and not before.all()
    question = Question(frame.graph, clicks, history, pixels.score(pixels.learned(before)) if known else None)
    domain = (~before if last.positive else before) & ~dots(
        clicks, radii(clicks, history), before.shape, positive=not last.positive
    )
    return Asked(question, domain, scene_of(question, domain))


def plausible(found: list[Candidate], this: Asked) -> list[Candidate]:
    """Without those that add or take away far too much for such a click; the smallest stays in any case."""
    if this.question.first:
        return found
    areas = [int(np.count_nonzero(one.mask)) for one in found]
    history = [thinned(mask) for mask in this.question.history]
    allowed = _most_added(history) if this.question.clicks[-1].positive else MOST_TAKEN * np.count_nonzero(history[-1])
    most = max(allowed, min(areas))
    return [one for one, area in zip(found, areas, strict=True) if area <= most]


def _most_added(history: list[Mask]) -> float:
    """Thinned pixels, by the masks before all clicks so far."""
    there = int(np.count_nonzero(history[-1]))
    if len(history) <= FREE_CLICKS:
        return MOST_ADDED * there
    largest = max(int(np.count_nonzero(one ^ other)) for one, other in pairwise(history[1:]))
    return max(min(MORE_THAN_CHANGED * largest, MOST_ADDED * there), ALWAYS_ADDED * there)


def changed(frame: PreparedFrame, this: Asked, chosen: Mask, *, quick: bool = False) -> Mask:
    """(h, w): the mask after a thinned change, its border fitted to the picture."""
    clicks, history = this.question.clicks, this.question.history
    last, before, sure = clicks[-1], history[-1], radii(clicks, history)
    change = _enlarged(chosen, this.question, this.domain) | disk(before.shape, (last.x, last.y), sure[-1])
    rough = before | change if last.positive else before & ~change
    inside, outside = (dots(clicks, sure, before.shape, positive=positive) for positive in (True, False))
    mask = bordered(frame, rough, inside=inside, outside=outside, quick=quick)
    if not before.any():
        return mask
    mask = np.where(_near(rough ^ before, before), mask, before)
    return _one_way(mask, before, last) & ~outside | inside


def bordered(frame: PreparedFrame, rough: Mask, *, inside: Mask, outside: Mask, quick: bool) -> Mask:
    """By what is learned of all pixels and, unless it has to be quick, by the cheapest cut through the colours, too."""
    if quick:
        return frame.pixels.refined(rough, inside=inside, outside=outside, rounds=QUICK_ROUNDS)
    proposed = cut_border(frame.frame, rough, inside=inside, outside=outside)
    return frame.pixels.refined(rough, inside=inside, outside=outside, proposed=proposed)


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


def _near(change: Mask, before: Mask) -> Mask:
    """Where the border may be laid anew."""
    away = cv2.distanceTransform((~change).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(away <= max(NEAR, DEPTHS_NEAR * float(depth_inside(before).max())))


def _one_way(mask: Mask, before: Mask, click: SmallClick) -> Mask:
    """A positive click takes nothing away and a negative one adds nothing, but for the very border."""
    wrong = before & ~mask if click.positive else mask & ~before
    at_border = np.abs(signed_distance(before)) <= BORDER_PIXELS
    return mask ^ (wrong & ~at_border)


def radii(clicks: tuple[SmallClick, ...], history: tuple[Mask, ...]) -> list[int]:
    """How far around itself each click is sure, by the mask before it: not beyond that mask's border."""
    return [_radius(click, before) for click, before in zip(clicks, history, strict=True)]


def _radius(click: SmallClick, before: Mask) -> int:
    wrong = ~before if click.positive else before
    if not before.any() or not wrong[click.y, click.x]:
        return DOT
    top, left = max(0, click.y - DOT - 1), max(0, click.x - DOT - 1)
    rows, columns = np.nonzero(~wrong[top : click.y + DOT + 2, left : click.x + DOT + 2])
    away = np.hypot(rows + top - click.y, columns + left - click.x)
    return max(1, int(away.min(initial=DOT + 1)) - 1)


def dots(clicks: tuple[SmallClick, ...], sure: list[int], shape: tuple[int, ...], *, positive: bool) -> Mask:
    """(h, w): the pixels that clicks of one kind are sure of; where both claim one, the later click has it."""
    out = np.zeros(shape[:2], bool)
    for click, radius in zip(clicks, sure, strict=True):
        out[disk(shape, (click.x, click.y), radius)] = click.positive == positive
    return out
