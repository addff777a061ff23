"""Frames at the small size that the builtin engines use. They are read when needed, and a few are kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.types import Clip, Frame, Mask, SizeWH

LONGEST_SIDE = 480
"""Pixels: longest side. It suffices for tracking at 8 FPS, and it is fast."""

FRAMES_KEPT = 24


class SmallFrames:
    """A clip reduced to ``LONGEST_SIDE``, or at its own size if that is smaller."""

    def __init__(self, clip: Clip, *, longest_side: int = LONGEST_SIDE) -> None:
        self.clip = clip
        width, height = clip.size_wh
        self.scale = min(1.0, longest_side / max(width, height))
        self.size_wh: SizeWH = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._greys: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()

    @property
    def num_kept(self) -> int:
        """The number of frames in memory, in colour or in grey, whichever are more."""
        return max(len(self._frames), len(self._greys))

    def frame(self, frame_index: int) -> Frame:
        """Return (h, w, 3) uint8 RGB."""
        if frame_index not in self._frames:
            self._frames[frame_index] = self._shrunk(self.clip[frame_index])
            _forget_old(self._frames)
        return self._frames[frame_index]

    def grey(self, frame_index: int) -> npt.NDArray[np.uint8]:
        """Return (h, w) uint8 grey."""
        if frame_index not in self._greys:
            grey = np.asarray(cv2.cvtColor(self.frame(frame_index), cv2.COLOR_RGB2GRAY), np.uint8)
            self._greys[frame_index] = grey
            _forget_old(self._greys)
        return self._greys[frame_index]

    def mask(self, mask: Mask) -> Mask:
        """Return a mask of the frame's size reduced to (h, w): True where at least half of the pixel is."""
        return self.soft(mask) >= 0.5

    def soft(self, mask: Mask) -> npt.NDArray[np.float32]:
        """Return a mask of the frame's size reduced to (h, w) float32, 0..1."""
        return self._shrunk(mask.astype(np.float32))

    def _shrunk(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if picture.shape[1::-1] == self.size_wh:
            return picture
        return cv2.resize(picture, self.size_wh, interpolation=cv2.INTER_AREA)


def _forget_old(kept: OrderedDict[int, npt.NDArray[np.uint8]]) -> None:
    while len(kept) > FRAMES_KEPT:
        kept.popitem(last=False)
