"""The samples for tuning: windows that begin with a whole object, with random pixels to paint.

The frames show the object on white. The true pixels are known there, so the model learns the object's appearance (TABE,
arXiv 2411.19210).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.engines.tabe.canvas import WHITE, nearest
from vas_tool.engines.tabe.levels import Level
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.types import Clip, Frame, Mask

NUM_FRAMES = 14
"""Number of frames of a window."""
SIDE = 256
"""Side of a window's square pictures, in pixels."""
RESIZED_PART = 1 / 8
"""Largest excess of the picture's shorter side over the square's side, as a share; the excess is random."""
ALL_PLACES, NOT_THE_OBJECT, INVERTED, NO_PROMPT = 0.1, 0.5, 0.5, 0.1
"""Probabilities: all pixels are to be painted; all but the object's are; boxes are painted instead of kept; the prompt
is empty.
"""
MOST_BOXES = 30
"""Exclusive upper limit of the number of boxes."""
SMALLEST_BOX, LARGEST_BOX = 0.03, 0.25
"""Limits of a box's sides, as shares of the square's side."""


class Draws(Protocol):
    """Random numbers from three streams, as in the reference (``window_order``)."""

    def chance(self) -> float:
        """Return a random number in 0..1."""
        ...

    def whole(self, low: int, high: int) -> int:
        """Return a random integer from ``low`` to ``high`` - 1, for boxes."""
        ...

    def crop(self, low: int, high: int) -> int:
        """Return a random integer from ``low`` to ``high`` - 1, for sizes and corners of the picture."""
        ...


@dataclass(frozen=True)
class TunedClip:
    """One object of a clip to tune on."""

    clip: Clip
    modal: Mapping[int, Mask] | Sequence[Mask]
    levels: Sequence[Level]

    @property
    def starts(self) -> list[int]:
        """The frames on which the object is whole: each begins a window."""
        return [index for index, level in enumerate(self.levels) if level == Level.NO]


@dataclass(frozen=True)
class Sample:
    """One window of T frames to tune on."""

    images: npt.NDArray[np.uint8]
    """(T, 3, side, side) RGB: the object on white."""
    places: npt.NDArray[np.bool_]
    """(T, 1, side, side): the pixels to paint."""
    weights: npt.NDArray[np.float32]
    """(T,): 1 where the object is whole, else 0."""
    drop_prompt: bool


def draw_sample(
    tuned: TunedClip,
    start: int,
    draws: Draws,
    *,
    side: int = SIDE,
    num_frames: int = NUM_FRAMES,
    quirks: Quirks,
) -> Sample:
    """Return the window that begins at frame ``start``. Beyond the clip's end, the picture is white and the weight is
    0.
    """
    window = range(start, start + num_frames)
    masks = [_mask(tuned, index) for index in window]
    cut = _Cut.drawn(tuned.clip.size_wh, draws, side=side)
    images = [cut.of(_on_white(tuned, index, mask)) for index, mask in zip(window, masks, strict=True)]
    if quirks.inpaint_masks == "reference":
        small = [nearest(mask, (side, side)) for mask in masks]
    else:
        small = [cut.of(mask * np.uint8(WHITE)) > WHITE // 2 for mask in masks]
    places = [draw_places(mask, draws) for mask in small]
    weights = [i < len(tuned.levels) and tuned.levels[i] == Level.NO for i in window]
    return Sample(
        np.stack(images).transpose(0, 3, 1, 2),
        np.stack(places)[:, None],
        np.array(weights, np.float32),
        draws.chance() < NO_PROMPT,
    )


def draw_places(mask: Mask, draws: Draws) -> Mask:
    """Return (side, side) the pixels to paint: all, all but the object's, or boxes that begin on the object (or all but
    these).
    """
    if draws.chance() < ALL_PLACES:
        return np.ones(mask.shape, np.bool_)
    if draws.chance() < NOT_THE_OBJECT:
        return ~mask
    places = _without_boxes(mask, draws)
    return ~places if draws.chance() < INVERTED else places


def _without_boxes(mask: Mask, draws: Draws) -> Mask:
    """Return the pixels outside random boxes. Boxes that would reach the far borders are left out."""
    side = mask.shape[0]
    places, pixels = np.ones(mask.shape, np.bool_), np.argwhere(mask)
    lowest, highest = int(SMALLEST_BOX * side), int(LARGEST_BOX * side)
    for _ in range(draws.whole(1, MOST_BOXES)):
        width, height = draws.whole(lowest, highest), draws.whole(lowest, highest)
        if not len(pixels):
            continue
        top, left = pixels[draws.whole(0, len(pixels))]
        if top + height < side and left + width < side:
            places[top : top + height, left : left + width] = False
    return places


@dataclass(frozen=True)
class _Cut:
    """How all pictures of a window are resized and cropped."""

    size_wh: tuple[int, int]
    top: int
    left: int
    side: int

    @classmethod
    def drawn(cls, size_wh: tuple[int, int], draws: Draws, *, side: int) -> _Cut:
        """Return a random cut. The shorter side is random, the longer one follows and is truncated; then come the
        corner's row and column.
        """
        shorter = draws.crop(side, side + int(side * RESIZED_PART))
        scale_to = min(size_wh)
        width, height = (shorter if edge == scale_to else int(shorter * edge / scale_to) for edge in size_wh)
        top = draws.crop(0, height - side + 1) if height > side else 0
        left = draws.crop(0, width - side + 1) if width > side else 0
        return cls((width, height), top, left, side)

    def of(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        resized = np.asarray(Image.fromarray(picture).resize(self.size_wh, Image.Resampling.BILINEAR))
        return resized[self.top : self.top + self.side, self.left : self.left + self.side]


def _mask(tuned: TunedClip, index: int) -> Mask:
    if index < len(tuned.clip):
        return tuned.modal[index]
    width, height = tuned.clip.size_wh
    return np.ones((height, width), np.bool_)


def _on_white(tuned: TunedClip, index: int, mask: Mask) -> Frame:
    if index >= len(tuned.clip):
        return np.full((*mask.shape, 3), WHITE, np.uint8)
    return np.where(mask[..., None], tuned.clip[index], np.uint8(WHITE))
