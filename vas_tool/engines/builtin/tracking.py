"""A mask carried through a clip by optical flow, kept on the object by what the reference frames taught about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.connection import CUT_TRUST, Connection, connected
from vas_tool.engines.builtin.flow import Floats, pulled
from vas_tool.engines.builtin.pixel_model import PixelModel, signed_distance, tidy
from vas_tool.engines.builtin.references import References, lesson, model_of
from vas_tool.engines.builtin.searching import carried, searched
from vas_tool.engines.builtin.shown_frames import ShownFrames
from vas_tool.engines.builtin.walk import SLIVER, Walk, moved
from vas_tool.masks import CocoRle, from_rle, to_rle
from vas_tool.types import Clip, Mask

FLOW_WEIGHT, REFERENCE_WEIGHT, RECENT_WEIGHT = 1.5, 4.0, 0.5
"""How much the mask that the flow brings counts, and what the references and the recent frames taught."""

REACH = 25.0
"""Pixels from the brought border at which the flow is as sure as it gets: colours decide nearer to it."""

RECENT = 0.4
"""How fast what recent frames teach is forgotten."""

SMOOTHING_ROUNDS = 10
OVERLAP = 0.2
"""An island of which less than this part was brought by the flow is something else."""

GONE_SHARE = 0.07
"""Of the reference's area, below which what is left counts as nothing."""

FOUND_SCORE = 0.15
"""Mean score, by what the references taught, of what may be the object when it comes back."""

BACK_TRUST = 0.5
"""Part of the picture whose flow goes there and back, from which on the scene before a cut is shown again."""

NOTHING_TO_SAY = 0.5
"""Certainty of an empty mask where nothing was expected: it does not ask for a look."""

Pulse = Callable[[], None]


def track_masks(
    clip: Clip,
    references: Mapping[int, Mask],
    frame_indices: range,
    *,
    progress: Progress = silent,
) -> Iterator[TrackedFrame]:
    """The modal mask on each of ``frame_indices``, in their order; a reference frame is answered with its mask.

    Each frame is reached from the nearest reference on the side that the range comes from, or else from the nearest
    one. Between two references both teach the colours. An empty reference starts and teaches nothing: the object is
    hidden there, and is looked for behind it. Raises Cancelled.
    """
    tracker = _Tracker(clip, references, frame_indices)
    for done, index in enumerate(frame_indices):

        def pulse(done: int = done) -> None:
            progress(done, len(frame_indices), "modal masks")

        pulse()
        yield tracker.answer(index, pulse)


class _Tracker:
    """Walks from reference to reference."""

    def __init__(self, clip: Clip, references: Mapping[int, Mask], frame_indices: range) -> None:
        self._frames = ShownFrames(clip)
        self._given = References(self._frames, references)
        self._wanted = frame_indices
        self._walk: Walk | None = None
        self._passed: dict[int, tuple[CocoRle, float]] = {}
        """Answers that are not yet given: those on a way back to the range's first frame come before it."""

    def answer(self, index: int, pulse: Pulse) -> TrackedFrame:
        """On the next frame of the range; ``pulse`` is called before each frame that is looked at."""
        if index in self._given:
            return TrackedFrame(index, self._given.mask(index), 1.0)
        if index not in self._passed:
            self._go(index, pulse)
        mask, certainty = self._passed.pop(index)
        return TrackedFrame(index, from_rle(mask), certainty)

    def _go(self, index: int, pulse: Pulse) -> None:
        walk = self._begun(index)
        if walk is None:
            self._passed[index] = to_rle(self._nothing()), 0.0
            return
        while walk.frame_index != index:
            pulse()
            certainty = self._advance(walk, walk.frame_index + (1 if index > walk.frame_index else -1))
            if walk.frame_index in self._wanted:
                self._passed[walk.frame_index] = to_rle(self._shown(walk)), certainty

    def _begun(self, index: int) -> Walk | None:
        """The walk that leads to a frame; None when the object is shown on no reference."""
        step, walk = self._wanted.step, self._walk
        start = self._given.beside(index, step=step, after=None if walk is None else walk.frame_index)
        ahead = self._given.ahead(index, step=step)
        if start is None and walk is None:
            start = ahead
        if start is not None:
            self._walk = self._given.start(start, also=ahead)
        return self._walk

    def _nothing(self) -> Mask:
        return np.zeros(self._frames.clip.size_wh[::-1], bool)

    def _shown(self, walk: Walk) -> Mask:
        """(H, W)."""
        return walk.view.enlarged(walk.soft >= 0.5, self._nothing()) if walk.shows else self._nothing()

    def _advance(self, walk: Walk, index: int) -> float:
        """One frame on; gives the certainty."""
        walk.turn(index)
        if walk.over:
            walk.frame_index = index
            return NOTHING_TO_SAY
        if walk.before_cut is None:
            walk.follow(self._frames.clip)
        least = CUT_TRUST if walk.before_cut is None else BACK_TRUST
        found = connected(self._frames, walk.view, (walk.came_from, index), least=least)
        if found is not None:
            return self._carried(walk, index, found)
        doubt = 0.0 if walk.before_cut is None else NOTHING_TO_SAY  # the first frame is the one to look at
        walk.cut(index)
        return doubt

    def _carried(self, walk: Walk, index: int, found: Connection) -> float:
        frames = abs(index - walk.came_from)
        walk.clear = moved(walk.clear, frames * walk.velocity)
        walk.alike = carried(walk.alike, found.back, trust=found.trust)
        brought = (walk.clear if walk.lost else pulled(walk.soft, found.back)) >= 0.5
        if index in self._given:  # an empty one: a walk starts from the others
            walk.missed(index)
            return 1.0
        model = model_of(self._frames, index, walk.view)
        look = _Look(index, model, model.score(walk.taught), brought, found.back / frames)
        mask = _found(walk, look)
        certainty = _certainty(brought, mask, trust=found.trust)
        _remember(walk, mask, look)
        return certainty


@dataclass(frozen=True)
class _Look:
    """A frame on which the object is looked for."""

    index: int
    model: PixelModel
    score: Floats
    """(h, w): how much each pixel looks like it, by what the references taught."""
    brought: Mask
    """(h, w): where it should be."""
    back: Floats
    """(h, w, 2): how far each pixel was from here a frame before."""

    def pace(self, mask: Mask) -> Floats:
        """(x, y) pixels a frame that a mask moves."""
        return np.asarray(-np.median(self.back[mask], axis=0), np.float32)


def _found(walk: Walk, look: _Look) -> Mask:
    """Where the flow brings it or, when nothing there moves as it did, where else it may be."""
    mask = _fitted(walk, look)
    doubted = walk.lost > 0 or np.count_nonzero(mask) < SLIVER * walk.area
    if doubted and not (mask.any() and walk.moves_along(look.pace(mask))):
        return searched(look.model, look.score, walk.sought())
    return mask


def _remember(walk: Walk, mask: Mask, look: _Look) -> None:
    if not mask.any():
        walk.missed(look.index)
        return
    walk.recent = (1 - RECENT) * walk.recent + RECENT * lesson(look.model, mask)
    walk.seen(look.index, mask, score=look.score, pace=look.pace(mask))


def _fitted(walk: Walk, look: _Look) -> Mask:
    """(h, w): what the flow brought and the colours agree on, with borders on the picture's edges."""
    nothing = np.zeros_like(look.brought)
    if not look.brought.any():
        return nothing
    logits = FLOW_WEIGHT * np.clip(signed_distance(look.brought) / REACH, -1.5, 1)
    logits += REFERENCE_WEIGHT * look.score + RECENT_WEIGHT * look.model.score(walk.recent)
    found = look.model.smoothed(logits.astype(np.float32), SMOOTHING_ROUNDS) > 0
    expected = look.brought | (walk.clear >= 0.5)  # what comes out on the other side is not brought by the flow
    fitted = tidy(_touching(found, expected), keep=nothing)
    if not fitted.any() or np.count_nonzero(fitted) < GONE_SHARE * walk.area:
        return nothing
    doubtful = walk.lost and look.score[fitted].mean() < FOUND_SCORE
    return nothing if doubtful else fitted


def _touching(found: Mask, expected: Mask) -> Mask:
    """The islands of which enough was expected."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=4)
    shared = np.bincount(labels.ravel(), expected.ravel(), minlength=len(stats))
    good = shared > OVERLAP * stats[:, cv2.CC_STAT_AREA]
    good[0] = False
    return np.asarray(good[labels])


def _certainty(brought: Mask, mask: Mask, *, trust: Mask) -> float:
    """How well flow, colours and the frame before agree, 0..1."""
    union = float((mask | brought).sum())
    if union == 0:
        return NOTHING_TO_SAY
    agreement = float((mask & brought).sum()) / union
    steady = float(trust[brought].mean()) if brought.any() else 0.0
    return float(np.clip(agreement * (0.5 + 0.5 * steady), 0, 1))
