"""Plans an object before the network runs: levels, boxes, chunks, and whether the model can be tuned on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vas_tool.engines.tabe.boxes import front_of, grown, moved_boxes, smoothed_boxes
from vas_tool.engines.tabe.canvas import SIDE, KnownFrame, ModelInput, model_input
from vas_tool.engines.tabe.chunks import Chunk, plan_chunks
from vas_tool.engines.tabe.levels import Box, Level, occlusion_levels
from vas_tool.engines.tabe.occluded import DepthImage, depth_image, occlusions
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.tuning_samples import TunedClip
from vas_tool.errors import EngineError
from vas_tool.run_warnings import warn
from vas_tool.types import Canvas, Clip, Depth, Mask
from vas_tool.video.clip import LazyClip

FEWEST_WHOLE = 3
"""Least number of whole frames. Each begins a window; the model would memorise one or two."""
WHITE = NEAREST = 255
"""Value of pictures and depths beyond the frame."""
NO_DEPTH = "there is no depth, so TABE takes nothing to be in front of the object"


@dataclass(frozen=True)
class ObjectClip:
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
        """Return the (H, W) depth of a frame: 0 everywhere, for unknown, where there is none."""
        if index not in self.depth:
            return np.zeros(self.clip.size_wh[::-1], np.uint8)
        return depth_image(self.depth[index])

    def front(self, index: int) -> Mask:
        """Return the pixels of the canvas that are nearer than the object. All pixels beyond the frame are."""
        near = self.canvas.to_canvas(self.depth_image(index), NEAREST)
        return front_of(self.canvas.to_canvas(self.mask(index)), near)


@dataclass(frozen=True)
class ClipPlan:
    """The plan of an object. Positions count from the first of ``seen.frames``; boxes are on the canvas."""

    seen: ObjectClip
    levels: Sequence[Level]
    boxes: Sequence[Box]
    chunks: Sequence[Chunk]

    @property
    def tuned(self) -> TunedClip:
        """The frames, masks and levels to tune on: those of ``seen.frames``, without the canvas's padding."""
        frames = self.seen.frames
        masks = _LazyMasks(len(frames), lambda position: self.seen.mask(frames[position]))
        clip = self.seen.clip
        seen = LazyClip(lambda position: clip[frames[position]], len(frames), clip.size_wh, clip.fps)
        return TunedClip(seen, masks, self.levels)

    def model_input(self, position: int, *, side: int = SIDE) -> ModelInput:
        """Return the network's input for one frame."""
        index, canvas = self.seen.frames[position], self.seen.canvas
        frame = canvas.to_canvas(self.seen.clip[index], WHITE)
        mask, front = canvas.to_canvas(self.seen.mask(index)), self.seen.front(index)
        known = KnownFrame(frame, mask, front, self.boxes[position], self.levels[position])
        return model_input(known, side=side, leaves_canvas=canvas.size_wh != canvas.frame_wh)


def plan_clip(
    seen: ObjectClip,
    *,
    quirks: Quirks,
    box_percent: float = 0.0,
    fewest_whole: int = FEWEST_WHOLE,
    before_frame: Callable[[], None] = lambda: None,
) -> ClipPlan:
    """Return the plan of an object. It does not need the network.

    ``box_percent`` is the percentage of their sides by which boxes grow. ``before_frame`` is called before each frame
    and may raise Cancelled. Raises EngineError that says what to do when something is hidden and the object is whole on
    fewer than ``fewest_whole`` frames, or when it is hidden for too long.
    """
    frames, canvas = seen.frames, seen.canvas
    masks = _LazyMasks(len(frames), lambda position: seen.mask(frames[position]))
    found = occlusions(masks, _depths(seen, before_frame), quirks=quirks)
    levels = occlusion_levels(masks, [one.occluded for one in found], quirks=quirks)
    if any(level != Level.NO for level in levels):
        num_whole = sum(level == Level.NO and not one.occluded for level, one in zip(levels, found, strict=True))
        _require_whole(num_whole, fewest_whole)
    wide = _LazyMasks(len(frames), lambda position: canvas.to_canvas(masks[position]))
    fronts = _LazyMasks(len(frames), lambda position: seen.front(frames[position]))
    boxes = smoothed_boxes(moved_boxes(wide, fronts, levels, quirks=quirks), wide)
    boxes = [grown(box, box_percent, box_percent, quirks=quirks) for box in boxes]
    return ClipPlan(seen, levels, boxes, plan_chunks(levels))


def _depths(seen: ObjectClip, before_frame: Callable[[], None]) -> Iterator[DepthImage]:
    for index in seen.frames:
        before_frame()
        if index not in seen.depth:
            warn(NO_DEPTH, frame_index=index)
        yield seen.depth_image(index)


def _require_whole(num_whole: int, fewest_whole: int) -> None:
    if num_whole < fewest_whole:
        frames = "no frame" if not num_whole else f"{num_whole} of its frames"
        raise EngineError(
            f"the object is seen whole on {frames}, and TABE learns it from at least {fewest_whole}: take more of the "
            "video, where nothing is in front of it, set fewest_whole lower, or choose another engine"
        )


class _LazyMasks(Sequence[Mask]):
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
