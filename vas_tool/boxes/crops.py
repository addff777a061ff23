"""The crop around a box: its rectangle, the exact map to its pixels and back, cutting pictures, pasting masks.

Coordinates are clip pixels by their edges, as in ``keyframes``. ``ui/workbench/boxes.js`` computes the same rectangle
for the preview.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.boxes.keyframes import Corners
from vas_tool.errors import PromptError
from vas_tool.types import Canvas, Mask, Scalar, SizeWH

IntArray = npt.NDArray[np.int_]

ROUNDING = 1e-9
"""Scales this close to 1 are 1, and positions this close to the border of a pixel are on it. Otherwise a corner that is
computed as -1.4999999999999996 could be cut like -1.5 and pasted unlike it."""

MARGIN_LIMIT = 4.0
"""Largest margin. With a larger one, a crop shows hardly anything of the object."""


@dataclass(frozen=True)
class CropRule:
    """How a box becomes a crop."""

    margin: float = 0.25
    """Share of the box's size that is added on each side (``--pad``)."""
    keep_aspect: bool = True
    """True grows the shorter side to the model's proportions; False stretches the box to them."""
    span: bool = False
    """True uses one rectangle around all boxes for every frame; False uses one rectangle per frame."""
    compare: bool = True
    """Whether the result without the crop is also made, for comparison."""

    @property
    def words(self) -> str:
        """Return the rule as text, for example ``25 % margin, proportions kept, one a frame``."""
        how = "proportions kept" if self.keep_aspect else "stretched"
        return f"{self.margin:.0%} margin, {how}, {'one for all frames' if self.span else 'one a frame'}"

    def __post_init__(self) -> None:
        if not all(isinstance(flag, bool) for flag in (self.keep_aspect, self.span, self.compare)):
            raise PromptError(f"proportions, span and comparison of a crop are true or false; got {self}")
        if isinstance(self.margin, bool | str) or not 0 <= self.margin <= MARGIN_LIMIT:
            raise PromptError(f"a crop's margin lies between 0 and {MARGIN_LIMIT:g} of the box; got {self.margin}")


def crop_around(corners: Corners, size_wh: SizeWH, rule: CropRule) -> Crop:
    """Return the crop of ``size_wh`` around a rectangle, with the rule's margin and proportions."""
    x0, y0, x1, y1 = corners
    width, height = (x1 - x0) * (1 + 2 * rule.margin), (y1 - y0) * (1 + 2 * rule.margin)
    if rule.keep_aspect:
        across, down = size_wh
        width, height = max(width, height * across / down), max(height, width * down / across)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return Crop(x - width / 2, y - height / 2, x + width / 2, y + height / 2, size_wh)


@dataclass(frozen=True)
class Crop:
    """A rectangle of clip pixels that is shown as a picture of ``size_wh``. The map between them is exact and
    invertible.

    Crop pixel u covers the clip pixels from ``x0 + u * (x1 - x0) / width`` to ``x0 + (u + 1) * (x1 - x0) / width``.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    size_wh: SizeWH
    """Width and height of the crop, in crop pixels."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.corners).all() and self.x1 > self.x0 and self.y1 > self.y0 and min(self.size_wh) > 0):
            raise PromptError(f"a crop needs a finite rectangle and a size above 0; got {self}")

    @property
    def corners(self) -> Corners:
        """x0, y0, x1, y1 of the rectangle, in clip pixels."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Crop pixels per clip pixel, horizontally and vertically."""
        return self.size_wh[0] / (self.x1 - self.x0), self.size_wh[1] / (self.y1 - self.y0)

    def to_crop(self, x: float, y: float) -> tuple[float, float]:
        """Return a position in clip pixels (by the edges) in crop pixels."""
        across, down = self.scale_xy
        return (x - self.x0) * across, (y - self.y0) * down

    def to_clip(self, u: float, v: float) -> tuple[float, float]:
        """Return a position in crop pixels in clip pixels (by the edges)."""
        across, down = self.scale_xy
        return self.x0 + u / across, self.y0 + v / down

    def to_json(self) -> list[float]:
        """Return [x0, y0, x1, y1, width, height], which define the map."""
        return [*self.corners, *self.size_wh]

    @classmethod
    def from_json(cls, numbers: Sequence[float]) -> Crop:
        """Return the crop of ``to_json``'s numbers. Raises PromptError when they are no crop."""
        if len(numbers) != 6:
            raise PromptError(f"a crop is [x0, y0, x1, y1, width, height]; got {list(numbers)}")
        x0, y0, x1, y1, width, height = numbers
        return cls(x0, y0, x1, y1, (int(width), int(height)))

    def cut(
        self, array: npt.NDArray[Scalar], *, origin_xy: tuple[int, int] = (0, 0), fill: float = 0
    ) -> npt.NDArray[Scalar]:
        """Return the crop (height, width[, C]) of a picture (H, W) or (H, W, C), with the same dtype; ``fill`` beyond
        it.

        ``origin_xy`` is the upper left corner of the picture in clip pixels: (0, 0) for a picture of the frame's size,
        (-pad_left, -pad_top) for one of the canvas's size. bool uses the nearest pixel; everything else uses linear
        interpolation, averaged where the crop is smaller. A crop of whole pixels at scale 1 is a copy.
        """
        if array.dtype == bool or self._is_whole:
            return self._nearest(array, origin_xy, fill)
        # cv2.warpAffine samples once per pixel: draw larger first where a pixel of the crop covers several of the clip
        finer = int(np.ceil(max(1.0, *(1 / scale for scale in self.scale_xy)) - ROUNDING))
        width, height = self.size_wh[0] * finer, self.size_wh[1] * finer
        large = Crop(*self.corners, (width, height))
        (across, down), (left, top) = large.scale_xy, origin_xy
        # + 0.5: cv2's coordinates start at the centre of the first pixel
        inverse = np.array(
            [[1 / across, 0, self.x0 - left + 0.5 / across - 0.5], [0, 1 / down, self.y0 - top + 0.5 / down - 0.5]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        border = (fill,) * 4
        drawn = cv2.warpAffine(_numbers(array), inverse, (width, height), flags=flags, borderValue=border)
        return np.asarray(drawn if finer == 1 else cv2.resize(drawn, self.size_wh, interpolation=cv2.INTER_AREA))

    def paste(self, mask: Mask, canvas: Canvas) -> Mask:
        """Return a mask of the crop's size, (height, width), as (canvas H, W); False outside the crop.

        Where the crop is larger than the clip, the nearest pixel is used, so that ``paste`` inverts ``cut`` inside the
        crop. Where it is smaller, linear interpolation is used, and values of a half or more are the object.
        """
        if min(self.scale_xy) < 1 - ROUNDING:
            soft = self._back(mask.astype(np.float32), canvas, linear=True)
            return np.asarray(soft >= 0.5)
        return np.asarray(self._back(mask, canvas, linear=False))

    @property
    def _is_whole(self) -> bool:
        """Whether crop pixels are clip pixels."""
        return all(float(c).is_integer() for c in self.corners) and self.scale_xy == (1.0, 1.0)

    def _nearest(self, array: npt.NDArray[Scalar], origin_xy: tuple[int, int], fill: float) -> npt.NDArray[Scalar]:
        (width, height), (across, down) = self.size_wh, self.scale_xy
        # Between two pixels the first is used, and paste uses the second, so that the two invert each other there, too.
        x = self.x0 - origin_xy[0] + (np.arange(width) + 0.5) / across
        y = self.y0 - origin_xy[1] + (np.arange(height) + 0.5) / down
        columns, rows = (np.ceil(at - ROUNDING).astype(int) - 1 for at in (x, y))
        return _taken(array, rows, columns, fill=fill)

    def _back(self, mask: npt.NDArray[Scalar], canvas: Canvas, *, linear: bool) -> npt.NDArray[Scalar]:
        (width, height), (across, down) = canvas.size_wh, self.scale_xy
        u = (np.arange(width) + 0.5 - canvas.pad_left - self.x0) * across
        v = (np.arange(height) + 0.5 - canvas.pad_top - self.y0) * down
        rows, columns = (np.floor(at + ROUNDING).astype(int) for at in (v, u))
        if not linear:
            return _taken(mask, rows, columns, fill=0)
        inside = _taken(np.ones(mask.shape, bool), rows, columns, fill=0)
        grid = np.meshgrid((u - 0.5).astype(np.float32), (v - 0.5).astype(np.float32))
        smooth = cv2.remap(_numbers(mask), *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.where(inside, smooth, 0).astype(mask.dtype)


def _taken(array: npt.NDArray[Scalar], rows: IntArray, columns: IntArray, *, fill: float) -> npt.NDArray[Scalar]:
    """Return ``array[rows][:, columns]``, with ``fill`` where the row or column does not exist."""
    height, width = array.shape[:2]
    known_rows, known_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    out = np.full((len(rows), len(columns), *array.shape[2:]), fill, array.dtype)
    out[np.ix_(known_rows, known_columns)] = array[np.ix_(rows[known_rows], columns[known_columns])]
    return out


def _numbers(array: npt.NDArray[Scalar]) -> npt.NDArray[np.integer | np.floating]:
    """Return the array with numbers in place of bool, which cv2 does not take."""
    return array  # type: ignore[return-value]
