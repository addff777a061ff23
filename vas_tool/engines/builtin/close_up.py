"""Which part of a frame is looked at: all of it or, for a small object, a close-up.

At the size the engine thinks in, a far person is a few regions and hardly a border; seen closer it is a thing like any
other, and its mask has the picture's own pixels.
"""

from __future__ import annotations

from vas_tool.engines.builtin.small_frames import LONGEST_SIDE
from vas_tool.engines.builtin.view import BoxXYXY, View, scaled_view, whole
from vas_tool.masks import box_xyxy
from vas_tool.types import Click, Mask, SizeWH

SMALL = 0.3
"""An object is small when it spans less than this part of the frame, across and down."""

SHOWN = (4.0, 3.0, 2.0)
"""Times the small object's span that a close-up shows after one click, after two and later: the first answers are often
but a part of it."""

FOLLOWED_SHOWN = 3.0
"""The same while it is tracked: it moves."""

ROOM = 1.3
"""Times as much or as little, from which on a close-up gives way to another one."""

MOST_ENLARGED = 2.0
"""Times the picture's own pixels."""

FEWEST_FILLED, MOST_FILLED = 0.15, 0.7
"""Part of a view that an object that is tracked spans; with less or more, it is looked at from elsewhere."""

MARGIN = 0.08
"""Part of a view's width that must be between an object that is tracked and a side."""


def next_view(mask: Mask, click: Click, before: View, *, told: int) -> View:
    """Where a click is answered that follows on an (H, W) mask answered in the view ``before``, after ``told`` clicks.

    A close-up stays while it shows the object and the click, and not far more or less: work goes on where it was.
    """
    around = view_of(mask, told=told)
    if before.holds(click) and not before.cuts(mask) and around.width / ROOM <= before.width <= around.width * ROOM:
        return before
    return around if around.holds(click) else view_of(mask, click, told=told)


def view_of(mask: Mask, click: Click | None = None, *, told: int = len(SHOWN)) -> View:
    """A close-up of a small object (and a click) in an (H, W) mask; all of the frame when it is not small, or empty."""
    height, width = mask.shape
    box = box_xyxy(mask)
    if box is None:
        return whole((width, height))
    left, top, right, bottom = box
    if click is not None:
        left, right = min(left, round(click.x)), max(right, round(click.x) + 1)
        top, bottom = min(top, round(click.y)), max(bottom, round(click.y) + 1)
    return close_up((left, top, right, bottom), (width, height), shown=SHOWN[min(max(told, 1), len(SHOWN)) - 1])


def close_up(box: BoxXYXY, frame_wh: SizeWH, *, shown: float) -> View:
    """``shown`` times a small box; all of the frame when the box is not small."""
    (left, top, right, bottom), (width, height) = box, frame_wh
    span = span_of(box, frame_wh)
    share = max(shown * span, LONGEST_SIDE / MOST_ENLARGED / max(width, height))
    if span > SMALL or share >= 1:
        return whole(frame_wh)
    size = max(1, round(width * share)), max(1, round(height * share))
    x0, y0 = _placed((left + right) / 2, size[0], width), _placed((top + bottom) / 2, size[1], height)
    return scaled_view((x0, y0, *size), most_enlarged=MOST_ENLARGED)


def span_of(box: BoxXYXY, frame_wh: SizeWH) -> float:
    """Part of the frame that a box spans, across or down, whichever is more."""
    (left, top, right, bottom), (width, height) = box, frame_wh
    return max((right - left) / width, (bottom - top) / height)


def followed(box: BoxXYXY, before: View, frame_wh: SizeWH) -> View:
    """Where an object is looked at next that was seen in ``before``: there, as long as it is well inside."""
    fills = span_of(box, frame_wh) * frame_wh[0] / before.width
    inside = not before.near_side(box, frame_wh, margin=MARGIN * before.width)
    moved = close_up(box, frame_wh, shown=FOLLOWED_SHOWN)
    as_large = FEWEST_FILLED <= fills <= MOST_FILLED or moved.size == before.size
    return before if inside and as_large else moved


def _placed(middle: float, size: int, most: int) -> int:
    return min(max(round(middle - size / 2), 0), most - size)
