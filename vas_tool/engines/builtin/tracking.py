"""A mask carried through a clip by optical flow, and made anew on each frame by the network and the references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.click_network import ClickNetwork
from vas_tool.engines.builtin.connection import CUT_TRUST, compared, connected
from vas_tool.engines.builtin.following import NOTHING_TO_SAY, followed
from vas_tool.engines.builtin.looking import LookedAt
from vas_tool.engines.builtin.references import References
from vas_tool.engines.builtin.walk import Walk
from vas_tool.masks import CocoRle, from_rle, to_rle
from vas_tool.types import Clip, Mask

BACK_TRUST = 0.5
"""Part of the picture whose flow goes there and back, from which on the scene before a cut is shown again."""

Pulse = Callable[[], None]


def track_masks(
    clip: Clip,
    references: Mapping[int, Mask],
    frame_indices: range,
    *,
    network: ClickNetwork,
    progress: Progress = silent,
) -> Iterator[TrackedFrame]:
    """The modal mask on each of ``frame_indices``, in their order; a reference frame is answered with its mask.

    Each frame is reached from the nearest reference on the side that the range comes from, or else from the nearest
    one. Between two references both teach how the object looks. An empty reference starts and teaches nothing: the
    object is hidden there, and is looked for behind it. Raises Cancelled.
    """
    tracker = _Tracker(clip, References(clip, references, network), frame_indices, network=network)
    for done, index in enumerate(frame_indices):

        def pulse(done: int = done) -> None:
            progress(done, len(frame_indices), "modal masks")

        pulse()
        yield tracker.answer(index, pulse)


class _Tracker:
    """Walks from reference to reference."""

    def __init__(self, clip: Clip, references: References, frame_indices: range, *, network: ClickNetwork) -> None:
        self._clip, self._given, self._wanted, self._network = clip, references, frame_indices, network
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
        return np.zeros(self._clip.size_wh[::-1], bool)

    def _shown(self, walk: Walk) -> Mask:
        """(H, W)."""
        return walk.found.mask(self._clip.size_wh) if walk.shows else self._nothing()

    def _advance(self, walk: Walk, index: int) -> float:
        """One frame on; gives the certainty."""
        if walk.over:
            walk.frame_index = index
            return NOTHING_TO_SAY
        looked = LookedAt(self._clip[index], self._network)
        grey = compared(looked.frame)
        least = CUT_TRUST if walk.before_cut is None else BACK_TRUST
        found = connected(walk.grey, grey, least=least)
        if found is None:
            doubt = 0.0 if walk.before_cut is None else NOTHING_TO_SAY  # the first frame is the one to look at
            walk.cut(index)
            return doubt
        if index in self._given:  # an empty one: a walk starts from the others
            walk.step(index, looked, grey)
            walk.lost += 1
            return 1.0
        seen, certainty = followed(walk, looked, found)
        walk.step(index, looked, grey)
        if seen is None:
            walk.lost += 1
        else:
            walk.seen(seen)
        return certainty
