"""The object on the next frame: where the flow brings it, as the references show it; or wherever it is found again.

Two looks a frame: a wide one, which finds what leapt or comes out elsewhere, then a closer one around what was found.
"""

from __future__ import annotations

import cv2
import numpy as np

from vas_tool.engines.builtin.connection import Connection
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.looking import LookedAt
from vas_tool.engines.builtin.matching import Reference
from vas_tool.engines.builtin.walk import SHOWN, Walk, carried, wide
from vas_tool.engines.builtin.windows import Found, Window, around, whole
from vas_tool.masks import box_xyxy, iou
from vas_tool.types import Click

SHRUNK = 0.75
"""Part of the area that the object had where it was taught, below which it is also looked for without the last mask:
what comes out on the other side of what hid it is nowhere near that."""

LARGEST = 1.3
"""Part of that area that both together have, at most."""

BROUGHT, MOSTLY = 0.2, 0.5
"""Part of an island that the flow brings, at least, while such islands are most of what it brings."""

NEAR = 0.25
"""How far off, in the object's sizes (roots of its area), an island is still taken for a part of it."""

GONE_SHARE = 0.02
"""Part of that area below which what is left counts as nothing."""

LEAST_FOUND, MOST_FOUND = 0.05, 2.5
"""Part of that area that something has which is found again."""

NOTHING_TO_SAY = 0.5
"""Certainty of an empty mask where nothing was expected: it does not ask for a look."""


def followed(walk: Walk, looked: LookedAt, connection: Connection) -> tuple[Found | None, float]:
    """Where the object is on the frame after the walk's last one, and the certainty; None where it is not seen."""
    if walk.lost:
        found = searched(walk, looked)
        return found, NOTHING_TO_SAY if found is None else 0.0
    first = whole(looked.size_wh)
    box = box_xyxy(Found(first, carried(walk, connection, first)).mask(looked.size_wh)) or walk.box
    first = wide(box, looked.size_wh)
    brought = carried(walk, connection, first)
    rough = _near(_look(walk, looked, Found(first, brought)), brought)
    if rough.area < SHRUNK * walk.area:
        rough = _with_what_comes_out(walk, looked, rough)
    found = _closer(walk, looked, rough)
    if found is None:
        return searched(walk, looked), 0.0
    brought = carried(walk, connection, found.window)
    return found, iou(brought >= 0.5, found.soft >= 0.5)


def searched(walk: Walk, looked: LookedAt) -> Found | None:
    """What the references show anywhere on the frame; None where it is not seen."""
    part = _surest(_alone(walk, looked, wide(walk.box, looked.size_wh, farther=walk.lost)), walk.area)
    return None if part is None else _closer(walk, looked, part, clicked=True)


def _alone(walk: Walk, looked: LookedAt, window: Window) -> Found:
    """What the references show in a window, wherever it was before.

    What is as much like something else is something else: it was there when the object was elsewhere.
    """
    found = looked.look(window, sure=walk.sure, recent=walk.recent)
    like, unlike = looked.resemblance(window, Reference.together([walk.sure, *walk.recents]))
    return Found(window, np.where(like > unlike, found.soft, np.float32(0)))


def _with_what_comes_out(walk: Walk, looked: LookedAt, rough: Found) -> Found:
    """Together with what is no farther from it than the object is large, if that does not make it too large."""
    left, alone = (rough.soft >= 0.5).astype(np.uint8), _alone(walk, looked, rough.window)
    if not left.any():
        return rough
    reach = float(np.sqrt(walk.area)) * rough.window.scale
    near = cv2.distanceTransform(1 - left, cv2.DIST_L2, 3) <= reach
    _, labels = cv2.connectedComponents((alone.soft >= 0.5).astype(np.uint8), connectivity=8)
    meant = np.isin(labels, np.setdiff1d(np.unique(labels[near]), [0]))
    both = Found(rough.window, np.maximum(rough.soft, np.where(meant, alone.soft, np.float32(0))))
    return both if both.area <= LARGEST * walk.area else rough


def _closer(walk: Walk, looked: LookedAt, rough: Found, *, clicked: bool = False) -> Found | None:
    """The same in a window around it; ``clicked``: as if a person had pointed at its middle, too."""
    box = box_xyxy(rough.mask(looked.size_wh))
    if box is None:
        return None
    window = around(box, looked.size_wh, times=SHOWN)
    prior = Found(window, rough.seen(window))
    found = _near(_look(walk, looked, prior, clicked=clicked), prior.soft)
    return None if found.area < GONE_SHARE * walk.area else found


def _look(walk: Walk, looked: LookedAt, prior: Found, *, clicked: bool = False) -> Found:
    clicks = _in_the_middle(prior) if clicked else []
    return looked.look(prior.window, clicks=clicks, prior=prior.soft, sure=walk.sure, recent=walk.recent)


def _near(found: Found, prior: Floats) -> Found:
    """Without islands that a (height, width) prior mask does not bring: they are something else.

    Where it brings little, what is close to it stays as well: it comes out from behind what hid it.
    """
    brought = (prior >= 0.5).astype(np.uint8)
    if not brought.any():
        return found
    _, labels, stats, _ = cv2.connectedComponentsWithStats((found.soft >= 0.5).astype(np.uint8), connectivity=8)
    shared = np.bincount(labels.ravel(), brought.ravel(), minlength=len(stats))
    meant = shared >= BROUGHT * stats[:, cv2.CC_STAT_AREA]
    if stats[1:, cv2.CC_STAT_AREA][meant[1:]].sum() < MOSTLY * np.count_nonzero(brought):
        reach = max(2.0, NEAR * float(np.sqrt(np.count_nonzero(brought))))
        meant[np.unique(labels[cv2.distanceTransform(1 - brought, cv2.DIST_L2, 3) <= reach])] = True
    meant[0] = True
    return Found(found.window, np.where(meant[labels], found.soft, np.float32(0)))


def _surest(found: Found, area: float) -> Found | None:
    """The part of a believable size that the network is most sure of; None when there is none."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((found.soft >= 0.5).astype(np.uint8), connectivity=8)
    pixels = stats[:, cv2.CC_STAT_AREA]
    share = pixels / found.window.scale**2 / area
    sure = np.bincount(labels.ravel(), found.soft.ravel()) / np.maximum(pixels, 1)
    sure[(share < LEAST_FOUND) | (share > MOST_FOUND)] = 0
    sure[0] = 0
    best = int(np.argmax(sure))
    return Found(found.window, np.where(labels == best, found.soft, np.float32(0))) if sure[best] > 0 else None


def _in_the_middle(found: Found) -> list[Click]:
    """A click on the deepest point."""
    depth = cv2.distanceTransform(np.pad(found.soft >= 0.5, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    x, y = found.window.place(float(column), float(row))
    return [Click(0, x, y)] if depth[row, column] > 0 else []
