"""Converts a frame or a mask to the model's input, a square, and the model's mask to the frame's size."""

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
Mask = npt.NDArray[np.bool_]
"""(H, W) bool of the frame's size."""
Logits = npt.NDArray[np.float32]
"""(H, W) float32 of the frame's size: > 0 on the object."""


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


def mask_input(mask: Mask, image_size: int) -> Any:
    """Return a mask as a (1, 1, image_size, image_size) float32 tensor of 0 and 1."""
    import torch

    size_hw = (image_size, image_size)
    tensor = torch.tensor(mask, dtype=torch.bool)[None, None].float()
    return tensor if mask.shape == size_hw else (scaled(tensor, size_hw=size_hw, antialias=True) >= 0.5).float()


def frame_logits(low_res_logits: Any, size_wh: tuple[int, int]) -> Logits:
    """Return the model's (1, 1, h, w) logits as (H, W) float32 of the frame's size. It waits for the GPU."""
    if tuple(low_res_logits.shape[-2:]) != size_wh[::-1]:
        low_res_logits = scaled(low_res_logits, size_hw=size_wh[::-1])
    return np.asarray(low_res_logits[0, 0].float().cpu().numpy(), dtype=np.float32)


def scaled(tensor: Any, *, size_hw: tuple[int, int], antialias: bool = False) -> Any:
    """Return a (N, C, h, w) tensor in another size, bilinear."""
    import torch

    return torch.nn.functional.interpolate(
        tensor, size=size_hw, mode="bilinear", align_corners=False, antialias=antialias
    )
