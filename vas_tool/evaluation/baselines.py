"""Amodal masks that need no engine: the baselines in the tables of the Diffusion-VAS paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.masks import area, box_xyxy
from vas_tool.types import Depth, Mask

TOUCHING = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
"""Two masks border on each other when one, dilated by this cross, meets the other (Zhan et al., CVPR 2020: PCNet-M)."""

ON_THE_EDGE = 1e-7
"""Pixels: a pixel centre this close to the hull's edge lies on it."""


def convex_hull(mask: Mask, box: tuple[int, int, int, int] | None = None) -> Mask:
    """Return (H, W) the pixels whose centre lies in the convex hull of the mask.

    The hull goes through the middles of the sides of all True pixels, as in scikit-image's ``convex_hull_image``, which
    the papers use. ``box`` (x0, y0, x1, y1) is a box that contains the mask, if one is known. An empty mask stays
    empty.
    """
    out = np.zeros(mask.shape, np.bool_)
    box = box or box_xyxy(mask)
    if box is None or not mask[box[1] : box[3], box[0] : box[2]].any():
        return out
    window = slice(box[1], box[3]), slice(box[0], box[2])
    out[window] = _filled(mask[window])
    return out


def _filled(mask: Mask) -> Mask:
    """Return the hull of a mask that is not empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    # In doubled coordinates the middles of the sides are whole numbers. Only a row's outermost pixels can be corners.
    ends = np.concatenate([np.stack([2 * x, 2 * rows], axis=1) for x in (first, last)])
    sides = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
    points = (ends[:, None] + sides).reshape(-1, 2).astype(np.int32)
    low, high = _extents(cv2.convexHull(points).reshape(-1, 2).astype(np.float64), mask.shape[0])
    x = np.arange(mask.shape[1])
    return np.asarray((x >= low[:, None] - ON_THE_EDGE) & (x <= high[:, None] + ON_THE_EDGE))


def _extents(hull: npt.NDArray[np.float64], height: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return, for each row, the lowest and highest x inside the polygon. ``hull`` is (N, 2), in doubled coordinates."""
    follows = np.roll(hull, -1, axis=0)
    slanted = hull[:, 1] != follows[:, 1]
    start, end = hull[slanted].T[..., None], follows[slanted].T[..., None]
    y = 2.0 * np.arange(height)
    x = start[0] + (y - start[1]) * (end[0] - start[0]) / (end[1] - start[1])  # (edges, rows)
    crossed = (y >= np.minimum(start[1], end[1])) & (y <= np.maximum(start[1], end[1]))
    return np.where(crossed, x, np.inf).min(axis=0) / 2, np.where(crossed, x, -np.inf).max(axis=0) / 2


def nearer(mask: Mask, depth: Depth) -> Mask:
    """Return (H, W) where the depth is nearer than the median depth of the modal mask."""
    return np.asarray(depth > np.median(depth[mask])) if mask.any() else np.zeros_like(mask)


def convex_nearer(modal: Mask, depth: Depth) -> Mask:
    """Return the modal mask with the part of its convex hull that lies behind something nearer."""
    return np.asarray(modal | (convex_hull(modal) & nearer(modal, depth)))


def convex_restricted(modals: Sequence[Mask], depth: Depth | None = None) -> list[Mask]:
    """Return the baseline Convex^R: every object's hull, cut to its own modal mask and those of the objects in front.

    ``modals`` are the modal masks of all objects of one picture. Objects in front of an object in front count, too.
    Without ``depth`` the order is that of the released code of PCNet-M (Zhan et al., CVPR 2020): of two objects that
    border on each other, the one whose hull reaches further into the other stands behind. With ``depth`` (H, W),
    1 = nearest, the one with the smaller median stands behind.
    """
    hulls = [convex_hull(mask) for mask in modals]
    before = _in_front(modals, _by_hulls(modals, hulls) if depth is None else _by_depth(modals, depth))
    answers = []
    for i, (modal, hull) in enumerate(zip(modals, hulls, strict=True)):
        allowed = modal.copy()
        for j in _ancestors(i, before):
            allowed |= modals[j]
        answers.append(hull & allowed)
    return answers


Order = Callable[[int, int], float]
"""(i, j) -> above 0 where object i stands behind object j, below 0 where it stands before it, 0 where neither."""


def _by_hulls(modals: Sequence[Mask], hulls: Sequence[Mask]) -> Order:
    def reach(i: int, j: int) -> int:
        return area(hulls[i] & ~modals[i] & modals[j])

    return lambda i, j: reach(i, j) - reach(j, i)


def _by_depth(modals: Sequence[Mask], depth: Depth) -> Order:
    medians = [float(np.median(depth[mask])) if mask.any() else 0.0 for mask in modals]
    return lambda i, j: medians[j] - medians[i]


def _in_front(modals: Sequence[Mask], order: Order) -> list[set[int]]:
    """Return, for each object, the objects directly in front of it: those that border on it."""
    before: list[set[int]] = [set() for _ in modals]
    grown = [cv2.dilate(mask.astype(np.uint8), TOUCHING) > 0 for mask in modals]
    for i in range(len(modals)):
        for j in range(i):
            found = order(i, j) if (grown[i] & modals[j]).any() else 0
            if found > 0:
                before[i].add(j)
            elif found < 0:
                before[j].add(i)
    return before


def _ancestors(start: int, before: Sequence[set[int]]) -> set[int]:
    found, todo = set[int](), [start]
    while todo:
        fresh = before[todo.pop()] - found - {start}
        found |= fresh
        todo += fresh
    return found
