"""The input and the output of the network, in pixels. Sizes are (height, width), as in tensors.

Colours ``true`` are red, green, blue, as in Diffusion-VAS's training and evaluation. Colours ``demo`` are those of its
demo.py, which passes RGB where BGR is expected, so that red and blue are exchanged, and truncates to 8 bits, so that
most levels are lower by one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.depth_anything.settable import PATCH, SHORT_SIDE, Colours
from vas_tool.types import Frame

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's colours in 0..1, red first."""

SizeHW = tuple[int, int]
"""Height, width in pixels."""


def network_size(picture_hw: SizeHW, *, short_side: int = SHORT_SIDE) -> SizeHW:
    """Return the size of the network's input for a picture, as the original's ``Resize`` with ``lower_bound``.

    The aspect is kept; both sides are multiples of PATCH and at least ``short_side``. 256 x 512 gives 518 x 1036, 720 x
    1280 gives 518 x 924.
    """
    height, width = picture_hw
    scale = max(short_side / height, short_side / width)
    return _multiple(height * scale, short_side), _multiple(width * scale, short_side)


def _multiple(side: float, at_least: int) -> int:
    nearest = int(np.round(side / PATCH)) * PATCH  # half to even, as numpy does it in the original
    return nearest if nearest >= at_least else int(np.ceil(side / PATCH)) * PATCH


def to_network(frame: Frame, size_hw: SizeHW, *, device: str, colours: Colours = "true") -> Any:
    """Return (3, h, w) float32 on ``device``: resized (cubic, not antialiased) and normalised by ImageNet's mean and
    deviation.

    On a CPU it uses OpenCV in float64, as the original does. On other devices it runs on the device, which is faster;
    the difference is at most 0.02 of 255 levels, measured on three sizes.
    """
    import torch

    seen = _as_demo(frame) if colours == "demo" else frame
    if device == "cpu":
        picture = cv2.resize(seen / 255.0, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
        normal = ((picture - MEAN) / DEVIATION).astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))
    whole = torch.from_numpy(np.ascontiguousarray(seen)).to(device).permute(2, 0, 1)[None].float() / 255
    whole = torch.nn.functional.interpolate(whole, size=size_hw, mode="bicubic", align_corners=False)
    mean, deviation = (torch.tensor(v, device=device).view(3, 1, 1) for v in (MEAN, DEVIATION))
    return (whole[0] - mean) / deviation


def from_network(disparity: Any, picture_hw: SizeHW) -> Any:
    """Return (H, W) float32, on its device: the (h, w) output for one frame at the picture's size."""
    import torch

    whole = disparity.float()[None, None]
    return torch.nn.functional.interpolate(whole, size=picture_hw, mode="bilinear", align_corners=True)[0, 0]


def _as_demo(frame: Frame) -> Frame:
    return _demo_levels()[frame][..., ::-1]


@cache
def _demo_levels() -> npt.NDArray[np.uint8]:
    """Return what demo.py makes of each of 256 levels by 0..255 to -1..1 to 0..255, in float32, truncated."""
    half = np.float32(0.5)
    ranged = (np.arange(256, dtype=np.float32) / np.float32(255) - half) / half
    levels: npt.NDArray[np.uint8] = ((ranged + 1) / 2 * 255).astype(np.uint8)
    return levels
