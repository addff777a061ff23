"""A clip seen through crops around an object's boxes, and its masks brought back: what any amodal engine can run on.

Nothing is cut before it is asked for, so that memory does not grow with the clip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from vas_tool.boxes.crops import Crop, CropRule, crop_around
from vas_tool.boxes.keyframes import Corners, box_iou, boxes_by_frame, drawn, mask_corners, union
from vas_tool.masks import box_xyxy
from vas_tool.types import (
    AmodalBox,
    BoxKeyframe,
    Canvas,
    Clip,
    Depth,
    Frame,
    Intrinsics,
    Mask,
    SizeWH,
    intrinsics_on,
)

BEYOND_DEPTH = 1.0
"""Depth beyond the picture: the nearest, because the picture's rim hides the object (Diffusion-VAS pads the same)."""


@dataclass(frozen=True)
class CropPlan:
    """Which crop is looked at on which frame. Every crop has the same size."""

    boxes: Mapping[int, AmodalBox]
    """The frames to be made, each with its box."""
    crops: Mapping[int, Crop]
    """A crop for those frames, and for others that show the object and may help."""
    size_wh: SizeWH

    def crop_on(self, frame_index: int) -> Crop:
        """The frame's crop; that of the nearest frame where it has none of its own."""
        if frame_index in self.crops:
            return self.crops[frame_index]
        return self.crops[min(self.crops, key=lambda f: (abs(f - frame_index), f))]

    @property
    def span(self) -> range:
        """From the first frame to be made to the last."""
        return range(min(self.boxes), max(self.boxes) + 1)


def plan_crops(
    keyframes: Sequence[BoxKeyframe],
    *,
    rule: CropRule,
    frame_wh: SizeWH,
    size_wh: SizeWH | None = None,
    seen: Mapping[int, Corners] | None = None,
) -> CropPlan:
    """The crops around the boxes, in clip pixels.

    ``size_wh`` is the model's resolution; None for an engine that takes any: then the crop has about as many pixels as
    the largest box with its margin, but no longer side than the frame's. ``seen`` are the boxes of what is seen of the
    object, frame by frame: on frames without an amodal box the crop lies around that. Raises PromptError without boxes.
    """
    boxes = boxes_by_frame(keyframes)
    if rule.span:
        one = span_crop(keyframes, rule=rule, frame_wh=frame_wh, size_wh=size_wh)
        return CropPlan(boxes, {f: one for f in {*boxes, *(seen or {})}}, one.size_wh)
    size = size_wh or own_size(keyframes, rule=rule, frame_wh=frame_wh)
    around = {**(seen or {}), **{f: box.corners for f, box in boxes.items()}}
    return CropPlan(boxes, {f: crop_around(corners, size, rule) for f, corners in around.items()}, size)


def span_crop(
    keyframes: Sequence[BoxKeyframe], *, rule: CropRule, frame_wh: SizeWH, size_wh: SizeWH | None = None
) -> Crop:
    """The one crop around all boxes (those between keyframes lie between them)."""
    whole = union([box.corners for box in drawn(keyframes)])
    if size_wh is not None:
        return crop_around(whole, size_wh, rule)
    loose = crop_around(whole, (1, 1), CropRule(margin=rule.margin, keep_aspect=False))
    x0, y0, x1, y1 = math.floor(loose.x0), math.floor(loose.y0), math.ceil(loose.x1), math.ceil(loose.y1)
    return Crop(x0, y0, x1, y1, _limited((x1 - x0, y1 - y0), frame_wh))


def own_size(keyframes: Sequence[BoxKeyframe], *, rule: CropRule, frame_wh: SizeWH) -> SizeWH:
    """Width and height of the largest box with its margin, in whole clip pixels; at most the frame's longer side."""
    union([box.corners for box in drawn(keyframes)])  # refuses none
    grown = 1 + 2 * rule.margin
    width = max(box.x1 - box.x0 for box in drawn(keyframes)) * grown
    height = max(box.y1 - box.y0 for box in drawn(keyframes)) * grown
    return _limited((width, height), frame_wh)


def _limited(size: tuple[float, float], frame_wh: SizeWH) -> SizeWH:
    scale = min(1.0, max(frame_wh) / max(size))
    return max(1, math.ceil(size[0] * scale)), max(1, math.ceil(size[1] * scale))


@dataclass(frozen=True, eq=False)
class CroppedClip:
    """A clip as its crops show it: the same frames, all of the plan's size; black beyond the picture."""

    clip: Clip
    plan: CropPlan

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of every crop."""
        return self.plan.size_wh

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.clip.fps

    def __len__(self) -> int:
        return len(self.clip)

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice, /) -> Frame | Sequence[Frame]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.plan.crop_on(index).cut(self.clip[index])

    def intrinsics_on(self, frame_index: int) -> Intrinsics | None:
        """Those of the clip, in pixels of the frame's crop."""
        known = intrinsics_on(self.clip, frame_index)
        return None if known is None else _in_crop(known, self.plan.crop_on(frame_index))


def _in_crop(camera: Intrinsics, crop: Crop) -> Intrinsics:
    across, down = crop.scale_xy
    return Intrinsics(camera.fx * across, camera.fy * down, *crop.to_crop(camera.cx, camera.cy))


@dataclass(frozen=True, eq=False)
class CroppedMasks(Mapping[int, Mask]):
    """Modal masks as the crops show them, on the frames that have a crop."""

    masks: Mapping[int, Mask]
    plan: CropPlan

    def __getitem__(self, frame_index: int) -> Mask:
        if frame_index not in self.plan.crops:
            raise KeyError(frame_index)
        return self.plan.crops[frame_index].cut(self.masks[frame_index])

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self.plan.crops and frame_index in self.masks

    def __iter__(self) -> Iterator[int]:
        return (f for f in self.masks if f in self.plan.crops)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, eq=False)
class CroppedDepths(Mapping[int, Depth]):
    """Depth as the crops show it; ``BEYOND_DEPTH`` beyond the picture."""

    depths: Mapping[int, Depth]
    plan: CropPlan

    def __getitem__(self, frame_index: int) -> Depth:
        return self.plan.crop_on(frame_index).cut(self.depths[frame_index], fill=BEYOND_DEPTH)

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self.depths

    def __iter__(self) -> Iterator[int]:
        return iter(self.depths)

    def __len__(self) -> int:
        return len(self.depths)


def brought_back(mask: Mask, plan: CropPlan, frame_index: int, *, canvas: Canvas) -> Mask:
    """A mask of the crop's size -> (canvas H, W), with nothing outside the frame's box."""
    return cleared_outside(plan.crops[frame_index].paste(mask, canvas), plan.boxes[frame_index], canvas)


def cleared_outside(mask: Mask, box: AmodalBox, canvas: Canvas) -> Mask:
    """A mask on the canvas without the pixels whose middle lies outside the box."""
    height, width = mask.shape
    x, y = np.arange(width) + 0.5 - canvas.pad_left, np.arange(height)[:, None] + 0.5 - canvas.pad_top
    x0, y0, x1, y1 = box.corners
    return np.asarray(mask & (x >= x0) & (x < x1) & (y >= y0) & (y < y1))


def agreement(mask: Mask, box: AmodalBox, canvas: Canvas) -> float:
    """IoU of a box and the tight box of a mask on the canvas, 0..1; 0 for an empty mask.

    A box beyond the canvas is measured by its part on it: no mask can reach further.
    """
    tight = box_xyxy(mask)
    return 0.0 if tight is None else box_agreement(mask_corners(tight, canvas), box, canvas)


def box_agreement(tight: Corners, box: AmodalBox, canvas: Canvas) -> float:
    """The same, from the mask's box in clip pixels."""
    left, top, (width, height) = canvas.pad_left, canvas.pad_top, canvas.size_wh
    x0, y0 = max(box.x0, -left), max(box.y0, -top)
    x1, y1 = min(box.x1, width - left), min(box.y1, height - top)
    return box_iou(tight, (x0, y0, x1, y1)) if x1 > x0 and y1 > y0 else 0.0
