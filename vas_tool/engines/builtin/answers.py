"""Clicks and boxes on a frame to masks: a look at the whole frame, then closer ones around what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.looking import LookedAt
from vas_tool.engines.builtin.windows import Found, Window, around, box_around, whole
from vas_tool.types import Box, Click, Mask, SizeWH

SHOWN = 1.25
"""Times the longer side of the object (and of the latest click) that a closer look shows."""

MOST_PIXELS = 384
"""Of the frame that such a look shows in their own size, on a side."""

WIDER = 2
"""Looks at most that are made because what was found goes on beyond the window."""

SPECK = 0.03
"""Share of the largest part of the answer to the first click below which a part without the click is dropped."""

OBEYED = 1.5
"""Pixels of a window around a click that are as it says."""


@dataclass(frozen=True)
class Asked:
    """What the person said about a frame."""

    clicks: tuple[Click, ...] = ()
    box: Box | None = None


@dataclass(frozen=True)
class Answer:
    """A mask, and where it was made."""

    window: Window
    soft: npt.NDArray[np.float16]
    """(height, width): the probability in the window; beyond it, nothing is the object."""
    packed: npt.NDArray[np.uint8]
    """At the frame's size, eight pixels a byte: many are kept."""
    size_wh: SizeWH
    drawn: bool = False
    """Whether it rests on a mask of the person's: its pixels stay wherever no click changes them."""

    @classmethod
    def of(cls, found: Found, mask: Mask, *, drawn: bool = False) -> Answer:
        """From what the network found and the (H, W) mask that was made of it."""
        return cls(found.window, found.soft.astype(np.float16), np.packbits(mask), mask.shape[::-1], drawn)

    @classmethod
    def given(cls, mask: Mask) -> Answer:
        """An (H, W) mask of the person's."""
        window = _closer(mask, ())
        return cls.of(Found(window, window.soft(mask)), mask, drawn=True)

    @classmethod
    def nothing(cls, size_wh: SizeWH) -> Answer:
        """Before the first click."""
        window = whole(size_wh)
        return cls.of(Found(window, np.zeros(window.shape, np.float32)), np.zeros(size_wh[::-1], bool))

    @property
    def found(self) -> Found:
        """What the network found."""
        return Found(self.window, self.soft.astype(np.float32))

    @property
    def mask(self) -> Mask:
        """(H, W)."""
        width, height = self.size_wh
        return np.unpackbits(self.packed, count=width * height).reshape(height, width).view(bool)


def answered(frame: LookedAt, asked: Asked, before: Answer) -> Answer:
    """To the last click, from the answer to all that was said before."""
    mask, found = before.mask, before.found
    if not mask.any():
        if asked.box is None and not any(click.positive for click in asked.clicks):
            return before
        window = whole(frame.size_wh)
        found = frame.look(window, clicks=asked.clicks, box=asked.box)
        mask = found.mask(frame.size_wh)
    found = _looked_closer(frame, asked, found, mask=mask)
    if len(asked.clicks) == 1 and asked.clicks[0].positive and not before.drawn:
        found = _without_specks(found, asked.clicks[0])
    mask = _obeying(found.mask(frame.size_wh), asked.clicks, found.window)
    if before.drawn:
        mask = _changed_at(asked.clicks[-1], before.mask, mask)
    return Answer.of(found, mask, drawn=before.drawn)


def boxed(frame: LookedAt, box: Box) -> Answer:
    """What a box is around; all of it when nothing is found in it."""
    window = around((box.x0, box.y0, box.x1, box.y1), frame.size_wh, times=SHOWN, most=MOST_PIXELS)
    found = frame.look(window, box=box)
    found = frame.look(window, box=box, prior=found.soft)
    mask = found.mask(frame.size_wh)
    if not mask.any():
        x0, y0 = max(0, round(box.x0)), max(0, round(box.y0))
        mask[y0 : max(y0 + 1, round(box.y1)), x0 : max(x0 + 1, round(box.x1))] = True
        found = Found(window, window.soft(mask))
    return Answer.of(found, mask)


def _looked_closer(frame: LookedAt, asked: Asked, found: Found, *, mask: Mask) -> Found:
    """In a window around an (H, W) mask and the last click, wider where what is found there goes on beyond it."""
    for _ in range(1 + WIDER):
        window = _closer(mask, asked.clicks)
        found = frame.look(window, clicks=asked.clicks, box=asked.box, prior=found.seen(window))
        if not found.goes_on(frame.size_wh):
            break
        mask = found.mask(frame.size_wh)
    return found


def _closer(mask: Mask, clicks: Sequence[Click]) -> Window:
    """A window around an (H, W) mask, the positive clicks and the last one."""
    size_wh = mask.shape[1], mask.shape[0]
    box = box_around(mask, [(c.x, c.y) for c in (*(c for c in clicks if c.positive), *clicks[-1:])])
    return whole(size_wh) if box is None else around(box, size_wh, times=SHOWN, most=MOST_PIXELS)


def _without_specks(found: Found, click: Click) -> Found:
    """The same without parts that are tiny beside the largest one and do not hold the click.

    What is seen of an object on both sides of something in front of it is larger; specks on things like it are not.
    Only after the first click: from the second one on, a person has seen what is there, and most of it is right.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((found.soft >= 0.5).astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= SPECK * areas[1:].max(initial=0)
    column, row = (round(place) for place in found.window.point(click.x, click.y))
    kept[[0, labels[row, column]]] = True
    return Found(found.window, np.where(kept[labels], found.soft, np.float32(0)))


def _obeying(mask: Mask, clicks: Sequence[Click], window: Window) -> Mask:
    """(H, W): as the clicks say, on their pixels and a little around; a later click has the last word."""
    out, radius = mask.astype(np.uint8), round(OBEYED / window.scale)
    for click in clicks:
        cv2.circle(out, (round(click.x), round(click.y)), radius, int(click.positive), cv2.FILLED)
    for click in clicks:
        out[round(click.y), round(click.x)] = click.positive
    return out.astype(bool)


def _changed_at(click: Click, before: Mask, after: Mask) -> Mask:
    """(H, W): the mask before, with the connected change that the click is in."""
    _, labels = cv2.connectedComponents((before ^ after).astype(np.uint8), connectivity=8)
    label = labels[round(click.y), round(click.x)]
    return np.where((labels == label) & (label > 0), after, before)
