"""The reference masks of tracking: which one to start from, and the embeddings they provide."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.click_network import ClickNetwork
from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.feature_matching import Reference
from vas_tool.engines.builtin.frame_windows import WindowResult, whole
from vas_tool.engines.builtin.tracking_state import TrackingState, found_in, wide
from vas_tool.masks import box_xyxy
from vas_tool.types import Clip, Mask

KEPT = 4
"""Masks and references that are kept in memory, because a mask may be the answer to many clicks."""


class References:
    """Masks by frame. An empty mask says that the object is not visible there; it provides no reference."""

    def __init__(self, clip: Clip, masks: Mapping[int, Mask], network: ClickNetwork) -> None:
        self._clip, self._masks, self._network = clip, masks, network
        self._shows: dict[int, bool] = {}
        self._packed: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._lessons: OrderedDict[int, Reference] = OrderedDict()

    def __contains__(self, index: object) -> bool:
        return index in self._masks

    def mask(self, index: int) -> Mask:
        """Return the (H, W) mask of a frame."""
        width, height = self._clip.size_wh
        if index in self._packed:
            return np.unpackbits(self._packed[index], count=width * height).reshape(height, width).view(bool)
        mask = self._masks[index]
        self._shows[index] = bool(mask.any())
        self._packed[index] = np.packbits(mask)
        while len(self._packed) > KEPT:
            self._packed.popitem(last=False)
        return mask

    def shows(self, index: int) -> bool:
        """Return whether the mask of a frame is not empty."""
        if index not in self._shows:
            self.mask(index)
        return self._shows[index]

    def nearest(self, index: int, *, among: Iterable[int]) -> int | None:
        """Return the frame nearest to ``index`` whose mask is not empty; None without one."""
        return next((f for f in sorted(among, key=lambda f: abs(f - index)) if self.shows(f)), None)

    def beside(self, index: int, *, step: int, after: int | None = None) -> int | None:
        """Return the nearest reference before ``index`` in the direction of ``step``, and beyond the frame
        ``after``.
        """
        behind = [f for f in self._masks if (index - f) * step > 0]
        return self.nearest(index, among=[f for f in behind if after is None or (f - after) * step > 0])

    def following(self, index: int, *, step: int) -> int | None:
        """Return the nearest reference after ``index`` in the direction of ``step``; None without one."""
        return self.beside(index, step=-step)

    def start(self, index: int, *, also: int | None) -> TrackingState:
        """Return the state of tracking at a reference. The reference ``also`` counts equally for the appearance."""
        looked, mask = EncodedFrame(self._clip[index], self._network), self.mask(index)
        shown = [self._shown_on(index, looked), *([self._shown_on(also)] if also not in (None, index) else [])]
        return TrackingState(
            index, looked, found_in(mask), Reference.together(shown), area=float(np.count_nonzero(mask))
        )

    def _shown_on(self, index: int, looked: EncodedFrame | None = None) -> Reference:
        if index not in self._lessons:
            looked = looked or EncodedFrame(self._clip[index], self._network)
            self._lessons[index] = _taught(looked, self.mask(index))
            while len(self._lessons) > KEPT:
                self._lessons.popitem(last=False)
        return self._lessons[index]


def _taught(looked: EncodedFrame, mask: Mask) -> Reference:
    """Return the reference of a close and a wide window, so that the background farther away is known, too."""
    box = box_xyxy(mask)
    window = whole(looked.size_wh) if box is None else wide(box, looked.size_wh)
    return Reference.together(
        [looked.reference(found_in(mask)), looked.reference(WindowResult(window, window.soft(mask)))]
    )
