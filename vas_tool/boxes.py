"""Amodal boxes: keyframes, the boxes between them, and the padding they need. ``crops`` cuts pictures around one.

A box is in *clip pixels* by its edges: pixel (i, j) covers i..i + 1 and j..j + 1, so a box of one pixel is one wide.
It may leave the frame. ``ui/workbench/boxes.js`` holds the same interpolation for the browser; both are tested on
 ``tests/box_cases.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vas_tool.errors import PromptError
from vas_tool.types import AmodalBox, Canvas, SizeWH

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 in clip pixels, by the edges."""

PADDINGS = (0.0, 0.25, 0.5)
"""The usual canvases: this part of the frame is added on each side (TAO-Amodal's annotators had 0.5)."""


# --- keyframes --------------------------------------------------------------------------------------------------------


def with_keyframe(keyframes: Sequence[AmodalBox], box: AmodalBox) -> tuple[AmodalBox, ...]:
    """The keyframes with ``box`` in place of an earlier one on its frame, ascending."""
    others = [other for other in keyframes if other.frame_index != box.frame_index]
    return tuple(sorted([*others, box], key=lambda b: b.frame_index))


def without_keyframe(keyframes: Sequence[AmodalBox], frame_index: int) -> tuple[AmodalBox, ...]:
    """The keyframes without the one on a frame. Raises PromptError when there is none."""
    others = tuple(box for box in keyframes if box.frame_index != frame_index)
    if len(others) == len(keyframes):
        raise PromptError(f"frame {frame_index} has no amodal box of its own to remove; go to a keyframe")
    return others


def box_on(keyframes: Sequence[AmodalBox], frame_index: int) -> AmodalBox | None:
    """The box on a frame: a keyframe itself, or linearly between two; None before the first and after the last.

    Each edge is ``a + (b - a) * t`` with ``t = (frame - frame_a) / (frame_b - frame_a)``, in this order of operations:
    the browser computes the same number to the last bit.
    """
    for box in keyframes:
        if box.frame_index == frame_index:
            return box
    for before, after in pairwise(sorted(keyframes, key=lambda b: b.frame_index)):
        if before.frame_index < frame_index < after.frame_index:
            return _between(before, after, frame_index)
    return None


def _between(before: AmodalBox, after: AmodalBox, frame_index: int) -> AmodalBox:
    t = (frame_index - before.frame_index) / (after.frame_index - before.frame_index)
    edges = zip(before.corners, after.corners, strict=True)
    return AmodalBox(frame_index, *(a + (b - a) * t for a, b in edges))


def boxes_by_frame(keyframes: Sequence[AmodalBox]) -> dict[int, AmodalBox]:
    """frame_index -> box, from the first keyframe to the last, ascending."""
    ascending = sorted(keyframes, key=lambda b: b.frame_index)
    found = {}
    for before, after in pairwise(ascending):
        found[before.frame_index] = before
        between = range(before.frame_index + 1, after.frame_index)
        found |= {f: _between(before, after, f) for f in between}
    return found | {box.frame_index: box for box in ascending[-1:]}


def is_interpolated(keyframes: Sequence[AmodalBox], frame_index: int) -> bool:
    """Whether the box on a frame was computed rather than given."""
    return box_on(keyframes, frame_index) is not None and all(b.frame_index != frame_index for b in keyframes)


# --- measures ---------------------------------------------------------------------------------------------------------


def box_iou(a: Corners, b: Corners) -> float:
    """Intersection over union of two boxes by their areas, 0..1; 0 when both are empty."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / total if total > 0 else 0.0


def leaves_frame(box: AmodalBox, frame_wh: SizeWH) -> bool:
    """Whether a part of the box lies outside the picture."""
    return box.x0 < 0 or box.y0 < 0 or box.x1 > frame_wh[0] or box.y1 > frame_wh[1]


def padding_for(boxes: Sequence[AmodalBox], frame_wh: SizeWH) -> float:
    """The least of PADDINGS whose canvas holds the boxes; the largest when none does."""
    width, height = frame_wh
    needs = [max(-b.x0 / width, -b.y0 / height, b.x1 / width - 1, b.y1 / height - 1) for b in boxes]
    need = max(needs, default=0.0)
    return next((padding for padding in PADDINGS if need <= padding), PADDINGS[-1])


def canvas_for(boxes: Sequence[AmodalBox], frame_wh: SizeWH) -> Canvas:
    """The frame, padded so that the boxes fit (see ``padding_for``)."""
    return Canvas.padded(frame_wh, padding_for(boxes, frame_wh))


def mask_corners(box: tuple[int, int, int, int], canvas: Canvas) -> Corners:
    """The tight box of a mask on the canvas (``masks.box_xyxy``) in clip pixels: it may be negative."""
    x0, y0, x1, y1 = box
    return x0 - canvas.pad_left, y0 - canvas.pad_top, x1 - canvas.pad_left, y1 - canvas.pad_top


def union(boxes: Sequence[Corners]) -> Corners:
    """The least box around several. Raises PromptError when there are none."""
    if not boxes:
        raise PromptError("there is no box to crop to; draw one")
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
