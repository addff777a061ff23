"""A rectangle of a frame, at the size that the builtin segmenter thinks in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.candidates import SmallClick
from vas_tool.engines.builtin.small_frames import LONGEST_SIDE
from vas_tool.masks import box_xyxy
from vas_tool.types import Click, Frame, Mask, Scalar, SizeWH

SOFT = 0.8
"""Small pixels by which a mask's border is smoothed before it is enlarged."""

Floats = npt.NDArray[np.float32]
BoxXYXY = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in the frame's pixels."""


@dataclass(frozen=True)
class View:
    """A rectangle of a frame, and the size at which it is looked at."""

    x0: int
    y0: int
    width: int
    height: int
    """Of the rectangle, in the frame's pixels."""
    size_wh: SizeWH
    """In small pixels."""

    @property
    def size(self) -> SizeWH:
        """Of the rectangle, in the frame's pixels."""
        return self.width, self.height

    @property
    def scale(self) -> float:
        """Small pixels a pixel, across."""
        return self.scales[0]

    @property
    def scales(self) -> tuple[float, float]:
        """The same across and down: they differ where a side is a few small pixels only."""
        return self.size_wh[0] / self.width, self.size_wh[1] / self.height

    def cuts(self, mask: Mask) -> bool:
        """Whether an (H, W) mask goes on beyond the rectangle, or might: it touches a side with more of the frame."""
        height, width = mask.shape
        box = box_xyxy(mask)
        return box is not None and self.near_side(box, (width, height))

    def near_side(self, box: BoxXYXY, frame_wh: SizeWH, margin: float = 0) -> bool:
        """Whether a box comes as near to a side beyond which the frame goes on, or goes beyond it."""
        (left, top, right, bottom), (width, height) = box, frame_wh
        x1, y1 = self.x0 + self.width, self.y0 + self.height
        across = (left <= self.x0 + margin and self.x0 > 0) or (right >= x1 - margin and x1 < width)
        return across or (top <= self.y0 + margin and self.y0 > 0) or (bottom >= y1 - margin and y1 < height)

    def holds(self, click: Click) -> bool:
        """Whether a click lies in the rectangle."""
        return self.x0 <= round(click.x) < self.x0 + self.width and self.y0 <= round(click.y) < self.y0 + self.height

    def click(self, click: Click) -> SmallClick:
        """A click in small pixels."""
        width, height = self.size_wh
        column = round((click.x - self.x0 + 0.5) * width / self.width - 0.5)
        row = round((click.y - self.y0 + 0.5) * height / self.height - 0.5)
        return SmallClick(min(max(column, 0), width - 1), min(max(row, 0), height - 1), click.positive)

    def frame(self, frame: Frame) -> Frame:
        """(h, w, 3) of an (H, W, 3) frame."""
        inner = self._inner(frame)
        if inner.shape[1::-1] == self.size_wh:
            return np.ascontiguousarray(inner)
        kind = cv2.INTER_AREA if self.size_wh[0] < self.width else cv2.INTER_CUBIC
        return cv2.resize(inner, self.size_wh, interpolation=kind)

    def mask(self, mask: Mask) -> Mask:
        """(h, w) of an (H, W) mask: set where at least half of the pixel is."""
        return self.soft(mask) >= 0.5

    def soft(self, mask: Mask) -> Floats:
        """(h, w) 0..1 of an (H, W) mask."""
        inner = self._inner(mask).astype(np.float32)
        kind = cv2.INTER_AREA if self.size_wh[0] < self.width else cv2.INTER_LINEAR
        return inner if inner.shape[::-1] == self.size_wh else cv2.resize(inner, self.size_wh, interpolation=kind)

    def seen_in(self, other: View, picture: Floats) -> Floats:
        """What another view shows, here: 0 where it shows nothing."""
        (x, y), (other_x, other_y) = self.scales, other.scales
        right = x * (other.x0 - self.x0 + 0.5 / other_x) - 0.5
        down = y * (other.y0 - self.y0 + 0.5 / other_y) - 0.5
        return cv2.warpAffine(picture, np.array([[x / other_x, 0, right], [0, y / other_y, down]]), self.size_wh)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """(x0, y0, x1, y1) in the frame's pixels of an (h, w) mask; None when it is empty."""
        box = box_xyxy(mask)
        if box is None:
            return None
        (left, top, right, bottom), (x, y) = box, self.scales
        return self.x0 + left / x, self.y0 + top / y, self.x0 + right / x, self.y0 + bottom / y

    def enlarged(self, mask: Mask, around: Mask) -> Mask:
        """(H, W): an (h, w) mask with smooth borders, and outside of the rectangle what is ``around``."""
        out = around.copy()
        self._inner(out)[:] = self._smooth(mask)
        return out

    def blocks(self, mask: Mask, around: Mask) -> Mask:
        """(H, W): an (h, w) mask with its small pixels as blocks, and outside of the rectangle what is ``around``."""
        out = around.copy()
        self._inner(out)[:] = cv2.resize(mask.astype(np.uint8), self.size, interpolation=cv2.INTER_NEAREST) > 0
        return out

    def _smooth(self, mask: Mask) -> Mask:
        if self.size_wh == self.size:
            return mask
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFT)
        smooth = cv2.resize(soft, self.size, interpolation=cv2.INTER_CUBIC) >= 0.5
        if smooth.any() or not mask.any():
            return smooth
        return cv2.resize(mask.astype(np.uint8), self.size, interpolation=cv2.INTER_NEAREST) > 0  # a line, a dot

    def _inner(self, picture: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        return picture[self.y0 : self.y0 + self.height, self.x0 : self.x0 + self.width]


def whole(frame_wh: SizeWH) -> View:
    """All of a frame, at most LONGEST_SIDE small pixels on a side."""
    return scaled_view((0, 0, *frame_wh), most_enlarged=1.0)


def scaled_view(rectangle: tuple[int, int, int, int], *, most_enlarged: float) -> View:
    """Of an (x0, y0, width, height) in the frame's pixels, at most LONGEST_SIDE small pixels on a side."""
    width, height = rectangle[2:]
    scale = min(most_enlarged, LONGEST_SIDE / max(width, height))
    return View(*rectangle, (max(1, round(width * scale)), max(1, round(height * scale))))
