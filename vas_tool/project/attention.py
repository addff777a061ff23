"""The frames that need a look, with the reason as text. Pure functions of numbers in stamps: no pixels are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNSURE = 0.5
"""A mask with a lower certainty (0..1) needs a look."""

JUMP = 0.45
"""A larger change of area between two frames, relative to the larger area, needs a look. Objects at 8 FPS rarely change
so much."""

UNDECIDED = 0.2
"""Hypotheses with a larger disagreement (0..1) differ in more than their edges."""

BOX_AGREES = 0.8
"""A mask whose box has a lower IoU with the given amodal box needs a look."""

TRACKERS_AGREE = 0.7
"""A modal mask with a lower IoU with that of a second tracker needs a look: more than an inexact border."""

OPEN = 0.1
"""A larger share of a hidden part that nothing can hide is more than an inexact border."""

SMALL_AREA = 64
"""Smaller areas, in pixels, change too much by chance to be compared."""


class FrameFacts(NamedTuple):
    """The numbers of one object on one frame that need no pixels. Areas are in pixels, None without a mask."""

    modal_area: int | None = None
    amodal_area: int | None = None
    certainty: float = 1.0
    """Certainty of the segment engine, 0..1."""
    settled: bool = False
    """Whether the frame has prompts or is accepted, so that the person has looked at it."""
    disagreement: float | None = None
    """Disagreement of the hypotheses, 0..1; None when there are none, or one was chosen."""
    box_iou: float | None = None
    """IoU of the amodal mask's box with the given amodal box; None without either."""
    accepted: bool = False
    open_area: int = 0
    """Pixels of the hidden part that nothing can hide (see ``project.nothing_in_front``)."""
    last_seen: int | None = None
    """The object comes back here: the frame on which it was seen before it was gone, where nobody said who it is."""
    second_iou: float | None = None
    """IoU of the modal mask with that of a second tracker; None when none was asked."""
    marked: bool = False
    """Whether the person marked the frame for later."""


MARKED = "it was marked as needing work"


def reason(facts: Sequence[FrameFacts], frame_index: int) -> str | None:
    """Return the reason why a frame needs a look, in one sentence; None when there is none or the person has settled
    the frame.
    """
    here = facts[frame_index]
    if here.marked:
        return MARKED
    if here.box_iou is not None and here.box_iou < BOX_AGREES and not here.accepted:
        return f"its box agrees only {here.box_iou:.0%} with the given one"
    if not here.accepted and (why := _nothing_in_front(here)):
        return why
    if here.settled or here.modal_area is None:
        return None
    before = facts[frame_index - 1] if frame_index else FrameFacts()
    after = facts[frame_index + 1] if frame_index + 1 < len(facts) else FrameFacts()
    if here.last_seen is not None:
        return f"it comes back after {frame_index - here.last_seen - 1} frames: is it the same one?"
    if here.certainty < UNSURE:
        return f"tracking is unsure here (certainty {here.certainty:.0%})"
    if here.second_iou is not None and here.second_iou < TRACKERS_AGREE:
        return f"a second tracker disagrees here (IoU {here.second_iou:.0%})"
    return _blink(before, here, after) or _jump(before, here) or _undecided(here)


def is_open(open_area: int, hidden_area: int) -> bool:
    """Return whether so much of the hidden part has nothing in front that it needs a look. Areas are in pixels."""
    return open_area >= max(SMALL_AREA, OPEN * hidden_area)


def _nothing_in_front(here: FrameFacts) -> str | None:
    hidden = (here.amodal_area or 0) - (here.modal_area or 0)
    if not is_open(here.open_area, hidden):
        return None
    return f"{here.open_area / hidden:.0%} of the hidden part has nothing in front"


def _undecided(here: FrameFacts) -> str | None:
    if here.disagreement is None or here.disagreement < UNDECIDED:
        return None
    return f"the hypotheses differ by {here.disagreement:.0%}: choose one"


def _blink(before: FrameFacts, here: FrameFacts, after: FrameFacts) -> str | None:
    seen = [bool(facts.modal_area) for facts in (before, here, after)]
    if None in (before.modal_area, after.modal_area):
        return None
    if seen == [True, False, True]:
        return "nothing is seen here, but it is on both frames beside"
    return "it is seen on this frame alone" if seen == [False, True, False] else None


def _jump(before: FrameFacts, here: FrameFacts) -> str | None:
    """Return the reason when the amodal area jumps; without amodal masks, when the modal area does."""
    if before.amodal_area is not None and here.amodal_area is not None:
        return _change("the whole object", before.amodal_area, here.amodal_area)
    return _change("what is seen", before.modal_area or 0, here.modal_area or 0)


def _change(what: str, before: int, here: int) -> str | None:
    largest = max(before, here)
    if min(before, here) < SMALL_AREA or abs(here - before) < JUMP * largest:
        return None
    way = "grows" if here > before else "shrinks"
    return f"{what} {way} by {abs(here - before) / before:.0%} from the frame before"
