"""Converts clip pixels to the model's input and back: resizing, -1..1, white ground, threshold. numpy only.

The whole canvas is resized, because an object may reach beyond the frame. (h, w) is the model's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.engines.diffusion_vas.parameters import MaskEdges
from vas_tool.types import Canvas, Depth, Frame, Mask

SizeHW = tuple[int, int]
Floats = npt.NDArray[np.float32]
WHITE = 255
FAR = np.float32(-1)
"""Depth in -1..1 where it is unknown, or where all of a window has the same depth."""


def modal_condition(mask: Mask, canvas: Canvas, size_hw: SizeHW, *, edges: MaskEdges = "soft") -> Floats:
    """Return (h, w) in -1..1 of a modal mask of the frame's size, with edges as in ``MaskEdges``."""
    whole = canvas.to_canvas(mask.astype(np.uint8))
    if edges == "soft":
        picture = Image.fromarray(whole * np.uint8(WHITE)).resize(size_hw[::-1], Image.Resampling.BILINEAR)
        small: Floats = np.asarray(picture, np.float32) / np.float32(WHITE)
    elif edges == "hard":  # OpenCV resizes integers to integers: 0 and 1
        small = cv2.resize(whole, size_hw[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    else:
        small = _resized(whole.astype(np.float32), size_hw)
    return (small - np.float32(0.5)) / np.float32(0.5)


def colour_condition(frame: Frame, canvas: Canvas, size_hw: SizeHW) -> Floats:
    """Return (3, h, w) in -1..1 of a frame; white beyond it."""
    picture = Image.fromarray(canvas.to_canvas(frame, fill=WHITE))
    small = np.asarray(picture.resize(size_hw[::-1], Image.Resampling.BILINEAR), np.float32) / np.float32(WHITE)
    scaled: Floats = (small - np.float32(0.5)) / np.float32(0.5)
    return scaled.transpose(2, 0, 1)


def modal_colours(colours: Floats, modal: Floats) -> Floats:
    """Return (3, h, w) in -1..1: the colours where ``modal`` (h, w) is above 0, white elsewhere."""
    seen = (modal > 0).astype(np.float32)
    shown = (((colours + 1) / 2) * seen + (1 - seen)) * 2 - 1
    return shown.astype(np.float32, copy=False)


def depth_conditions(
    depth: Mapping[int, Depth], frames: Sequence[int], canvas: Canvas, *, size_hw: SizeHW, padding: float = 1.0
) -> Floats:
    """Return (T, h, w) in -1..1, 1 = nearest, stretched so that these frames together fill the range.

    ``padding``, 0..1, is the depth of the canvas beyond the frame. A frame without depth uses that of the nearest frame
    with depth. If all depth is equal or unknown, everything is far.
    """
    lowest, highest = np.inf, -np.inf
    inside = _resized(canvas.to_canvas(np.ones(canvas.frame_wh[::-1], np.float32)), size_hw)
    small: dict[int, Floats] = {}
    for index in dict.fromkeys(frames):
        if index in depth:
            whole = depth[index]
            lowest, highest = min(lowest, float(whole.min())), max(highest, float(whole.max()))
            small[index] = _resized(canvas.to_canvas(whole), size_hw)
    if not small or highest <= lowest:
        return np.full((len(frames), *size_hw), FAR, np.float32)
    # Resizing is linear, so stretching may come after it, which reads the frames only once.
    known = [small[_nearest(index, small)] for index in frames]
    stretched = [(one - np.float32(lowest) * inside) / np.float32(highest - lowest) for one in known]
    return np.stack(stretched) * 2 + (np.float32(padding) * (1 - inside) * 2 - 1)


def _nearest(index: int, others: Iterable[int]) -> int:
    return min(others, key=lambda other: abs(other - index))


def _resized(picture: Floats, size_hw: SizeHW) -> Floats:
    return np.asarray(cv2.resize(picture, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def channel_sums(frames: Floats) -> npt.NDArray[np.uint16]:
    """Return (T, h, w) the sums of red, green and blue, each an integer in 0..255, of (T, h, w, 3) pictures in 0..1."""
    sums: npt.NDArray[np.uint16] = as_bytes(frames).sum(axis=-1, dtype=np.uint16)
    return sums


def as_bytes(frames: Floats) -> npt.NDArray[np.uint8]:
    """Return pictures in 0..1 as 0..255, rounded."""
    rounded: npt.NDArray[np.uint8] = np.rint(frames * np.float32(WHITE)).astype(np.uint8)
    return rounded


def mask_on_canvas(small: Mask, canvas: Canvas) -> Mask:
    """Return a (h, w) mask at the canvas's size, by nearest neighbour."""
    resized = cv2.resize(small.astype(np.uint8), canvas.size_wh, interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, np.bool_)


def mask_for_model(mask: Mask, size_hw: SizeHW) -> Mask:
    """Return a mask of the canvas's size as (h, w), by nearest neighbour. It inverts ``mask_on_canvas`` on a larger
    canvas.
    """
    rows, columns = (_first_pixels(small, large) for small, large in zip(size_hw, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)]


def _first_pixels(small: int, large: int) -> npt.NDArray[np.int64]:
    """Return (small,) for each small pixel the first large pixel that ``cv2.resize`` makes from it, with its own
    rounding.
    """
    source = cv2.resize(np.arange(small, dtype=np.float32)[None], (large, 1), interpolation=cv2.INTER_NEAREST)[0]
    return np.minimum(np.searchsorted(source, np.arange(small)), large - 1)


def amodal_condition(small: Mask) -> Floats:
    """Return (h, w): 1 on the mask, -1 elsewhere."""
    return np.where(small, np.float32(1), np.float32(-1))


def colours_on_canvas(small: npt.NDArray[np.uint8], canvas: Canvas) -> npt.NDArray[np.uint8]:
    """Return (h, w, 3) colours at the canvas's size."""
    return np.asarray(cv2.resize(small, canvas.size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def three_channels(pictures: Floats) -> Floats:
    """Return (T, h, w) pictures as (T, 3, h, w)."""
    return np.repeat(pictures[:, None], 3, axis=1)
