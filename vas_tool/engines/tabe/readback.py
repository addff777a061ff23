"""Finds the object in the painted frames with the segmenter, and resizes its masks to the frame.

The segmenter gets a square video of its own size, and the object's mask on the chunk's first frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.engines.tabe.canvas import WHITE, nearest
from vas_tool.engines.tabe.levels import Level
from vas_tool.types import Frame, Mask

SIDE = 1024
"""Side of SAM 2's input in pixels."""


def readback_frame(frame: Frame, modal: Mask, painted: Frame, *, level: Level) -> Frame:
    """Return the object's colours on white, at the frame's size, if the object is whole; else the painted frame."""
    if level == Level.NO:
        return np.where(modal[..., None], frame, np.uint8(WHITE))
    return painted


def squeezed(picture: npt.NDArray[np.uint8], *, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Return (side, side, ...) by bicubic resizing, without keeping the aspect."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def soft_query(modal: Mask, *, side: int = SIDE) -> npt.NDArray[np.float32]:
    """Return (side, side), 0..1, the object's mask with soft edges, as the reference passes it to SAM 2."""
    return squeezed(modal * np.uint8(255), side=side).astype(np.float32) / np.float32(255)


def masks_back(found: Sequence[Mask], size_hw: tuple[int, int]) -> list[Mask]:
    """Return the segmenter's masks at the frame's size, by nearest neighbour."""
    return [nearest(mask, size_hw) for mask in found]
