"""A frame -> what the model sees: a square of its size, with ImageNet's mean and deviation."""

from __future__ import annotations

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
    tensor = torch.from_numpy(square / 255.0).permute(2, 0, 1).float()
    tensor -= torch.tensor(MEAN, dtype=torch.float32)[:, None, None]
    tensor /= torch.tensor(DEVIATION, dtype=torch.float32)[:, None, None]
    return tensor.contiguous()[None]
