"""A mask carried through a clip by optical flow, and made anew on each frame by the network and the references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.click_network import ClickNetwork
from vas_tool.engines.builtin.connection import CUT_TRUST, Connection, compared, connected
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.looking import LookedAt
from vas_tool.engines.builtin.references import References
from vas_tool.engines.builtin.walk import SHOWN, Walk, carried, carried_box
from vas_tool.engines.builtin.windows import Found, Window, around
from vas_tool.masks import CocoRle, box_xyxy, from_rle, to_rle
from vas_tool.types import Clip, Mask

BACK_TRUST = 0.5
"""Part of the picture whose flow goes there and back, from which on the scene before a cut is shown again."""

NOTHING_TO_SAY = 0.5
"""Certainty of an empty mask where nothing was expected: it does not ask for a look."""

GONE_SHARE = 0.02
"""Of the reference's area, below which what is left counts as nothing."""

COLLAPSED = 0.3
"""Of what the flow brings, below which a frame is looked at again without it."""

WIDER = 1.6
"""Times as wide a window, where the object goes on beyond it."""

SEARCHED, SEARCHED_MORE = 3.0, 1.0
"""Times the longer side of the object that a window shows when it is looked for, and how much more a lost frame."""

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
        seen, certainty = _seen(walk, looked, found)
        walk.step(index, looked, grey)
        if seen is None:
            walk.lost += 1
        else:
            walk.lost, walk.found, walk.recent = 0, seen, looked.reference(seen)
        return certainty


def _seen(walk: Walk, looked: LookedAt, connection: Connection) -> tuple[Found | None, float]:
    """Where the object is on the next frame, and the certainty."""
    box = None if walk.lost else carried_box(walk, connection)
    if box is None:
        sought = _searched(walk, looked)
        return sought, 0.0 if sought or not walk.lost else NOTHING_TO_SAY
    window = around(box, looked.size_wh, times=SHOWN)
    prior = carried(walk, connection, window)
    found = _wider(walk, looked, _followed(walk, looked, window, prior=prior))
    if found.area < GONE_SHARE * walk.found.area:
        return None, 0.0
    return found, _agreement(prior, found.seen(window))


def _followed(walk: Walk, looked: LookedAt, window: Window, *, prior: Floats | None) -> Found:
    return Found(window, looked.followed(window, prior=prior, sure=walk.sure, recent=walk.recent))


def _wider(walk: Walk, looked: LookedAt, found: Found) -> Found:
    """Looked at again where the object goes on beyond the window."""
    for _ in range(2):
        box = box_xyxy(found.mask(looked.size_wh))
        if box is None or not found.goes_on(looked.size_wh):
            break
        window = around(box, looked.size_wh, times=SHOWN)
        found = _followed(walk, looked, window, prior=found.seen(window))
    return found


def _searched(walk: Walk, looked: LookedAt) -> Found | None:
    """What the references show, around where the object was seen last."""
    size_wh = looked.size_wh
    seen = box_xyxy(walk.found.mask(size_wh)) or walk.found.window.box
    window = around(seen, size_wh, times=SEARCHED + SEARCHED_MORE * walk.lost)
    found = _followed(walk, looked, window, prior=None)
    box = box_xyxy(found.mask(size_wh))
    if box is None:
        return None
    window = around(box, size_wh, times=SHOWN)
    found = _followed(walk, looked, window, prior=found.seen(window))
    return None if found.area < GONE_SHARE * walk.found.area else found


def _agreement(prior: Floats, soft: Floats) -> float:
    brought, mask = prior >= 0.5, soft >= 0.5
    return float((mask & brought).sum() / max(1, (mask | brought).sum()))
