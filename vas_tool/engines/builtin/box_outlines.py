"""The outline of an object from its amodal boxes alone: what is seen of it elsewhere, stretched from box to box.

With true boxes this needs no registration, so it stands in where registration has failed. It takes whatever changed the
box (a step, a turn) for a stretch: where features can be followed, following them is better.
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
"""Frames that vote."""

NEAR_FRAMES = 10.0
"""Distance in time at which a frame counts 1/e: things change their form as they move."""

CLEAR_POWER = 4
"""How steeply a frame on which the seen part does not fill the box loses its vote."""

AGREEMENT_POWER = 4.0
LEAST_AGREEMENT = 0.02
"""An outline that covers little of what is seen here hardly votes."""

ABSENCE = 0.4
"""How much a frame's outline counts against a pixel: something may have hidden it there. 0.4, 0.7 and 1 were tried on
``assets/tao_made`` (mIoU of the hidden part 34.6, 33.5, 32.8)."""

UNBOXED = 0.5
"""What the vote of a frame without an amodal box is worth: nobody said how much of the object it shows."""


@dataclass(frozen=True)
class _Voter:
    """A frame on which something of the object is seen."""

    box: Corners
    """Around the whole object, as far as is known."""
    worth: float


class BoxOutlines:
    """frame_index -> the outline that fits the frame's box. Holds a few numbers a frame; masks are read when needed."""

    def __init__(self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas) -> None:
        self._modal, self._boxes, self._canvas = modal, boxes, canvas
        self._voters = _voters(modal, boxes)

    def __call__(self, frame_index: int) -> Mask:
        """(canvas H, W) bool; empty where no other frame shows the object."""
        corners = self._boxes[frame_index].corners
        size = math.ceil(corners[2] - corners[0]), math.ceil(corners[3] - corners[1])
        crop = Crop(*corners, size)
        here = crop.cut(self._modal[frame_index]) if frame_index in self._modal else np.zeros(size[::-1], bool)
        return crop.paste(self._voted(frame_index, here, size), self._canvas)

    def _voted(self, frame_index: int, here: Mask, size_wh: SizeWH) -> Mask:
        """Within the box, (height, width): what at least half of the votes call the object."""
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
    """The frames that show the object; worth more the more of its box is filled."""
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
