"""Plans an object before the network runs: levels, boxes, chunks, and whether the model can be tuned on it."""

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
"""Least number of whole frames. Each begins a window; the model would memorise one or two."""
WHITE = NEAREST = 255
"""Value of pictures and depths beyond the frame."""


@dataclass(frozen=True)
class SeenClip:
    """One object of a clip, from its first visible frame on. Frames are read when they are needed."""

    clip: Clip
    modal: Mapping[int, Mask]
    depth: Mapping[int, Depth]
    canvas: Canvas

    @property
    def frames(self) -> range:
        """The frames; empty when the object is seen on none."""
        first = next((index for index in range(len(self.clip)) if self.mask(index).any()), len(self.clip))
        return range(first, len(self.clip))

    def mask(self, index: int) -> Mask:
        """Return the (H, W) modal mask of a frame; empty for a frame without one."""
        if index in self.modal:
            return self.modal[index]
        return np.zeros(self.clip.size_wh[::-1], np.bool_)

    def depth_image(self, index: int) -> DepthImage:
        """Return the (H, W) depth of a frame. Raises EngineError where there is none."""
        if index not in self.depth:
            raise EngineError(f"there is no depth on frame {index}; run the depth stage first")
        return depth_image(self.depth[index])

    def front(self, index: int) -> Mask:
        """Return the pixels of the canvas that are nearer than the object. All pixels beyond the frame are."""
        near = self.canvas.to_canvas(self.depth_image(index), NEAREST)
        return front_of(self.canvas.to_canvas(self.mask(index)), near)


@dataclass(frozen=True)
class ClipPlan:
    """The plan of an object. Positions count from the first of ``seen.frames``; boxes are on the canvas."""

    seen: SeenClip
    levels: Sequence[Level]
    boxes: Sequence[Box]
    chunks: Sequence[Chunk]

    def shown(self, position: int, *, side: int = SIDE) -> Shown:
        """Return the network's input for one frame."""
        index, canvas = self.seen.frames[position], self.seen.canvas
        frame = canvas.to_canvas(self.seen.clip[index], WHITE)
        mask, front = canvas.to_canvas(self.seen.mask(index)), self.seen.front(index)
        known = Seen(frame, mask, front, self.boxes[position], self.levels[position])
        return shown(known, side=side, leaves_canvas=canvas.size_wh != canvas.frame_wh)


def plan_clip(seen: SeenClip, *, quirks: Quirks, box_percent: float = 0.0) -> ClipPlan:
    """Return the plan of an object. It does not need the network.

    ``box_percent`` is the percentage of their sides by which boxes grow. Raises EngineError that says what to do when
    the
    object is whole on too few frames or hidden for too long, or when depth is missing.
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
    """A sequence of masks that are made when they are needed."""

    def __init__(self, length: int, make: Callable[[int], Mask]) -> None:
        self._length, self._make = length, make

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: Any) -> Any:
        """Return one mask. Slices are not supported."""
        if not 0 <= position < self._length:
            raise IndexError(position)
        return self._make(position)
