"""What is known of an object before the network is asked: levels, boxes, chunks, and whether it can be learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vas_tool.engines.tabe.boxes import front_of, grown, moved_boxes, smoothed_boxes
from vas_tool.engines.tabe.canvas import SIDE, Seen, Shown, shown
from vas_tool.engines.tabe.chunks import Chunk, plan_chunks
from vas_tool.engines.tabe.levels import Box, Level, occlusion_levels
from vas_tool.engines.tabe.occlusion import DepthImage, depth_image, occlusions
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.errors import EngineError
from vas_tool.types import Canvas, Clip, Depth, Mask

FEWEST_WHOLE = 3
"""Frames on which the object must be whole: each begins a window, and one or two would be learned by heart."""
WHITE = NEAREST = 255
"""Of pictures and depths beyond the frame."""


@dataclass(frozen=True)
class SeenClip:
    """One object of a clip, from the first frame on which it is seen. Frames are read when asked for."""

    clip: Clip
    modal: Mapping[int, Mask]
    depth: Mapping[int, Depth]
    canvas: Canvas

    @property
    def frames(self) -> range:
        """Empty where nothing is seen on any frame."""
        first = next((index for index in range(len(self.clip)) if self.mask(index).any()), len(self.clip))
        return range(first, len(self.clip))

    def mask(self, index: int) -> Mask:
        """(H, W) of the frame; empty where nobody has looked."""
        if index in self.modal:
            return self.modal[index]
        return np.zeros(self.clip.size_wh[::-1], np.bool_)

    def depth_image(self, index: int) -> DepthImage:
        """(H, W) of the frame. Raises EngineError where there is no depth."""
        if index not in self.depth:
            raise EngineError(f"there is no depth on frame {index}; run the depth stage first")
        return depth_image(self.depth[index])

    def front(self, index: int) -> Mask:
        """On the canvas: what is nearer than the object; beyond the frame all is."""
        near = self.canvas.to_canvas(self.depth_image(index), NEAREST)
        return front_of(self.canvas.to_canvas(self.mask(index)), near)


@dataclass(frozen=True)
class ClipPlan:
    """Positions count from the first frame of ``seen.frames``; boxes are on the canvas."""

    seen: SeenClip
    levels: Sequence[Level]
    boxes: Sequence[Box]
    chunks: Sequence[Chunk]

    def shown(self, position: int, *, side: int = SIDE) -> Shown:
        """One frame as the network is shown it."""
        index, canvas = self.seen.frames[position], self.seen.canvas
        frame = canvas.to_canvas(self.seen.clip[index], WHITE)
        mask, front = canvas.to_canvas(self.seen.mask(index)), self.seen.front(index)
        known = Seen(frame, mask, front, self.boxes[position], self.levels[position])
        return shown(known, side=side, leaves_canvas=canvas.size_wh != canvas.frame_wh)


def plan_clip(seen: SeenClip, *, quirks: Quirks, box_percent: float = 0.0) -> ClipPlan:
    """All that is decided before the network is loaded.

    ``box_percent``: by how much of their sides boxes grow. Raises EngineError, saying what to do, where the object is
    whole on too few frames, hidden for too long, or where depth is missing.
    """
    frames, canvas = seen.frames, seen.canvas
    masks = [seen.mask(index) for index in frames]
    found = occlusions(masks, (seen.depth_image(index) for index in frames), quirks=quirks)
    levels = occlusion_levels(masks, [one.occluded for one in found], quirks=quirks)
    _require_whole(sum(level == Level.NO and not one.occluded for level, one in zip(levels, found, strict=True)))
    wide = _Each(len(frames), lambda position: canvas.to_canvas(masks[position]))
    fronts = _Each(len(frames), lambda position: seen.front(frames[position]))
    boxes = smoothed_boxes(moved_boxes(wide, fronts, levels, quirks=quirks), wide)
    boxes = [grown(box, box_percent, box_percent, quirks=quirks) for box in boxes]
    return ClipPlan(seen, levels, boxes, plan_chunks(levels))


def _require_whole(num_whole: int) -> None:
    if num_whole < FEWEST_WHOLE:
        frames = "no frame" if not num_whole else f"{num_whole} of its frames"
        raise EngineError(
            f"the object is seen whole on {frames}, and TABE learns it from at least {FEWEST_WHOLE}: take more of the "
            "video, where nothing is in front of it, or choose another engine"
        )


class _Each(Sequence[Mask]):
    """Masks that are made when asked for."""

    def __init__(self, length: int, make: Callable[[int], Mask]) -> None:
        self._length, self._make = length, make

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: Any) -> Any:
        """One mask; slices are never asked for."""
        if not 0 <= position < self._length:
            raise IndexError(position)
        return self._make(position)
