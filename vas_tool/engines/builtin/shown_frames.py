"""The latest frames of a clip, in the views in which they are looked at."""

from __future__ import annotations

from collections import OrderedDict

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.view import View
from vas_tool.types import Clip, Frame

FRAMES_KEPT = 6
"""Two frames in two views, and a frame before a cut in both."""


class ShownFrames:
    """Each frame is read once as long as it is among the latest that were asked for."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._kept: OrderedDict[tuple[int, View], Frame] = OrderedDict()

    def frame(self, index: int, view: View) -> Frame:
        """(h, w, 3)."""
        if (index, view) not in self._kept:
            self._kept[index, view] = view.frame(self.clip[index])
        self._kept.move_to_end((index, view))
        while len(self._kept) > FRAMES_KEPT:
            self._kept.popitem(last=False)
        return self._kept[index, view]

    def grey(self, index: int, view: View) -> npt.NDArray[np.uint8]:
        """(h, w)."""
        return np.asarray(cv2.cvtColor(self.frame(index, view), cv2.COLOR_RGB2GRAY))
