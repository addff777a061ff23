"""Masks from clicks and boxes on one frame: the network sees the whole frame, then windows around the found object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.frame_windows import Window, WindowResult, around, box_around, whole
from vas_tool.types import Box, Click, Mask, SizeWH

SHOWN = 1.25
"""Side of a window, divided by the longer side of the object with the last click."""

MOST_PIXELS = 384
"""Most pixels of the frame on a side of a window at full size."""

WIDER = 2
"""Most windows that are added because the object continues beyond the window."""

SPECK = 0.03
"""After the first click, a part that does not hold the click is dropped if it is smaller than this share of the
largest."""

OBEYED = 1.5
"""Pixels of a window: radius around a click within which the mask obeys the click."""


@dataclass(frozen=True)
class PromptsOnFrame:
    """The prompts on a frame."""

    clicks: tuple[Click, ...] = ()
    box: Box | None = None


@dataclass(frozen=True)
class Answer:
    """A mask, and the window in which it was made."""

    window: Window
    soft: npt.NDArray[np.float16]
    """(height, width) the probability in the window. Nothing beyond the window belongs to the object."""
    packed: npt.NDArray[np.uint8]
    """The mask at the frame's size, eight pixels per byte, because many are kept."""
    size_wh: SizeWH
    drawn: bool = False
    """Whether the mask comes from a given mask, whose pixels stay where no click changes them."""

    @classmethod
    def of(cls, found: WindowResult, mask: Mask, *, drawn: bool = False) -> Answer:
        """Return the answer of a network result and the (H, W) mask made from it."""
        return cls(found.window, found.soft.astype(np.float16), np.packbits(mask), mask.shape[::-1], drawn)

    @classmethod
    def given(cls, mask: Mask) -> Answer:
        """Return the answer of a given (H, W) mask."""
        window = _closer(mask, ())
        return cls.of(WindowResult(window, window.soft(mask)), mask, drawn=True)

    @classmethod
    def nothing(cls, size_wh: SizeWH) -> Answer:
        """Return the empty answer before the first click."""
        window = whole(size_wh)
        return cls.of(WindowResult(window, np.zeros(window.shape, np.float32)), np.zeros(size_wh[::-1], bool))

    @property
    def found(self) -> WindowResult:
        """The network's result."""
        return WindowResult(self.window, self.soft.astype(np.float32))

    @property
    def mask(self) -> Mask:
        """The (H, W) mask."""
        width, height = self.size_wh
        return np.unpackbits(self.packed, count=width * height).reshape(height, width).view(bool)


def refined(frame: EncodedFrame, on_frame: PromptsOnFrame, before: Answer) -> Answer:
    """Return the answer to the last click, starting from the answer to all prompts before."""
    mask, found = before.mask, before.found
    if not mask.any():
        if on_frame.box is None and not any(click.positive for click in on_frame.clicks):
            return before
        window = whole(frame.size_wh)
        found = frame.look(window, clicks=on_frame.clicks, box=on_frame.box)
        mask = found.mask(frame.size_wh)
    found = _looked_closer(frame, on_frame, found, mask=mask)
    if len(on_frame.clicks) == 1 and on_frame.clicks[0].positive and not before.drawn:
        found = _without_specks(found, on_frame.clicks[0])
    mask = _obeying(found.mask(frame.size_wh), on_frame.clicks, found.window)
    if before.drawn:
        mask = _changed_at(on_frame.clicks[-1], before.mask, mask)
    return Answer.of(found, mask, drawn=before.drawn)


def boxed(frame: EncodedFrame, box: Box) -> Answer:
    """Return the object in a box; the whole box when nothing is found in it."""
    window = around((box.x0, box.y0, box.x1, box.y1), frame.size_wh, times=SHOWN, most=MOST_PIXELS)
    found = frame.look(window, box=box)
    found = frame.look(window, box=box, prior=found.soft)
    mask = found.mask(frame.size_wh)
    if not mask.any():
        x0, y0 = max(0, round(box.x0)), max(0, round(box.y0))
        mask[y0 : max(y0 + 1, round(box.y1)), x0 : max(x0 + 1, round(box.x1))] = True
        found = WindowResult(window, window.soft(mask))
    return Answer.of(found, mask)


def _looked_closer(frame: EncodedFrame, on_frame: PromptsOnFrame, found: WindowResult, *, mask: Mask) -> WindowResult:
    """Return the result in a window around an (H, W) mask and the last click; wider if the object continues beyond
    it.
    """
    for _ in range(1 + WIDER):
        window = _closer(mask, on_frame.clicks)
        found = frame.look(window, clicks=on_frame.clicks, box=on_frame.box, prior=found.seen(window))
        if not found.goes_on(frame.size_wh):
            break
        mask = found.mask(frame.size_wh)
    return found


def _closer(mask: Mask, clicks: Sequence[Click]) -> Window:
    """Return a window around an (H, W) mask, the positive clicks and the last click."""
    size_wh = mask.shape[1], mask.shape[0]
    box = box_around(mask, [(c.x, c.y) for c in (*(c for c in clicks if c.positive), *clicks[-1:])])
    return whole(size_wh) if box is None else around(box, size_wh, times=SHOWN, most=MOST_PIXELS)


def _without_specks(found: WindowResult, click: Click) -> WindowResult:
    """Return ``found`` without parts that are tiny beside the largest part and do not hold the click.

    Visible parts on both sides of an occluder are larger; specks on similar objects are not. This applies only after
    the first click: from the second click on, the user has seen the mask, and most of it is right.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((found.soft >= 0.5).astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= SPECK * areas[1:].max(initial=0)
    column, row = (round(place) for place in found.window.point(click.x, click.y))
    kept[[0, labels[row, column]]] = True
    return WindowResult(found.window, np.where(kept[labels], found.soft, np.float32(0)))


def _obeying(mask: Mask, clicks: Sequence[Click], window: Window) -> Mask:
    """Return (H, W) the mask that obeys the clicks on their pixels and a little around; later clicks win."""
    out, radius = mask.astype(np.uint8), round(OBEYED / window.scale)
    for click in clicks:
        cv2.circle(out, (round(click.x), round(click.y)), radius, int(click.positive), cv2.FILLED)
    for click in clicks:
        out[round(click.y), round(click.x)] = click.positive
    return out.astype(bool)


def _changed_at(click: Click, before: Mask, after: Mask) -> Mask:
    """Return (H, W) the mask before, with only the connected change that holds the click."""
    _, labels = cv2.connectedComponents((before ^ after).astype(np.uint8), connectivity=8)
    label = labels[round(click.y), round(click.x)]
    return np.where((labels == label) & (label > 0), after, before)
