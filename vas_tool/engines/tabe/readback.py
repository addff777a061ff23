"""The painted frames before the segmenter: what it is shown, and its masks back at the frame's size.

The segmenter is told that the video is a square of its own size, and where the object is on the chunk's first frame.
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
"""What SAM 2 looks at."""


def readback_frame(frame: Frame, modal: Mask, painted: Frame, *, level: Level) -> Frame:
    """Where the object is whole its own colours on white, at the frame's size; else the painted frame as it is."""
    if level == Level.NO:
        return np.where(modal[..., None], frame, np.uint8(WHITE))
    return painted


def squeezed(picture: npt.NDArray[np.uint8], *, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """(side, side, ...) by bicubic resizing; the shape is lost."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def soft_query(modal: Mask, *, side: int = SIDE) -> npt.NDArray[np.float32]:
    """(side, side), 0..1: the object's mask as the reference hands it to SAM 2, its edges soft."""
    return squeezed(modal * np.uint8(255), side=side).astype(np.float32) / np.float32(255)


def masks_back(found: Sequence[Mask], size_hw: tuple[int, int]) -> list[Mask]:
    """The segmenter's masks at the frame's size, by the nearest pixel."""
    return [nearest(mask, size_hw) for mask in found]
