"""Tracks a mask through a clip: optical flow predicts it on each frame, and the network refines it with references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.click_network import ClickNetwork
from vas_tool.engines.builtin.connection import CUT_TRUST, compared, connected
from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.propagation import NOTHING_TO_SAY, followed
from vas_tool.engines.builtin.references import References
from vas_tool.engines.builtin.tracking_state import TrackingState
from vas_tool.masks import CocoRle, from_rle, to_rle
from vas_tool.types import Clip, Mask

BACK_TRUST = 0.5
"""Share of the picture with consistent flow from which the scene before a cut counts as shown again."""

Pulse = Callable[[], None]


def track_masks(
    clip: Clip,
    references: Mapping[int, Mask],
    frame_indices: range,
    *,
    network: ClickNetwork,
    progress: Progress = silent,
) -> Iterator[TrackedFrame]:
    """Yield the modal mask on each of ``frame_indices``, in their order. A reference frame returns its own mask.

    Tracking reaches each frame from the nearest reference on the side where the range starts, or else from the nearest
    one. Between two references, both provide the object's appearance. An empty reference provides nothing: the object
    is hidden there, and it is searched on the frames after it. Raises Cancelled.
    """
    tracker = _Tracker(clip, References(clip, references, network), frame_indices, network=network)
    for done, index in enumerate(frame_indices):

        def pulse(done: int = done) -> None:
            progress(done, len(frame_indices), "modal masks")

        pulse()
        yield tracker.answer(index, pulse)


class _Tracker:
    """Tracks from reference to reference."""

    def __init__(self, clip: Clip, references: References, frame_indices: range, *, network: ClickNetwork) -> None:
        self._clip, self._given, self._wanted, self._network = clip, references, frame_indices, network
        self._state: TrackingState | None = None
        self._passed: dict[int, tuple[CocoRle, float]] = {}
        """Results that are not yielded yet, from frames that were tracked on the way to the range's first frame."""

    def answer(self, index: int, pulse: Pulse) -> TrackedFrame:
        """Return the result on the next frame of the range. ``pulse`` is called before each frame that is processed."""
        if index in self._given:
            return TrackedFrame(index, self._given.mask(index), 1.0)
        if index not in self._passed:
            self._go(index, pulse)
        mask, certainty = self._passed.pop(index)
        return TrackedFrame(index, from_rle(mask), certainty)

    def _go(self, index: int, pulse: Pulse) -> None:
        state = self._state_towards(index)
        if state is None:
            self._passed[index] = to_rle(self._nothing()), 0.0
            return
        while state.frame_index != index:
            pulse()
            certainty = self._advance(state, state.frame_index + (1 if index > state.frame_index else -1))
            if state.frame_index in self._wanted:
                self._passed[state.frame_index] = to_rle(self._current_mask(state)), certainty

    def _state_towards(self, index: int) -> TrackingState | None:
        """Return the state that leads to a frame; None when all references are empty."""
        step, state = self._wanted.step, self._state
        start = self._given.beside(index, step=step, after=None if state is None else state.frame_index)
        following = self._given.following(index, step=step)
        if start is None and state is None:
            start = following
        if start is not None:
            self._state = self._given.start(start, also=following)
        return self._state

    def _nothing(self) -> Mask:
        return np.zeros(self._clip.size_wh[::-1], bool)

    def _current_mask(self, state: TrackingState) -> Mask:
        """Return the state's current (H, W) mask."""
        return state.found.mask(self._clip.size_wh) if state.shows else self._nothing()

    def _advance(self, state: TrackingState, index: int) -> float:
        """Move the state to a frame and return the certainty, 0..1."""
        if state.over:
            state.frame_index = index
            return NOTHING_TO_SAY
        looked = EncodedFrame(self._clip[index], self._network)
        grey = compared(looked.frame)
        least = CUT_TRUST if state.before_cut is None else BACK_TRUST
        found = connected(state.grey, grey, least=least)
        if found is None:
            doubt = (
                0.0 if state.before_cut is None else NOTHING_TO_SAY
            )  # only the first frame after a cut needs a check
            state.cut(index)
            return doubt
        if index in self._given:  # an empty reference: tracking starts from the others
            state.step(index, looked, grey)
            state.lost += 1
            return 1.0
        seen, certainty = followed(state, looked, found)
        state.step(index, looked, grey)
        if seen is None:
            state.lost += 1
        else:
            state.seen(seen)
        return certainty
