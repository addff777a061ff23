"""The work of the amodal stage as crops around amodal boxes show it, and its answers brought back to the canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vas_tool.boxes.cropping import (
    CroppedClip,
    CroppedDepths,
    CroppedMasks,
    CropPlan,
    agreement,
    brought_back,
    cleared_outside,
)
from vas_tool.engines.base import AmodalCompleter, BoxReader
from vas_tool.types import Canvas, Mask
from vas_tool.work import AmodalWork

BOXES_AGREE = 0.9
"""IoU of the given box and the answer's from which an engine that reads boxes is believed without doing so. On
``assets/tao_made`` and the sample 0.95 was better for it still, on filmed clips with things in front worse."""


@dataclass(frozen=True)
class CroppedWork:
    """The work of the amodal stage, and the crops through which the engine looks at it (None: at the whole picture)."""

    work: AmodalWork
    crops: CropPlan | None

    @property
    def shown(self) -> AmodalWork:
        """What the engine is asked: the same work, or that on the crops."""
        if self.crops is None:
            return self.work
        return replace(
            self.work,
            clip=CroppedClip(self.work.clip, self.crops),
            modal=CroppedMasks(self.work.modal, self.crops),
            depth=CroppedDepths(self.work.depth, self.crops),
            canvas=Canvas(self.crops.size_wh),
        )

    def counts(self, frame_index: int) -> bool:
        """Whether the engine's answer for a frame counts: through crops only on frames with a box."""
        return self.crops is None or frame_index in self.crops.boxes

    def bringing_back(self, engine: AmodalCompleter) -> Callable[[int, Mask], Mask]:
        """A function: frame_index, the engine's answer -> the mask on the canvas, together with what is seen.

        From a crop it is cleared outside the box; what is seen stays, even beyond the box. Where the mask misses its
        box and the engine reads boxes, it is the outline from the boxes.
        """
        if self.crops is None or not isinstance(engine, BoxReader):
            return self._whole
        boxes, canvas = self.crops.boxes, self.work.canvas
        outline = engine.outlines(self.work.modal, boxes, canvas=canvas)

        def better(frame_index: int, mask: Mask) -> Mask:
            whole, box = self._whole(frame_index, mask), boxes[frame_index]
            if agreement(whole, box, canvas) >= BOXES_AGREE:
                return whole
            return self._covering(frame_index, cleared_outside(outline(frame_index), box, canvas))

        return better

    def _whole(self, frame_index: int, mask: Mask) -> Mask:
        if self.crops is not None:
            mask = brought_back(mask, self.crops, frame_index, canvas=self.work.canvas)
        return self._covering(frame_index, mask)

    def _covering(self, frame_index: int, mask: Mask) -> Mask:
        """A mask on the canvas, with what is seen of the object in it."""
        if frame_index not in self.work.modal:
            return mask
        mask = mask.copy()
        mask[self.work.canvas.window] |= self.work.modal[frame_index]
        return mask
