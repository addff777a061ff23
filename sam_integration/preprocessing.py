"""A frame -> what the model sees: a square of its size, with ImageNet's mean and deviation."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue over ImageNet (sam2.utils.misc.load_video_frames)."""

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""


class Frames(Protocol):
    """The frames of a video, read when asked for. Known by identity, so a plain list will not do."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of every frame."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Picture: ...


def model_input(picture: Picture, image_size: int) -> Any:
    """(1, 3, image_size, image_size) float32 tensor: scaled without keeping the aspect, as the model was trained.

    Bit for bit what ``sam2.utils.misc`` makes of the same picture in a JPEG folder: Pillow's bicubic on bytes,
    division in float64, the rest in float32.
    """
    import torch

    square = np.asarray(Image.fromarray(picture).resize((image_size, image_size)))
    channels = [table[square[..., channel]] for channel, table in enumerate(_tables())]
    return torch.from_numpy(np.stack(channels)[None])


@cache
def _tables() -> npt.NDArray[np.float32]:
    """(3, 256) float32: what becomes of each byte in each channel. Looked up, a picture takes half the time."""
    values = np.repeat((np.arange(256) / 255.0).astype(np.float32)[None], 3, axis=0)
    values -= np.array(MEAN, np.float32)[:, None]
    values /= np.array(DEVIATION, np.float32)[:, None]
    return values
