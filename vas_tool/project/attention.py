"""Which frames need a look, and why, in words. Pure functions over numbers that the stamps hold: no pixels are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNSURE = 0.5
"""Below this certainty an engine is guessing."""

JUMP = 0.45
"""A change of area from one frame to the next, relative to the larger one, that objects at 8 FPS rarely show."""

UNDECIDED = 0.2
"""Hypotheses that share less than four fifths of their pixels show different things, not different edges."""

BOX_AGREES = 0.8
"""IoU of the given amodal box and the mask's below which the mask misses the box."""

OPEN = 0.1
"""A larger share of a hidden part that nothing can hide is more than an inexact border."""

SMALL_AREA = 64
"""Pixels below which a relative jump says nothing."""


class FrameFacts(NamedTuple):
    """What is known of one object on one frame without looking at pixels. Areas in pixels, None where no mask is."""

    modal_area: int | None = None
    amodal_area: int | None = None
    certainty: float = 1.0
    """The segment engine's, 0..1."""
    settled: bool = False
    """Prompted or accepted: the person has looked already."""
    disagreement: float | None = None
    """0..1, how far the hypotheses of the hidden part differ; None when there are none, or one was chosen."""
    box_iou: float | None = None
    """Of the amodal mask's box with the given one; None without either."""
    accepted: bool = False
    open_area: int = 0
    """Pixels of the hidden part that nothing can hide (see ``project.nothing_in_front``)."""
    last_seen: int | None = None
    """The object comes back here: the frame on which it was seen before it was gone, where nobody said who it is."""
    marked: bool = False
    """The person said that it needs work."""


MARKED = "it was marked as needing work"


def reason(facts: Sequence[FrameFacts], frame_index: int) -> str | None:
    """Why the frame needs a look, in one sentence; None when nothing stands out or the person has settled it."""
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
    return _blink(before, here, after) or _jump(before, here) or _undecided(here)


def is_open(open_area: int, hidden_area: int) -> bool:
    """Whether a part worth a look of the hidden part has nothing in front. Areas in pixels."""
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
    """The whole object's area should change slowly; the seen part may change with what passes in front."""
    if before.amodal_area is not None and here.amodal_area is not None:
        return _change("the whole object", before.amodal_area, here.amodal_area)
    return _change("what is seen", before.modal_area or 0, here.modal_area or 0)


def _change(what: str, before: int, here: int) -> str | None:
    largest = max(before, here)
    if min(before, here) < SMALL_AREA or abs(here - before) < JUMP * largest:
        return None
    way = "grows" if here > before else "shrinks"
    return f"{what} {way} by {abs(here - before) / before:.0%} from the frame before"
