"""The baseline Convex^R for whole files: hulls cut to what the other annotated objects of the picture cover."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.evaluation.baselines import convex_restricted
from vas_tool.evaluation.dataset import Truth, TruthFrame
from vas_tool.evaluation.mask_sources import MaskSource, RleMask
from vas_tool.evaluation.measuring import ModalMask
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask

ROW = "convex-restricted"


class RestrictedHulls:
    """An ``Answer`` for ``measure``. Objects are in one picture when their keys ``(image_id, obj_id)`` share the
    image_id.
    """

    def __init__(self, truth: Truth) -> None:
        self._objects: dict[int, dict[str, TruthFrame]] = {}
        for clip in truth.clips:
            for frame in clip.frames:
                self._objects.setdefault(_image_of(frame), {})[frame.key] = frame
        self._made: dict[str, RleMask] = {}

    def __call__(self, frame: TruthFrame, seen: ModalMask) -> MaskSource | None:
        """Return the restricted hull of one object. The hulls of a picture are computed together, once."""
        if frame.key not in self._made:
            self._make(self._objects[_image_of(frame)], seen.mask.shape)
        return self._made.get(frame.key)

    def _make(self, frames: dict[str, TruthFrame], shape: tuple[int, ...]) -> None:
        masks: dict[str, Mask] = {}
        for key, frame in frames.items():
            try:
                mask = frame.modal.read()
            except FormatError:  # ``measure`` lists it in the problems; here it hides no object
                continue
            if mask.shape == shape:
                masks[key] = mask
        window = _window(list(masks.values()))
        hulls = convex_restricted([np.ascontiguousarray(mask[window]) for mask in masks.values()])
        for key, hull in zip(masks, hulls, strict=True):
            whole = np.zeros(shape, np.bool_)
            whole[window] = hull
            self._made[key] = RleMask.from_mask(whole)


def _image_of(frame: TruthFrame) -> int:
    return int(ast.literal_eval(frame.key)[0])


def _window(masks: Sequence[Mask]) -> tuple[slice, slice]:
    """Return the rows and columns that contain all masks."""
    boxes = [box for mask in masks if (box := box_xyxy(mask))] or [(0, 0, 1, 1)]
    x0, y0, x1, y1 = (f(n) for f, n in zip((min, min, max, max), zip(*boxes, strict=True), strict=True))
    return slice(y0, y1), slice(x0, x1)
