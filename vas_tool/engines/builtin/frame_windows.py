"""Windows: parts of a frame at the size of the click network's input."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.masks import box_xyxy
from vas_tool.types import Frame, Mask, Scalar, SizeWH

WHOLE_SIZE, SQUARE_SIZE = 384, 256
"""Pixels: longer side of the network's input for a whole frame, and least side of a square window."""

MULTIPLE = 32
"""Both sides of the network's input are multiples of this."""

SMALLEST = 64.0
"""Least pixels of the frame on a side of a square window."""

BEYOND = (124, 116, 104)
"""RGB value beyond the frame: ImageNet's mean."""

SIDE = 2
"""Pixels at the border of a window: an object that reaches into them may continue beyond the window."""

TINY = 1e-6
"""Pixels: tolerance, because sums of fractions are not exact."""

Floats = npt.NDArray[np.float32]
Along = TypeVar("Along", float, Floats)
BoxXYXY = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in pixels of the frame; x1 and y1 are exclusive."""


@dataclass(frozen=True)
class Window:
    """A rectangle of the frame, shown at some scale. It may reach beyond the frame."""

    left: float
    top: float
    """Upper left corner in pixels of the frame, whose first pixel begins at 0."""
    scale: float
    """Window pixels per pixel of the frame."""
    size_wh: SizeWH = (SQUARE_SIZE, SQUARE_SIZE)
    """(width, height) in window pixels."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in window pixels."""
        return self.size_wh[::-1]

    @property
    def box(self) -> BoxXYXY:
        """The corners of the window on the frame."""
        width, height = self.size_wh
        return self.left, self.top, self.left + width / self.scale, self.top + height / self.scale

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """Return the (2, 3) matrix from centres of frame pixels to centres of window pixels."""
        (right, down), scale = self.point(0, 0), self.scale
        return np.array([[scale, 0, right], [0, scale, down]], np.float64)

    def point(self, x: Along, y: Along) -> tuple[Along, Along]:
        """Return a point of the frame in window pixels."""
        return (x + 0.5 - self.left) * self.scale - 0.5, (y + 0.5 - self.top) * self.scale - 0.5

    def place(self, column: Along, row: Along) -> tuple[Along, Along]:
        """Return a point of the window in frame pixels."""
        return (column + 0.5) / self.scale - 0.5 + self.left, (row + 0.5) / self.scale - 0.5 + self.top

    def holds(self, box: BoxXYXY) -> bool:
        """Return whether a box lies inside the window."""
        left, top, right, bottom = self.box
        return left <= box[0] + TINY and top <= box[1] + TINY and box[2] <= right + TINY and box[3] <= bottom + TINY

    def picture(self, frame: Frame) -> Frame:
        """Return the (height, width, 3) picture of the window from an (H, W, 3) frame."""
        return self._cut(frame, beyond=BEYOND)

    def soft(self, mask: Mask | Floats) -> Floats:
        """Return (height, width), 0..1, of an (H, W) mask in the window; 0 beyond the frame."""
        return self._cut(mask.astype(np.float32))

    def of(self, other: Window, picture: Floats) -> Floats:
        """Return (height, width): the picture of another window in this one; 0 where the other shows nothing."""
        if other == self:
            return picture
        there = np.vstack([cv2.invertAffineTransform(other.matrix), [0, 0, 1]])
        return np.asarray(cv2.warpAffine(picture, self.matrix @ there, self.size_wh, flags=cv2.INTER_LINEAR))

    def mask(self, soft: Floats, frame_wh: SizeWH) -> Mask:
        """Return (H, W) where a (height, width) probability is at least 0.5; False beyond the window."""
        width, height = frame_wh
        out = np.zeros((height, width), bool)
        left, top, right, bottom = self.box
        x0, y0, x1, y1 = max(0, math.floor(left)), max(0, math.floor(top)), math.ceil(right), math.ceil(bottom)
        x1, y1 = min(x1, width), min(y1, height)
        if x1 > x0 and y1 > y0:
            matrix = self.matrix
            matrix[:, 2] += matrix[:, :2] @ (x0, y0)
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            shown = cv2.warpAffine(soft, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
            out[y0:y1, x0:x1] = shown >= 0.5
        return out

    def _cut(self, picture: npt.NDArray[Scalar], beyond: tuple[int, ...] = ()) -> npt.NDArray[Scalar]:
        """Return the window's part of a picture, enlarged linearly or reduced by area averages."""
        height, width = picture.shape[:2]
        small_wh = width, height
        if self.scale < 1:
            small_wh = max(1, round(width * self.scale)), max(1, round(height * self.scale))
            picture = opencv.resize(picture, small_wh, cv2.INTER_AREA)
        across, down = small_wh[0] / width, small_wh[1] / height
        matrix = np.array(
            [
                [self.scale / across, 0, (0.5 / across - self.left) * self.scale - 0.5],
                [0, self.scale / down, (0.5 / down - self.top) * self.scale - 0.5],
            ]
        )
        return opencv.warp_affine(picture, matrix, self.size_wh, borderValue=beyond or 0)


@dataclass(frozen=True)
class WindowResult:
    """The network's result in a window."""

    window: Window
    soft: Floats
    """(height, width) probability of the object. Nothing beyond the window belongs to the object."""

    @property
    def area(self) -> float:
        """Area of the object, in pixels of the frame."""
        return float(np.count_nonzero(self.soft >= 0.5)) / self.window.scale**2

    def seen(self, window: Window) -> Floats:
        """Return (height, width) the probability in another window."""
        return window.of(self.window, self.soft)

    def mask(self, frame_wh: SizeWH) -> Mask:
        """Return (H, W) where the probability is at least 0.5."""
        return self.window.mask(self.soft, frame_wh)

    def goes_on(self, frame_wh: SizeWH) -> bool:
        """Return whether the object reaches a side of its window beyond which the frame continues."""
        (left, top, right, bottom), (width, height) = self.window.box, frame_wh
        found = self.soft >= 0.5
        return bool(
            (left > 0 and found[:, :SIDE].any())
            or (top > 0 and found[:SIDE].any())
            or (right < width and found[:, -SIDE:].any())
            or (bottom < height and found[-SIDE:].any())
        )


def whole(frame_wh: SizeWH) -> Window:
    """Return a window with the whole frame in its middle."""
    width, height = frame_wh
    scale = WHOLE_SIZE / max(frame_wh)
    across, down = (math.ceil(round(side * scale, 3) / MULTIPLE) * MULTIPLE for side in frame_wh)
    return Window((width - across / scale) / 2, (height - down / scale) / 2, scale, (across, down))


def around(box: BoxXYXY, frame_wh: SizeWH, *, times: float, most: int = SQUARE_SIZE) -> Window:
    """Return a square window of ``times`` a box's longer side. The box is in its middle unless that would leave the
    frame.

    The network sees it at full size if it has at most ``most`` pixels on a side.
    """
    (x0, y0, x1, y1), (width, height) = box, frame_wh
    side = min(max(times * max(x1 - x0, y1 - y0), SMALLEST), max(frame_wh))
    left, top = _placed((x0 + x1) / 2, side, width), _placed((y0 + y1) / 2, side, height)
    size = min(max(round(side / MULTIPLE) * MULTIPLE, SQUARE_SIZE), most)
    return Window(left, top, size / side, (size, size))


def box_around(mask: Mask, points: Iterable[tuple[float, float]] = ()) -> BoxXYXY | None:
    """Return the box around an (H, W) mask and some points; None when both are empty."""
    boxes = [(x, y, x + 1, y + 1) for x, y in points]
    found = box_xyxy(mask)
    boxes += [] if found is None else [found]
    if not boxes:
        return None
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return float(min(x0)), float(min(y0)), float(max(x1)), float(max(y1))


def _placed(middle: float, side: float, most: int) -> float:
    """Return the start of a side that lies inside the frame if it fits, and is centred on the frame if not."""
    return (most - side) / 2 if side > most else min(max(middle - side / 2, 0.0), most - side)
