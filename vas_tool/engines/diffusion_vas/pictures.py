"""Clip pixels <-> what the model sees: resizing, -1..1, the white ground, the threshold. numpy only.

The canvas is what is resized: an object may reach beyond the frame. (h, w) is the model's size.
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
"""Depth in -1..1 where nothing is known of it, or where all of a window is at one depth."""


def modal_condition(mask: Mask, canvas: Canvas, size_hw: SizeHW, *, edges: MaskEdges = "soft") -> Floats:
    """(h, w) in -1..1 of a modal mask of the frame's size, its edges as ``MaskEdges`` says."""
    whole = canvas.to_canvas(mask.astype(np.uint8))
    if edges == "soft":
        picture = Image.fromarray(whole * np.uint8(WHITE)).resize(size_hw[::-1], Image.Resampling.BILINEAR)
        small: Floats = np.asarray(picture, np.float32) / np.float32(WHITE)
    elif edges == "hard":  # of whole numbers OpenCV makes whole numbers: 0 and 1
        small = cv2.resize(whole, size_hw[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    else:
        small = _resized(whole.astype(np.float32), size_hw)
    return (small - np.float32(0.5)) / np.float32(0.5)


def colour_condition(frame: Frame, canvas: Canvas, size_hw: SizeHW) -> Floats:
    """(3, h, w) in -1..1 of a frame; white beyond it."""
    picture = Image.fromarray(canvas.to_canvas(frame, fill=WHITE))
    small = np.asarray(picture.resize(size_hw[::-1], Image.Resampling.BILINEAR), np.float32) / np.float32(WHITE)
    scaled: Floats = (small - np.float32(0.5)) / np.float32(0.5)
    return scaled.transpose(2, 0, 1)


def modal_colours(colours: Floats, modal: Floats) -> Floats:
    """(3, h, w): the colours where the object is seen (``modal`` (h, w) > 0), white elsewhere; all in -1..1."""
    seen = (modal > 0).astype(np.float32)
    shown = (((colours + 1) / 2) * seen + (1 - seen)) * 2 - 1
    return shown.astype(np.float32, copy=False)


def depth_conditions(
    depth: Mapping[int, Depth], frames: Sequence[int], canvas: Canvas, *, size_hw: SizeHW, padding: float = 1.0
) -> Floats:
    """(T, h, w) in -1..1, 1 = nearest: stretched so that these frames together fill the range.

    ``padding`` in 0..1: of the canvas beyond the frame. A frame without depth has the depth of the nearest one that
    has. All at one depth, or none known at all: everything far.
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
    # Resizing is linear: stretching afterwards is stretching before, and needs the frames only once.
    known = [small[_nearest(index, small)] for index in frames]
    stretched = [(one - np.float32(lowest) * inside) / np.float32(highest - lowest) for one in known]
    return np.stack(stretched) * 2 + (np.float32(padding) * (1 - inside) * 2 - 1)


def _nearest(index: int, others: Iterable[int]) -> int:
    return min(others, key=lambda other: abs(other - index))


def _resized(picture: Floats, size_hw: SizeHW) -> Floats:
    return np.asarray(cv2.resize(picture, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def channel_sums(frames: Floats) -> npt.NDArray[np.uint16]:
    """(T, h, w, 3) in 0..1 -> (T, h, w): red + green + blue, each a whole number in 0..255."""
    sums: npt.NDArray[np.uint16] = as_bytes(frames).sum(axis=-1, dtype=np.uint16)
    return sums


def as_bytes(frames: Floats) -> npt.NDArray[np.uint8]:
    """0..1 -> 0..255, rounded."""
    rounded: npt.NDArray[np.uint8] = np.rint(frames * np.float32(WHITE)).astype(np.uint8)
    return rounded


def mask_on_canvas(small: Mask, canvas: Canvas) -> Mask:
    """(h, w) -> the canvas's size, each pixel from the nearest one."""
    resized = cv2.resize(small.astype(np.uint8), canvas.size_wh, interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, np.bool_)


def mask_for_model(mask: Mask, size_hw: SizeHW) -> Mask:
    """The canvas's size -> (h, w), one pixel of the canvas for each. Undoes ``mask_on_canvas`` on a larger canvas."""
    rows, columns = (_first_pixels(small, large) for small, large in zip(size_hw, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)]


def _first_pixels(small: int, large: int) -> npt.NDArray[np.int64]:
    """(small,): for each small pixel the first large one that ``cv2.resize`` makes of it; its rounding is its own."""
    source = cv2.resize(np.arange(small, dtype=np.float32)[None], (large, 1), interpolation=cv2.INTER_NEAREST)[0]
    return np.minimum(np.searchsorted(source, np.arange(small)), large - 1)


def amodal_condition(small: Mask) -> Floats:
    """(h, w): 1 on the mask, -1 elsewhere."""
    return np.where(small, np.float32(1), np.float32(-1))


def colours_on_canvas(small: npt.NDArray[np.uint8], canvas: Canvas) -> npt.NDArray[np.uint8]:
    """(h, w, 3) -> (canvas H, W, 3)."""
    return np.asarray(cv2.resize(small, canvas.size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def three_channels(pictures: Floats) -> Floats:
    """(T, h, w) -> (T, 3, h, w)."""
    return np.repeat(pictures[:, None], 3, axis=1)
