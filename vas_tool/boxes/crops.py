"""The crop around a box: which rectangle, the exact map to its pixels and back, cutting pictures, pasting masks.

Clip pixels by their edges, as in ``keyframes``. ``ui/workbench/boxes.js`` computes the same rectangle for the preview.
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
"""Scales this near to 1 are 1, and places this near to the border of a pixel are on it: a corner that is computed as
-1.4999999999999996 must not cut like -1.5 and paste unlike it."""

MARGIN_LIMIT = 4.0
"""Beyond this a crop shows hardly anything of the object."""


@dataclass(frozen=True)
class CropRule:
    """How a box becomes a crop."""

    margin: float = 0.25
    """This part of the box's size is added on each side (``--pad``)."""
    keep_aspect: bool = True
    """Grow the shorter side until the rectangle has the model's proportions; False stretches the box to them."""
    span: bool = False
    """One rectangle around all boxes, the same on every frame, instead of a rectangle a frame."""
    compare: bool = True
    """Make the result without the crop as well, to be looked at beside it."""

    @property
    def words(self) -> str:
        """``25 % margin, proportions kept, one a frame``"""
        how = "proportions kept" if self.keep_aspect else "stretched"
        return f"{self.margin:.0%} margin, {how}, {'one for all frames' if self.span else 'one a frame'}"

    def __post_init__(self) -> None:
        if not all(isinstance(flag, bool) for flag in (self.keep_aspect, self.span, self.compare)):
            raise PromptError(f"proportions, span and comparison of a crop are true or false; got {self}")
        if isinstance(self.margin, bool | str) or not 0 <= self.margin <= MARGIN_LIMIT:
            raise PromptError(f"a crop's margin lies between 0 and {MARGIN_LIMIT:g} of the box; got {self.margin}")


def crop_around(corners: Corners, size_wh: SizeWH, rule: CropRule) -> Crop:
    """The crop of ``size_wh`` around a rectangle, with the rule's margin and proportions."""
    x0, y0, x1, y1 = corners
    width, height = (x1 - x0) * (1 + 2 * rule.margin), (y1 - y0) * (1 + 2 * rule.margin)
    if rule.keep_aspect:
        across, down = size_wh
        width, height = max(width, height * across / down), max(height, width * down / across)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return Crop(x - width / 2, y - height / 2, x + width / 2, y + height / 2, size_wh)


@dataclass(frozen=True)
class Crop:
    """A rectangle of clip pixels shown as a picture of ``size_wh``; the map between them is exact and invertible.

    Crop pixel u covers clip pixels ``x0 + u * (x1 - x0) / width`` to the same for u + 1.
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
        """x0, y0, x1, y1 in clip pixels."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Crop pixels for one clip pixel, across and down."""
        return self.size_wh[0] / (self.x1 - self.x0), self.size_wh[1] / (self.y1 - self.y0)

    def to_crop(self, x: float, y: float) -> tuple[float, float]:
        """A place in clip pixels (by the edges) -> in crop pixels."""
        across, down = self.scale_xy
        return (x - self.x0) * across, (y - self.y0) * down

    def to_clip(self, u: float, v: float) -> tuple[float, float]:
        """The reverse of ``to_crop``."""
        across, down = self.scale_xy
        return self.x0 + u / across, self.y0 + v / down

    def to_json(self) -> list[float]:
        """[x0, y0, x1, y1, width, height]: all that the map is made of."""
        return [*self.corners, *self.size_wh]

    @classmethod
    def from_json(cls, numbers: Sequence[float]) -> Crop:
        """The reverse of ``to_json``. Raises PromptError when it is no crop."""
        if len(numbers) != 6:
            raise PromptError(f"a crop is [x0, y0, x1, y1, width, height]; got {list(numbers)}")
        x0, y0, x1, y1, width, height = numbers
        return cls(x0, y0, x1, y1, (int(width), int(height)))

    def cut(
        self, array: npt.NDArray[Scalar], *, origin_xy: tuple[int, int] = (0, 0), fill: float = 0
    ) -> npt.NDArray[Scalar]:
        """The crop of a picture (H, W) or (H, W, C): (height, width[, C]) of the same dtype, ``fill`` beyond its rim.

        ``origin_xy`` is where the picture's left upper corner lies in clip pixels: (0, 0) for what has the frame's
        size, (-pad_left, -pad_top) for what has the canvas's. bool is taken from the nearest pixel, everything else
        linearly, averaged where the crop is the smaller. A crop of whole pixels at their own size is a plain copy.
        """
        if array.dtype == bool or self._is_whole:
            return self._nearest(array, origin_xy, fill)
        # cv2.warpAffine takes one sample a pixel: draw larger first where pixels of the crop hold several of the clip's
        finer = int(np.ceil(max(1.0, *(1 / scale for scale in self.scale_xy)) - ROUNDING))
        width, height = self.size_wh[0] * finer, self.size_wh[1] * finer
        large = Crop(*self.corners, (width, height))
        (across, down), (left, top) = large.scale_xy, origin_xy
        # + 0.5: cv2 counts from the middle of the first pixel
        inverse = np.array(
            [[1 / across, 0, self.x0 - left + 0.5 / across - 0.5], [0, 1 / down, self.y0 - top + 0.5 / down - 0.5]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        border = (fill,) * 4
        drawn = cv2.warpAffine(_numbers(array), inverse, (width, height), flags=flags, borderValue=border)
        return np.asarray(drawn if finer == 1 else cv2.resize(drawn, self.size_wh, interpolation=cv2.INTER_AREA))

    def paste(self, mask: Mask, canvas: Canvas) -> Mask:
        """A mask of the crop's size, (height, width), laid back on the canvas: (canvas H, W), False outside the crop.

        Taken from the nearest pixel where the crop is the larger, so that ``paste`` undoes ``cut`` on whatever lies
        inside the crop; linearly, half and more being the object, where it is the smaller.
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
        # Between two pixels the first is taken: paste takes the second, so that the two undo each other there too.
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
    """``array[rows][:, columns]``, and ``fill`` where there is no such row or column."""
    height, width = array.shape[:2]
    known_rows, known_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    out = np.full((len(rows), len(columns), *array.shape[2:]), fill, array.dtype)
    out[np.ix_(known_rows, known_columns)] = array[np.ix_(rows[known_rows], columns[known_columns])]
    return out


def _numbers(array: npt.NDArray[Scalar]) -> npt.NDArray[np.integer | np.floating]:
    """For cv2, which takes any number but no bool."""
    return array  # type: ignore[return-value]
