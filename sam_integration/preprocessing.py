"""Converts a frame to the model's input: a square, normalised by ImageNet's mean and deviation."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of red, green and blue in ImageNet (sam2.utils.misc.load_video_frames)."""

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""


class Frames(Protocol):
    """The frames of a video, read when they are needed. They are known by identity, so a plain list does not work."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of every frame, in pixels."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Picture: ...


def model_input(picture: Picture, image_size: int) -> Any:
    """Return a (1, 3, image_size, image_size) float32 tensor, scaled without keeping the aspect, as in training.

    It equals, bit for bit, that of ``sam2.utils.misc`` for the same picture in a JPEG folder: Pillow's bicubic on
    bytes, division in float64, the rest in float32.
    """
    import torch

    square = np.asarray(Image.fromarray(picture).resize((image_size, image_size)))
    channels = [table[square[..., channel]] for channel, table in enumerate(_tables())]
    return torch.from_numpy(np.stack(channels)[None])


@cache
def _tables() -> npt.NDArray[np.float32]:
    """Return (3, 256) float32, the value of each byte in each channel. The look-up halves the time per picture."""
    values = np.repeat((np.arange(256) / 255.0).astype(np.float32)[None], 3, axis=0)
    values -= np.array(MEAN, np.float32)[:, None]
    values /= np.array(DEVIATION, np.float32)[:, None]
    return values
