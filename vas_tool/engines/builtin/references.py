"""The masks that tracking starts from: which of them, and what their colours teach."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.close_up import FOLLOWED_SHOWN, close_up
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.pixel_model import PixelModel, prepare_pixels
from vas_tool.engines.builtin.searching import look_alikes
from vas_tool.engines.builtin.shown_frames import ShownFrames
from vas_tool.engines.builtin.view import View, whole
from vas_tool.engines.builtin.walk import Walk
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask, Scalar

PLACE_WEIGHT = 0.0
"""Things move: their place counts less than when a frame is compared with itself."""

NUM_COSINES, NUM_SAMPLES = 256, 12_000
"""A reference teaches a whole clip: it is learned from more closely than a click's own frame."""

KEPT = 4
"""Masks and lessons at hand: a mask may be the answer to many clicks."""


class References:
    """Masks by frame. An empty one says that the object is not to be seen there: it teaches nothing."""

    def __init__(self, frames: ShownFrames, masks: Mapping[int, Mask]) -> None:
        self._frames, self._masks = frames, masks
        self._shows: dict[int, bool] = {}
        self._packed: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._lessons: OrderedDict[int, Floats] = OrderedDict()

    def __contains__(self, index: object) -> bool:
        return index in self._masks

    def mask(self, index: int) -> Mask:
        """(H, W)."""
        width, height = self._frames.clip.size_wh
        if index in self._packed:
            return np.unpackbits(self._packed[index], count=width * height).reshape(height, width).view(bool)
        mask = self._masks[index]
        self._shows[index] = bool(mask.any())
        _keep(self._packed, index, np.packbits(mask))
        return mask

    def shows(self, index: int) -> bool:
        """Whether anything of the object is seen there."""
        if index not in self._shows:
            self.mask(index)
        return self._shows[index]

    def nearest(self, index: int, *, among: Iterable[int]) -> int | None:
        """The frame nearest to ``index`` on which something of the object is seen."""
        return next((f for f in sorted(among, key=lambda f: abs(f - index)) if self.shows(f)), None)

    def beside(self, index: int, *, step: int, after: int | None = None) -> int | None:
        """Where a walk to a frame starts: the nearest one behind it, by ``step``, and ``after`` another frame."""
        behind = [f for f in self._masks if (index - f) * step > 0]
        return self.nearest(index, among=[f for f in behind if after is None or (f - after) * step > 0])

    def ahead(self, index: int, *, step: int) -> int | None:
        """The nearest one that comes after ``index``, by ``step``."""
        return self.beside(index, step=-step)

    def start(self, index: int, *, also: int | None) -> Walk:
        """From one of them; the colours of another one count the same."""
        view = _view_of(self.mask(index))
        soft, model = view.soft(self.mask(index)), self._model(index, view)
        others = [self._lesson(also)] if also not in (None, index) else []
        taught = np.mean([self._lesson(index, model), *others], axis=0)
        alike = look_alikes(model.score(taught), soft >= 0.5)
        area, still = float((soft >= 0.5).sum()), np.zeros(2, np.float32)
        return Walk(index, view, soft, taught, taught, area, clear=soft, velocity=still, alike=alike)

    def _lesson(self, index: int, model: PixelModel | None = None) -> Floats:
        if index not in self._lessons:
            mask = self.mask(index)
            view = _view_of(mask)
            _keep(self._lessons, index, lesson(model or self._model(index, view), view.mask(mask)))
        return self._lessons[index]

    def _model(self, index: int, view: View) -> PixelModel:
        return model_of(self._frames, index, view)


def lesson(model: PixelModel, mask: Mask) -> Floats:
    """What tells an (h, w) mask's pixels from the others, in any view."""
    return model.learned(mask, num_samples=NUM_SAMPLES)


def model_of(frames: ShownFrames, index: int, view: View) -> PixelModel:
    """Of one frame; what one teaches another understands."""
    return prepare_pixels(frames.frame(index, view), place_weight=PLACE_WEIGHT, num_cosines=NUM_COSINES)


def _view_of(mask: Mask) -> View:
    """Of a reference; what it teaches holds in other views, too, as the object fills as much of them."""
    frame_wh = mask.shape[1], mask.shape[0]
    box = box_xyxy(mask)
    return whole(frame_wh) if box is None else close_up(box, frame_wh, shown=FOLLOWED_SHOWN)


def _keep(kept: OrderedDict[int, npt.NDArray[Scalar]], index: int, one: npt.NDArray[Scalar]) -> None:
    kept[index] = one
    while len(kept) > KEPT:
        kept.popitem(last=False)
