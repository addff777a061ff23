"""Amodal boxes: keyframes, the boxes between them, and the padding that they need.

A box is in *clip pixels* by its edges: pixel (i, j) covers i..i + 1 and j..j + 1, so a box of one pixel has width 1. It
may leave the frame. ``ui/workbench/boxes.js`` computes the same interpolation in the browser; tests compare both on the
same cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from vas_tool.errors import PromptError
from vas_tool.types import AmodalBox, BoxKeyframe, Canvas, NoBox, SizeWH

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 in clip pixels, by the edges."""

PADDINGS = (0.0, 0.25, 0.5)
"""Usual paddings: the share of the frame that is added on each side. TAO-Amodal's annotators used 0.5."""


# --- keyframes --------------------------------------------------------------------------------------------------------


def with_keyframe(keyframes: Sequence[BoxKeyframe], keyframe: BoxKeyframe) -> tuple[BoxKeyframe, ...]:
    """Return the keyframes, ascending, with this one. It replaces an earlier keyframe on its frame."""
    others = [other for other in keyframes if other.frame_index != keyframe.frame_index]
    return tuple(sorted([*others, keyframe], key=lambda k: k.frame_index))


def without_keyframe(keyframes: Sequence[BoxKeyframe], frame_index: int) -> tuple[BoxKeyframe, ...]:
    """Return the keyframes without the one on a frame. Raises PromptError when the frame has none."""
    others = tuple(keyframe for keyframe in keyframes if keyframe.frame_index != frame_index)
    if len(others) == len(keyframes):
        raise PromptError(f"frame {frame_index} has no amodal box of its own to remove; go to a keyframe")
    return others


def ended(keyframes: Sequence[BoxKeyframe], frame_index: int) -> tuple[BoxKeyframe, ...]:
    """Return the keyframes with no box from a frame to the next keyframe.

    Earlier frames keep their boxes: an interpolated box on the frame before becomes a keyframe; otherwise the last box
    is held. Raises PromptError when there is no earlier box.
    """
    before = [keyframe for keyframe in keyframes if keyframe.frame_index < frame_index]
    if not before or isinstance(max(before, key=lambda k: k.frame_index), NoBox):
        raise PromptError(f"there is no amodal box before frame {frame_index} that could end there; draw one first")
    last = box_on(keyframes, frame_index - 1)
    kept = keyframes if last is None else with_keyframe(keyframes, last)
    return with_keyframe(kept, NoBox(frame_index))


def drawn(keyframes: Sequence[BoxKeyframe]) -> list[AmodalBox]:
    """Return the keyframes that are boxes."""
    return [keyframe for keyframe in keyframes if isinstance(keyframe, AmodalBox)]


def box_on(keyframes: Sequence[BoxKeyframe], frame_index: int) -> AmodalBox | None:
    """Return the box on a frame: a keyframe, or interpolated between two; None before the first and after the last.

    Each edge is ``a + (b - a) * t`` with ``t = (frame - frame_a) / (frame_b - frame_a)``. With this order of operations
    the browser computes the same bits. From a ``NoBox`` to the next keyframe there is no box, and the box before it
    does not move.
    """
    for keyframe in keyframes:
        if keyframe.frame_index == frame_index:
            return keyframe if isinstance(keyframe, AmodalBox) else None
    for before, after in pairwise(sorted(keyframes, key=lambda k: k.frame_index)):
        if before.frame_index < frame_index < after.frame_index:
            return _between(before, after, frame_index)
    return None


def _between(before: BoxKeyframe, after: BoxKeyframe, frame_index: int) -> AmodalBox | None:
    if isinstance(before, NoBox):
        return None
    if isinstance(after, NoBox):
        return replace(before, frame_index=frame_index)
    t = (frame_index - before.frame_index) / (after.frame_index - before.frame_index)
    edges = zip(before.corners, after.corners, strict=True)
    return AmodalBox(frame_index, *(a + (b - a) * t for a, b in edges))


def boxes_by_frame(keyframes: Sequence[BoxKeyframe]) -> dict[int, AmodalBox]:
    """Return frame_index -> box for every frame that has a box, ascending."""
    ascending = sorted(keyframes, key=lambda k: k.frame_index)
    found: dict[int, AmodalBox | None] = {}
    for before, after in pairwise(ascending):
        found[before.frame_index] = before if isinstance(before, AmodalBox) else None
        between = range(before.frame_index + 1, after.frame_index)
        found |= {f: _between(before, after, f) for f in between}
    found |= {box.frame_index: box for box in ascending[-1:] if isinstance(box, AmodalBox)}
    return {f: box for f, box in found.items() if box is not None}


def is_interpolated(keyframes: Sequence[BoxKeyframe], frame_index: int) -> bool:
    """Return whether the box on a frame is interpolated."""
    return box_on(keyframes, frame_index) is not None and all(k.frame_index != frame_index for k in keyframes)


# --- measures ---------------------------------------------------------------------------------------------------------


def box_iou(a: Corners, b: Corners) -> float:
    """Return the intersection over union of two boxes, 0..1; 0 when both are empty."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / total if total > 0 else 0.0


def padding_for(boxes: Sequence[AmodalBox], frame_wh: SizeWH) -> float:
    """Return the smallest of PADDINGS whose canvas contains the boxes; the largest when none does."""
    width, height = frame_wh
    needs = [max(-b.x0 / width, -b.y0 / height, b.x1 / width - 1, b.y1 / height - 1) for b in boxes]
    need = max(needs, default=0.0)
    return next((padding for padding in PADDINGS if need <= padding), PADDINGS[-1])


def canvas_for(boxes: Sequence[AmodalBox], frame_wh: SizeWH) -> Canvas:
    """Return the frame's canvas, padded so that the boxes fit (see ``padding_for``)."""
    return Canvas.padded(frame_wh, padding_for(boxes, frame_wh))


def beyond(box: AmodalBox, canvas: Canvas) -> float:
    """Return how far a box reaches beyond the canvas, in pixels, on the worst side; 0 when it is inside.

    Masks are cut at the border of the canvas.
    """
    width, height = canvas.frame_wh
    sides = (-canvas.pad_left - box.x0, -canvas.pad_top - box.y0)
    more = (box.x1 - width - canvas.pad_right, box.y1 - height - canvas.pad_bottom)
    return max(0.0, *sides, *more)


def mask_corners(box: tuple[int, int, int, int], canvas: Canvas) -> Corners:
    """Return the tight box of a mask on the canvas (``masks.box_xyxy``) in clip pixels; it may be negative."""
    x0, y0, x1, y1 = box
    return x0 - canvas.pad_left, y0 - canvas.pad_top, x1 - canvas.pad_left, y1 - canvas.pad_top


def union(boxes: Sequence[Corners]) -> Corners:
    """Return the smallest box around several boxes. Raises PromptError when there are none."""
    if not boxes:
        raise PromptError("there is no box to crop to; draw one")
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
