"""Outlines of an object from its amodal boxes alone: modal masks of other frames, stretched from box to box.

This needs no registration, so it replaces the result where registration failed. It treats every change of the box (a
step, a turn) as a stretch: where features can be followed, registration is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vas_tool.boxes.crops import Crop
from vas_tool.boxes.keyframes import Corners, box_iou
from vas_tool.masks import area, box_xyxy
from vas_tool.types import AmodalBox, Canvas, Mask, SizeWH

REFERENCES = 6
"""Number of frames that vote."""

NEAR_FRAMES = 10.0
"""Frames: distance in time at which a frame's weight is 1/e. Objects change shape as they move."""

CLEAR_POWER = 4
"""Exponent by which a frame loses weight if the modal mask does not fill its box."""

AGREEMENT_POWER = 4.0
LEAST_AGREEMENT = 0.02
"""Least weight factor of an outline that covers little of the modal mask here."""

ABSENCE = 0.4
"""Weight of an outline's absence at a pixel, where something may have hidden the object. 0.4, 0.7 and 1 gave an mIoU of
the hidden part of 34.6, 33.5 and 32.8 % on ``assets/tao_made``."""

UNBOXED = 0.5
"""Weight factor of a frame without an amodal box, because its visible share of the object is unknown."""


@dataclass(frozen=True)
class _Voter:
    """A frame with a modal mask that votes."""

    box: Corners
    """Box around the whole object, as far as it is known."""
    worth: float


class BoxOutlines:
    """A function: frame_index -> the outline that fits the frame's box. Masks are read when they are needed."""

    def __init__(self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas) -> None:
        self._modal, self._boxes, self._canvas = modal, boxes, canvas
        self._voters = _voters(modal, boxes)

    def __call__(self, frame_index: int) -> Mask:
        """Return the (canvas H, W) bool outline; empty where no other frame shows the object."""
        corners = self._boxes[frame_index].corners
        size = math.ceil(corners[2] - corners[0]), math.ceil(corners[3] - corners[1])
        crop = Crop(*corners, size)
        here = crop.cut(self._modal[frame_index]) if frame_index in self._modal else np.zeros(size[::-1], bool)
        return crop.paste(self._voted(frame_index, here, size), self._canvas)

    def _voted(self, frame_index: int, here: Mask, size_wh: SizeWH) -> Mask:
        """Return (height, width), inside the box, the pixels with at least half of the votes."""
        total, weights = np.zeros(here.shape), np.full(here.shape, 1e-6)
        for source in self._nearest(frame_index):
            voter = self._voters[source]
            outline = Crop(*voter.box, size_wh).cut(self._modal[source])
            weight = voter.worth * _closeness(source, frame_index)
            if here.any():
                weight *= max(LEAST_AGREEMENT, float(outline[here].mean())) ** AGREEMENT_POWER
            total += weight * outline
            weights += weight * np.where(outline, 1.0, ABSENCE)
        return np.asarray(total / weights >= 0.5)

    def _nearest(self, frame_index: int) -> list[int]:
        others = [f for f in self._voters if f != frame_index]
        return sorted(others, key=lambda f: -self._voters[f].worth * _closeness(f, frame_index))[:REFERENCES]


def _closeness(a: int, b: int) -> float:
    return math.exp(-abs(a - b) / NEAR_FRAMES)


def _voters(modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox]) -> dict[int, _Voter]:
    """Return the frames that show the object. A frame weighs more if its mask fills more of its box."""
    found: dict[int, tuple[Corners, float, float]] = {}
    for frame_index in modal:
        mask = modal[frame_index]
        tight = box_xyxy(mask)
        if tight is None:
            continue
        box = boxes[frame_index].corners if frame_index in boxes else tight
        clear = box_iou(tight, box) ** CLEAR_POWER if frame_index in boxes else UNBOXED
        found[frame_index] = (box, clear, area(mask) / ((box[2] - box[0]) * (box[3] - box[1])))
    fullest = max((filled for _, _, filled in found.values()), default=1.0)
    return {f: _Voter(box, clear * (filled / fullest) ** 2) for f, (box, clear, filled) in found.items()}
