"""Answers that need no engine: the rows that every table of the papers has (spec.md 8)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.masks import area, box_xyxy
from vas_tool.types import Depth, Mask

TOUCHING = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
"""Two masks border when one, grown by this, meets the other (PCNet-M, spec.md 8)."""

ON_THE_EDGE = 1e-7
"""Pixels: a centre this near to the hull's edge lies on it."""


def convex_hull(mask: Mask, box: tuple[int, int, int, int] | None = None) -> Mask:
    """(H, W): the pixels whose centre lies in the convex hull of the middles of all True pixels' sides.

    ``box`` (x0, y0, x1, y1) holds the mask, where one is known. Empty stays empty. The same as scikit-image's
    ``convex_hull_image``, which the papers name (spec.md 8).
    """
    out = np.zeros(mask.shape, np.bool_)
    box = box or box_xyxy(mask)
    if box is None or not mask[box[1] : box[3], box[0] : box[2]].any():
        return out
    window = slice(box[1], box[3]), slice(box[0], box[2])
    out[window] = _filled(mask[window])
    return out


def _filled(mask: Mask) -> Mask:
    """The hull of a mask that is not empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    # Doubled coordinates keep the middles of the sides whole numbers; only a row's outermost pixels can be corners.
    ends = np.concatenate([np.stack([2 * x, 2 * rows], axis=1) for x in (first, last)])
    sides = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
    points = (ends[:, None] + sides).reshape(-1, 2).astype(np.int32)
    low, high = _extents(cv2.convexHull(points).reshape(-1, 2).astype(np.float64), mask.shape[0])
    x = np.arange(mask.shape[1])
    return np.asarray((x >= low[:, None] - ON_THE_EDGE) & (x <= high[:, None] + ON_THE_EDGE))


def _extents(hull: npt.NDArray[np.float64], height: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each row, the x between which it lies in the polygon ((N, 2), in doubled coordinates)."""
    follows = np.roll(hull, -1, axis=0)
    slanted = hull[:, 1] != follows[:, 1]
    start, end = hull[slanted].T[..., None], follows[slanted].T[..., None]
    y = 2.0 * np.arange(height)
    x = start[0] + (y - start[1]) * (end[0] - start[0]) / (end[1] - start[1])  # (edges, rows)
    crossed = (y >= np.minimum(start[1], end[1])) & (y <= np.maximum(start[1], end[1]))
    return np.where(crossed, x, np.inf).min(axis=0) / 2, np.where(crossed, x, -np.inf).max(axis=0) / 2


def nearer(mask: Mask, depth: Depth) -> Mask:
    """(H, W): where something is nearer than the middle (median) of what is seen of the object."""
    return np.asarray(depth > np.median(depth[mask])) if mask.any() else np.zeros_like(mask)


def convex_nearer(modal: Mask, depth: Depth) -> Mask:
    """The hull, of which only what lies behind something nearer is added to the modal mask."""
    return np.asarray(modal | (convex_hull(modal) & nearer(modal, depth)))


def convex_restricted(modals: Sequence[Mask]) -> list[Mask]:
    """Convex^R: every object's hull, cut to its own modal mask and those of what stands before it (spec.md 8).

    ``modals`` are the modal masks of all objects of one picture. Of two that border, that one stands behind whose
    hull reaches further into the other; what stands before that again counts, too.
    """
    hulls = [convex_hull(mask) for mask in modals]
    before = _in_front(modals, hulls)
    answers = []
    for i, (modal, hull) in enumerate(zip(modals, hulls, strict=True)):
        allowed = modal.copy()
        for j in _ancestors(i, before):
            allowed |= modals[j]
        answers.append(hull & allowed)
    return answers


def _in_front(modals: Sequence[Mask], hulls: Sequence[Mask]) -> list[set[int]]:
    """For each object, those directly before it."""
    before: list[set[int]] = [set() for _ in modals]
    grown = [cv2.dilate(mask.astype(np.uint8), TOUCHING) > 0 for mask in modals]
    for i in range(len(modals)):
        for j in range(i):
            if not (grown[i] & modals[j]).any():
                continue
            i_reaches, j_reaches = area(hulls[i] & ~modals[i] & modals[j]), area(hulls[j] & ~modals[j] & modals[i])
            if i_reaches > j_reaches:
                before[i].add(j)
            elif j_reaches > i_reaches:
                before[j].add(i)
    return before


def _ancestors(start: int, before: Sequence[set[int]]) -> set[int]:
    found, todo = set[int](), [start]
    while todo:
        fresh = before[todo.pop()] - found - {start}
        found |= fresh
        todo += fresh
    return found
