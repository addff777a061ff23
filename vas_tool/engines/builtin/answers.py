"""Clicks and boxes on a frame to masks at its full size, each answered in the view that suits the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.border import grab_cut
from vas_tool.engines.builtin.clicking import PreparedFrame, bordered, click_mask, dots
from vas_tool.engines.builtin.close_up import SHOWN, next_view, view_of
from vas_tool.engines.builtin.view import View, whole
from vas_tool.types import Box, Click, Frame, Mask, SizeWH

CLICKED = 1
"""Small pixels around a click that are as it says at full size, too."""

BOX_ROUNDS, QUICK_BOX_ROUNDS = 3, 1
"""Of GrabCut."""

KNOWN = len(SHOWN)
"""Clicks after which the object is known as a whole."""

LEAST_BOX = 4
"""Small pixels on a side, below which a box is its own answer."""


@dataclass(frozen=True)
class Answer:
    """A mask, and where it was made."""

    view: View
    small: Mask
    """(h, w): in the view."""
    packed: npt.NDArray[np.uint8]
    """At full size, eight pixels a byte: many are kept."""
    shape: tuple[int, ...]
    """(H, W)."""
    told: int
    """Clicks that it rests on; a box or a given mask counts as KNOWN of them."""
    exact: bool = False
    """Whether it is the person's: its pixels stay wherever no click changes them."""

    @classmethod
    def of(cls, view: View, full: Mask, small: Mask | None = None, *, told: int) -> Answer:
        """From an (H, W) mask; ``small`` is made of it if it is not there."""
        return cls(view, view.mask(full) if small is None else small, np.packbits(full), full.shape, told)

    @classmethod
    def given(cls, mask: Mask) -> Answer:
        """An (H, W) mask of the person's."""
        return replace(cls.of(whole(mask.shape[::-1]), mask, told=KNOWN), exact=True)

    @classmethod
    def nothing(cls, size_wh: SizeWH) -> Answer:
        """Before the first click."""
        return cls.of(whole(size_wh), np.zeros(size_wh[::-1], bool), told=0)

    def next_view(self, click: Click) -> View:
        """Where a click on it is answered."""
        return next_view(self.full, click, self.view, told=self.told)

    @property
    def full(self) -> Mask:
        """(H, W)."""
        return np.unpackbits(self.packed, count=int(np.prod(self.shape))).reshape(self.shape).view(bool)

    def seen(self, view: View) -> Mask:
        """(h, w) in another view."""
        return self.small if view == self.view else view.mask(self.full)


def answered(
    frame: PreparedFrame, clicks: Sequence[Click], before: Sequence[Answer], *, view: View, quick: bool
) -> Answer:
    """To the last of ``clicks``; ``before`` holds the answer before each of them, ``frame`` is what the view shows."""
    inside_view = [number for number, click in enumerate(clicks) if view.holds(click)]
    points = tuple(view.click(clicks[number]) for number in inside_view)
    small = click_mask(frame, points, tuple(before[number].seen(view) for number in inside_view), quick=quick)
    full = view.enlarged(small, before[-1].full)
    if before[0].exact:
        full = np.where(_changed(view, small, before[0]), full, before[0].full)
    return Answer.of(view, obeying(full, clicks, view), small, told=before[-1].told + 1)


def obeying(full: Mask, clicks: Sequence[Click], view: View) -> Mask:
    """(H, W): as the clicks in a view say, on their own pixels and a little around; a later click has the last word."""
    held = [click for click in clicks if view.holds(click)]
    points, nothing = tuple(view.click(click) for click in held), np.zeros_like(full)
    shape, sure = view.size_wh[::-1], [CLICKED] * len(held)
    inside, outside = (view.enlarged(dots(points, sure, shape, positive=p), nothing) for p in (True, False))
    out = (full | inside) & ~outside
    for click in held:
        out[round(click.y), round(click.x)] = click.positive
    return out


def closer(frame: PreparedFrame, clicks: Sequence[Click], answer: Answer, *, view: View) -> Answer:
    """The same object in a close-up, its border laid anew there; ``frame`` is what the close-up shows."""
    points = tuple(view.click(click) for click in clicks if view.holds(click))
    rough, sure = view.mask(answer.full), [CLICKED] * len(points)
    inside, outside = (dots(points, sure, rough.shape, positive=positive) for positive in (True, False))
    small = bordered(frame, rough, inside=inside, outside=outside, quick=False)
    full = obeying(view.enlarged(small, answer.full), clicks, view)
    return Answer.of(view, full, small, told=answer.told)


def _changed(view: View, small: Mask, given: Answer) -> Mask:
    """(H, W): around what is otherwise than it was given."""
    apart = cv2.dilate((small != given.seen(view)).astype(np.uint8), np.ones((3, 3), np.uint8))
    return view.blocks(apart > 0, np.ones(given.shape, bool))


def boxed(frame: Frame, box: Box, *, quick: bool) -> Answer:
    """What GrabCut finds in a box on an (H, W, 3) frame; the whole box when it finds nothing."""
    full = np.zeros(frame.shape[:2], bool)
    x0, y0 = max(0, round(box.x0)), max(0, round(box.y0))
    full[y0 : max(y0 + 1, round(box.y1)), x0 : max(x0 + 1, round(box.x1))] = True
    view = view_of(full)
    inside = view.mask(full)
    rows, columns = (np.count_nonzero(inside.any(axis=axis)) for axis in (1, 0))
    small = inside if inside.all() or min(rows, columns) < LEAST_BOX else _cut(view.frame(frame), inside, quick=quick)
    return Answer.of(view, view.enlarged(small, np.zeros_like(full)), small, told=KNOWN)


def _cut(picture: Frame, inside: Mask, *, quick: bool) -> Mask:
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    found = grab_cut(picture, labels, rounds=QUICK_BOX_ROUNDS if quick else BOX_ROUNDS)
    return found if found.any() else inside
