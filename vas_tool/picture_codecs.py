"""Encodes masks, depth and content as PNG files, and decodes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from PIL import Image

from vas_tool.types import Content, Depth, Mask

Picture = TypeVar("Picture")

DEPTH_LEVELS = 65535
"""Largest value of stored depth: 16 bits."""


@dataclass(frozen=True)
class Codec(Generic[Picture]):
    """How one kind of picture is encoded as a PNG, and how its area is measured."""

    encode: Callable[[Picture], Image.Image]
    decode: Callable[[Image.Image], Picture]
    support: Callable[[Picture], Mask | None]


def _mask_image(mask: Mask) -> Image.Image:
    return Image.fromarray(mask)


def _mask_array(image: Image.Image) -> Mask:
    return np.asarray(image.convert("L")) > 127


def _depth_image(depth: Depth) -> Image.Image:
    return Image.fromarray(np.round(np.clip(depth, 0, 1) * DEPTH_LEVELS).astype(np.uint16))


def _depth_array(image: Image.Image) -> Depth:
    return np.asarray(image, dtype=np.float32) / np.float32(DEPTH_LEVELS)


def _content_image(content: Content) -> Image.Image:
    return Image.fromarray(content, "RGBA")


def _content_array(image: Image.Image) -> Content:
    return np.array(image.convert("RGBA"))


MASKS: Codec[Mask] = Codec(_mask_image, _mask_array, lambda mask: mask)
DEPTHS: Codec[Depth] = Codec(_depth_image, _depth_array, lambda depth: None)
CONTENTS: Codec[Content] = Codec(_content_image, _content_array, lambda content: content[..., 3] > 0)
