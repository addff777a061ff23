"""Where something could hide an object: behind another object, behind something nearer, or beyond the frame's edge."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.masks import box_xyxy
from vas_tool.types import Canvas, Depth, Mask, SizeWH

DEPTH_MARGIN = 0.03
"""Depth is noisy: something that is farther than the object by this much may still hide it."""

BORDER_SHARE = 0.004
"""Estimated depth is soft at outlines: as a share of the frame's diagonal, half the width of the soft border."""

LEAST_BORDER = 2
"""Pixels: the soft border is at least this wide."""

NEARER_BY = 3 / 255
"""Something beside the object counts as in front of it when it is nearer by more than this (TABE, arXiv 2411.19210)."""

NEARER_SHARE = 0.03
"""It also counts when it is nearer by more than this share of the object's own depth. Relative depth is an inverse
distance, in which two far things hardly differ."""

LEAST_TOUCHED = 0.01
"""Share of the object's outline beside which something must be in front of it (TABE). In ``bench``'s cases at least
0.027 is touched where anything is hidden."""

Corners = tuple[int, int, int, int]
"""x0, y0, x1, y1 of a tight box in clip pixels; x1 and y1 are exclusive."""


def can_hide(
    modal: Mask, depth: Depth | None, others: Sequence[Mask] = (), *, canvas: Canvas, margin: float = DEPTH_MARGIN
) -> Mask:
    """Return (canvas H, W) bool: the pixels on which something could hide the object.

    Those are the pixels beyond the frame, the pixels of another object's modal mask, and the pixels whose depth is
    greater than the object's own depth minus ``margin``. The object's own depth is that of the nearest pixel inside its
    modal mask. Pixels of ``modal`` itself are never among them. Where nothing is known, everything could hide the
    object: without ``depth``, and where ``modal`` is empty, all other pixels are True.

    ``modal`` and each of ``others`` are (H, W) bool of the frame. ``depth`` is (H, W) float32, 0..1, 1 = nearest; give
    None when it is only guessed. ``margin`` below 0 demands that something is nearer than the object by that much.
    """
    hiding = np.ones_like(modal) if depth is None else in_front(modal, depth, margin=margin)
    for other in others:
        hiding = hiding | other
    return canvas.to_canvas(hiding & ~modal, fill=1)


def in_front(modal: Mask, depth: Depth, *, margin: float = DEPTH_MARGIN) -> Mask:
    """Return (H, W) bool: where the depth is greater than that of the nearest pixel of ``modal``, minus ``margin``.

    The outermost pixels of ``modal`` do not count, because estimated depth is soft there. All True where ``modal`` is
    empty.
    """
    if not modal.any():
        return np.ones_like(modal)
    smooth = cv2.blur(depth, (3, 3))
    nearest, _ = _nearest(_inside(modal, border_of((modal.shape[1], modal.shape[0]))))
    return np.asarray(smooth > smooth.ravel()[nearest] - margin)


def may_be_hidden(modal: Mask, depth: Depth | None, others: Sequence[Mask] = (), *, canvas: Canvas) -> bool:
    """Return whether anything may hide a part of the object on a frame. The arguments are those of ``can_hide``.

    True where ``modal`` is empty, where there is no ``depth``, where something nearer touches the object's outline,
    where the box of another object meets the object's box, and where the object meets an edge of the frame that the
    canvas goes beyond.
    """
    box = box_xyxy(modal)
    if box is None or depth is None or leaves(box, canvas) or touches_nearer(modal, depth):
        return True
    return any(meets(box, other, canvas.frame_wh) for mask in others if (other := box_xyxy(mask)))


def touches_nearer(modal: Mask, depth: Depth) -> bool:
    """Return whether more than ``LEAST_TOUCHED`` of what surrounds ``modal`` is nearer than the object beside it.

    The ground that the object stands on comes nearer, too, below the object, but evenly and without a step: what the
    slope of the depth explains does not count. ``modal`` is (H, W) bool and not empty; ``depth`` is (H, W) float32,
    0..1, 1 = nearest.
    """
    height, width = modal.shape
    x0, y0, x1, y1 = box_xyxy(modal) or (0, 0, width, height)
    border = border_of((width, height))
    reach = 2 * border
    room = 4 * reach
    window = slice(max(0, y0 - room), y1 + room), slice(max(0, x0 - room), x1 + room)
    modal, smooth = modal[window], cv2.blur(depth, (3, 3))[window]
    outline, distance = _nearest(modal)
    rows, columns = np.nonzero((distance > 0) & (distance <= reach))
    own = smooth.ravel()[_nearest(_inside(modal, border))[0][rows, columns]]
    from_rows, from_columns = np.divmod(outline[rows, columns], modal.shape[1])
    # As far again from the outline, on the same line.
    far_rows = np.clip(2 * rows - from_rows, 0, modal.shape[0] - 1)
    far_columns = np.clip(2 * columns - from_columns, 0, modal.shape[1] - 1)
    step = smooth[rows, columns] - own
    without_slope = step + smooth[rows, columns] - smooth[far_rows, far_columns]
    touched = np.count_nonzero(np.minimum(step, without_slope) > np.minimum(NEARER_BY, NEARER_SHARE * own))
    return bool(touched > LEAST_TOUCHED * len(rows))


def _nearest(mask: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return (H, W) the place (row by row, from 0) of the nearest pixel of a mask that is not empty, and its distance
    in pixels.
    """
    distance, labels = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(labels.max()) + 1, np.int64)
    places[labels[mask]] = np.flatnonzero(mask)
    return places[labels], np.asarray(distance, np.float32)


def leaves(box: Corners, canvas: Canvas) -> bool:
    """Return whether a box meets an edge of the frame that the canvas goes beyond."""
    (width, height), near = canvas.frame_wh, border_of(canvas.frame_wh)
    gaps = box[0], box[1], width - box[2], height - box[3]
    pads = canvas.pad_left, canvas.pad_top, canvas.pad_right, canvas.pad_bottom
    return any(pad and gap < near for gap, pad in zip(gaps, pads, strict=True))


def meets(box: Corners, other: Corners, frame_wh: SizeWH) -> bool:
    """Return whether two boxes overlap or lie beside each other within the soft border."""
    near = border_of(frame_wh)
    apart = max(box[0], other[0]) - min(box[2], other[2]), max(box[1], other[1]) - min(box[3], other[3])
    return max(apart) < near


def border_of(size_wh: SizeWH) -> int:
    """Return the width in pixels of the soft border of estimated depth, on one side of an outline."""
    return max(LEAST_BORDER, round(BORDER_SHARE * math.hypot(*size_wh)))


def _inside(modal: Mask, border: int) -> Mask:
    """Return the mask without its soft border; the mask itself where nothing would remain."""
    kernel = np.ones((2 * border + 1,) * 2, np.uint8)
    shrunk = cv2.erode(modal.astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE)
    return shrunk > 0 if shrunk.any() else modal
