"""The model's input for a frame: the object on white, and the mask of the pixels to paint."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.engines.tabe.boxes import filled
from vas_tool.engines.tabe.levels import Box, Level
from vas_tool.types import Frame, Mask

SIDE = 512
"""Side of the model's square input in pixels. The picture's aspect is not kept."""
SMALLEST_OBJECT = 250
"""Pixels: a smaller object is dilated."""
WHITE = 255


@dataclass(frozen=True)
class ModelInput:
    """The model's input for one frame."""

    image: Frame
    """(side, side, 3) the object on its modal mask, white elsewhere."""
    mask: Mask
    """(side, side) the pixels to paint."""


@dataclass(frozen=True)
class KnownFrame:
    """The known facts of one frame."""

    frame: Frame
    modal: Mask
    front: Mask
    """Pixels nearer than the object (``boxes.front_of``)."""
    box: Box
    level: Level


def model_input(seen: KnownFrame, *, side: int = SIDE, leaves_canvas: bool = False) -> ModelInput:
    """Return the model's input. With ``leaves_canvas``, the canvas is larger than the picture, and objects that
    leave it are painted.
    """
    box = filled(seen.box, (seen.modal.shape[0], seen.modal.shape[1]))
    place = np.zeros((side, side), np.bool_)
    if seen.level not in ((Level.NO,) if leaves_canvas else (Level.NO, Level.NONE)):
        place = nearest(seen.front & box if seen.modal.any() else box, (side, side))
    return ModelInput(object_on_white(seen.frame, seen.modal, box, side=side), place)


def object_on_white(frame: Frame, modal: Mask, box: Mask, *, side: int) -> Frame:
    """Return (side, side, 3). A mask that vanishes by resizing is replaced by the box; a tiny one is dilated."""
    if not modal.any():
        return np.full((side, side, 3), WHITE, np.uint8)
    mask = _bicubic(modal.view(np.uint8), side) > 0
    mask = thickened(mask) if mask.any() else nearest(box, (side, side))
    return np.where(mask[..., None], _bicubic(frame, side), np.uint8(WHITE))


def thickened(mask: Mask) -> Mask:
    """Return the mask dilated pixel by pixel until it is large enough."""
    while np.count_nonzero(mask) < min(SMALLEST_OBJECT, mask.size):
        mask = cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return mask


def nearest(mask: Mask, size_hw: tuple[int, int]) -> Mask:
    """Return the mask at another size, by nearest neighbour."""
    return np.asarray(Image.fromarray(mask.view(np.uint8)).resize(size_hw[::-1], Image.Resampling.NEAREST)) > 0


def _bicubic(picture: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
