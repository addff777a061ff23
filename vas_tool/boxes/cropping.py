"""Cuts a clip to crops around an object's boxes, and maps masks of the crops back. Any amodal engine can run on crops.

A crop is cut when it is needed, so that memory does not grow with the clip.
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
"""Depth beyond the picture: the nearest, because the border of the picture hides the object. Diffusion-VAS pads with
the same value (eval_diffusion_vas_tao_amodal.py)."""


@dataclass(frozen=True)
class CropPlan:
    """The crop of each frame. All crops have the same size."""

    boxes: Mapping[int, AmodalBox]
    """frame_index -> box, for the frames to be made."""
    crops: Mapping[int, Crop]
    """frame_index -> crop, for the frames to be made and for others that show the object."""
    size_wh: SizeWH

    def crop_on(self, frame_index: int) -> Crop:
        """Return the crop of a frame, or that of the nearest frame with a crop."""
        if frame_index in self.crops:
            return self.crops[frame_index]
        return self.crops[min(self.crops, key=lambda f: (abs(f - frame_index), f))]

    @property
    def span(self) -> range:
        """Return the frames from the first to the last that are to be made."""
        return range(min(self.boxes), max(self.boxes) + 1)


def plan_crops(
    keyframes: Sequence[BoxKeyframe],
    *,
    rule: CropRule,
    frame_wh: SizeWH,
    size_wh: SizeWH | None = None,
    seen: Mapping[int, Corners] | None = None,
) -> CropPlan:
    """Return the crops around the boxes, in clip pixels.

    ``size_wh`` is the model's resolution, or None for an engine that takes any size. With None, the crop has about as
    many pixels as the largest box with its margin, and no side longer than the frame's. ``seen`` holds the boxes of the
    modal masks by frame_index: on a frame without an amodal box, the crop is around the modal box. Raises PromptError
    without boxes.
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
    """Return one crop around all boxes. Interpolated boxes lie between the keyframes."""
    whole = union([box.corners for box in drawn(keyframes)])
    if size_wh is not None:
        return crop_around(whole, size_wh, rule)
    loose = crop_around(whole, (1, 1), CropRule(margin=rule.margin, keep_aspect=False))
    x0, y0, x1, y1 = math.floor(loose.x0), math.floor(loose.y0), math.ceil(loose.x1), math.ceil(loose.y1)
    return Crop(x0, y0, x1, y1, _limited((x1 - x0, y1 - y0), frame_wh))


def own_size(keyframes: Sequence[BoxKeyframe], *, rule: CropRule, frame_wh: SizeWH) -> SizeWH:
    """Return width and height of the largest box with its margin, in clip pixels; at most the frame's longer side."""
    union([box.corners for box in drawn(keyframes)])  # raises without boxes
    grown = 1 + 2 * rule.margin
    width = max(box.x1 - box.x0 for box in drawn(keyframes)) * grown
    height = max(box.y1 - box.y0 for box in drawn(keyframes)) * grown
    return _limited((width, height), frame_wh)


def _limited(size: tuple[float, float], frame_wh: SizeWH) -> SizeWH:
    scale = min(1.0, max(frame_wh) / max(size))
    return max(1, math.ceil(size[0] * scale)), max(1, math.ceil(size[1] * scale))


@dataclass(frozen=True, eq=False)
class CroppedClip:
    """A clip cut to its crops: the same frames, all of the plan's size, black beyond the picture."""

    clip: Clip
    plan: CropPlan

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of every crop, in pixels."""
        return self.plan.size_wh

    @property
    def fps(self) -> float:
        """Frames per second."""
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
        """Return the intrinsics of the clip, in pixels of the frame's crop."""
        known = intrinsics_on(self.clip, frame_index)
        return None if known is None else _in_crop(known, self.plan.crop_on(frame_index))


def _in_crop(camera: Intrinsics, crop: Crop) -> Intrinsics:
    across, down = crop.scale_xy
    return Intrinsics(camera.fx * across, camera.fy * down, *crop.to_crop(camera.cx, camera.cy))


@dataclass(frozen=True, eq=False)
class CroppedMasks(Mapping[int, Mask]):
    """Modal masks cut to the crops, on the frames that have a crop."""

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
    """Depth cut to the crops; ``BEYOND_DEPTH`` beyond the picture."""

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
    """Return a mask of the crop's size as (canvas H, W), with nothing outside the frame's box."""
    return cleared_outside(plan.crops[frame_index].paste(mask, canvas), plan.boxes[frame_index], canvas)


def cleared_outside(mask: Mask, box: AmodalBox, canvas: Canvas) -> Mask:
    """Return a mask on the canvas without the pixels whose centre lies outside the box."""
    height, width = mask.shape
    x, y = np.arange(width) + 0.5 - canvas.pad_left, np.arange(height)[:, None] + 0.5 - canvas.pad_top
    x0, y0, x1, y1 = box.corners
    return np.asarray(mask & (x >= x0) & (x < x1) & (y >= y0) & (y < y1))


def agreement(mask: Mask, box: AmodalBox, canvas: Canvas) -> float:
    """Return the IoU of a box and the tight box of a mask on the canvas, 0..1; 0 for an empty mask.

    Only the part of the box on the canvas counts, because no mask reaches further.
    """
    tight = box_xyxy(mask)
    return 0.0 if tight is None else box_agreement(mask_corners(tight, canvas), box, canvas)


def box_agreement(tight: Corners, box: AmodalBox, canvas: Canvas) -> float:
    """Return the IoU of a box and ``tight``, the tight box of a mask in clip pixels, 0..1. See ``agreement``."""
    left, top, (width, height) = canvas.pad_left, canvas.pad_top, canvas.size_wh
    x0, y0 = max(box.x0, -left), max(box.y0, -top)
    x1, y1 = min(box.x1, width - left), min(box.y1, height - top)
    return box_iou(tight, (x0, y0, x1, y1)) if x1 > x0 and y1 > y0 else 0.0
