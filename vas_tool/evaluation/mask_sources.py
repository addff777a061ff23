"""Masks of truth and predictions that are decoded when they are needed: run lengths, image files, arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.evaluation.problems import FrameError
from vas_tool.masks import CocoRle, box_xyxy, checked_rle, checked_size, to_rle
from vas_tool.types import Mask
from vas_tool.video.picture_files import loaded_picture

BoxXYXY = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels; x1 and y1 are exclusive."""


class MaskSource(Protocol):
    """A mask that is read when it is needed."""

    def read(self) -> Mask:
        """Return the mask, (H, W) bool. Raises FormatError when it is damaged."""
        ...

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the box of ``mask``, which ``read`` returned; None when the mask is empty."""
        ...


@runtime_checkable
class ReadTwoWays(Protocol):
    """A mask that the measures in ``measuring.Protocol.second_reading`` read differently from the others."""

    def second_reading(self) -> MaskSource:
        """Return the mask as those measures read it."""
        ...


def second_reading(source: MaskSource) -> MaskSource:
    """Return the second reading of a mask; the mask itself when it has only one."""
    return source.second_reading() if isinstance(source, ReadTwoWays) else source


@dataclass(frozen=True, slots=True)
class RleMask:
    """A mask as COCO run lengths. It is checked when it is read."""

    size_hw: tuple[int, int]
    """Height and width in pixels."""
    counts: str
    """COCO's compressed run lengths."""

    @classmethod
    def of(cls, value: Any) -> RleMask:
        """Return the mask of a JSON record {"size": [height, width], "counts": text or bytes}. Raises FormatError."""
        if not isinstance(value, Mapping) or not {"size", "counts"} <= set(value):
            raise FormatError('a mask must be {"size": [height, width], "counts": text}')
        size, counts = value["size"], value["counts"]
        if isinstance(counts, bytes):
            counts = counts.decode("latin-1")
        if not isinstance(counts, str):
            raise FormatError("the mask's counts must be text (compressed RLE)")
        height, width = checked_size(size)
        if not height or not width:
            raise FormatError(f"the mask's size must be [height, width], got {size!r}")
        return cls((height, width), counts)

    @classmethod
    def from_mask(cls, mask: Mask) -> RleMask:
        """Return the exact run lengths of a (H, W) mask."""
        rle = to_rle(mask)
        return cls((rle["size"][0], rle["size"][1]), rle["counts"])

    @property
    def rle(self) -> CocoRle:
        """The run lengths as JSON files hold them."""
        return {"size": list(self.size_hw), "counts": self.counts}

    def read(self) -> Mask:
        """Return the (H, W) bool mask. Raises FormatError when the runs do not fill the size."""
        from pycocotools import mask as coco

        return np.asarray(coco.decode(checked_rle(self.rle))).view(np.bool_)

    def box_xywh(self) -> list[int]:
        """Return the tight box [x, y, width, height] without decoding; zeros for an empty mask. Raises FormatError."""
        from pycocotools import mask as coco

        return [int(n) for n in coco.toBbox(checked_rle(self.rle))]

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Tight box; None when it is empty."""
        x, y, width, height = self.box_xywh()
        return (x, y, x + width, y + height) if width and height else None


def picture_in(path: Path, mode: str | None = None) -> npt.NDArray[Any]:
    """Return the pixels of an image file, (H, W) or (H, W, C), in Pillow's ``mode`` if one is given. Raises
    FormatError.
    """
    try:
        image = loaded_picture(path)
        return np.asarray(image.convert(mode) if mode else image)
    except (OSError, ValueError) as error:
        raise FrameError(f"{path} does not read as an image ({error})", "unreadable file") from error


@dataclass(frozen=True, slots=True)
class ImageMask:
    """A mask in an image file: the pixels equal to ``value``, or, without a value, the pixels above ``above``."""

    path: Path
    value: int | None = None
    above: int = 0

    def read(self) -> Mask:
        """Return the (H, W) bool mask. Raises FormatError when the file is not an image."""
        pixels = picture_in(self.path)
        if pixels.ndim == 3:
            colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))  # the last channel of two or four is alpha
            pixels = pixels[..., :colours].max(axis=2)
        return np.asarray(pixels == self.value if self.value is not None else pixels > self.above, dtype=np.bool_)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Tight box; None when it is empty."""
        return box_xyxy(mask)


@dataclass(frozen=True, slots=True)
class GivenMask:
    """A mask in memory."""

    mask: Mask
    """(H, W) bool."""
    within: BoxXYXY | None = None
    """A box that contains the mask, if one is known."""

    def read(self) -> Mask:
        """Return the (H, W) bool mask."""
        return self.mask

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return a box that contains the mask; None when it is empty."""
        return self.within or box_xyxy(mask)
