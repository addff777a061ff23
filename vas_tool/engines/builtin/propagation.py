"""Finds the object on the next frame: near the position from the optical flow, or anywhere after it was lost.

The network sees two windows per frame: a wide one, which finds an object that leapt or reappears elsewhere, then a
closer one around the result.
"""

from __future__ import annotations

import cv2
import numpy as np

from vas_tool.engines.builtin.connection import Connection
from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.frame_windows import Window, WindowResult, around, whole
from vas_tool.engines.builtin.tracking_state import SHOWN, TrackingState, carried, wide
from vas_tool.masks import box_xyxy, iou
from vas_tool.types import Click

SHRUNK = 0.75
"""If the object's area falls below this share of its area in the reference, it is also searched without the last mask,
because it may reappear on the other side of an occluder, far from that mask."""

LARGEST = 1.3
"""Most area of both parts together, as a share of the area in the reference."""

BROUGHT, MOSTLY = 0.2, 0.5
"""An island is kept if the warped mask covers this share of it, and such islands are most of the warped mask."""

NEAR = 0.25
"""Greatest distance of an island that counts as a part of the object, in square roots of the object's area."""

GONE_SHARE = 0.02
"""Share of the area in the reference below which the rest counts as empty."""

LEAST_FOUND, MOST_FOUND = 0.05, 2.5
"""Least and greatest area of a reappearing object, as shares of the area in the reference."""

NOTHING_TO_SAY = 0.5
"""Certainty of an empty mask on a frame where nothing was expected. The frame needs no check."""


def followed(state: TrackingState, looked: EncodedFrame, connection: Connection) -> tuple[WindowResult | None, float]:
    """Return the object on the frame after the state's last frame, None if it is not seen; and the certainty, 0..1."""
    if state.lost:
        found = searched(state, looked)
        return found, NOTHING_TO_SAY if found is None else 0.0
    first = whole(looked.size_wh)
    box = box_xyxy(WindowResult(first, carried(state, connection, first)).mask(looked.size_wh)) or state.box
    first = wide(box, looked.size_wh)
    brought = carried(state, connection, first)
    rough = _near(_look(state, looked, WindowResult(first, brought)), brought)
    if rough.area < SHRUNK * state.area:
        rough = _with_what_comes_out(state, looked, rough)
    found = _closer(state, looked, rough)
    if found is None:
        return searched(state, looked), 0.0
    brought = carried(state, connection, found.window)
    return found, iou(brought >= 0.5, found.soft >= 0.5)


def searched(state: TrackingState, looked: EncodedFrame) -> WindowResult | None:
    """Return the object anywhere on the frame, by the references alone; None if it is not seen."""
    part = _surest(_alone(state, looked, wide(state.box, looked.size_wh, farther=state.lost)), state.area)
    return None if part is None else _closer(state, looked, part, clicked=True)


def _alone(state: TrackingState, looked: EncodedFrame, window: Window) -> WindowResult:
    """Return the object in a window, by the references alone, independent of its last position.

    Pixels that resemble other things as much are not the object: these things were there when the object was elsewhere.
    """
    found = looked.look(window, sure=state.sure, recent=state.recent)
    like, unlike = looked.resemblance(window, (state.sure, state.recent))
    return WindowResult(window, np.where(like > unlike, found.soft, np.float32(0)))


def _with_what_comes_out(state: TrackingState, looked: EncodedFrame, rough: WindowResult) -> WindowResult:
    """Return ``rough`` with parts no farther from it than the object's size, unless that makes it too large."""
    left, alone = (rough.soft >= 0.5).astype(np.uint8), _alone(state, looked, rough.window)
    if not left.any():
        return rough
    reach = float(np.sqrt(state.area)) * rough.window.scale
    near = cv2.distanceTransform(1 - left, cv2.DIST_L2, 3) <= reach
    _, labels = cv2.connectedComponents((alone.soft >= 0.5).astype(np.uint8), connectivity=8)
    meant = np.isin(labels, np.setdiff1d(np.unique(labels[near]), [0]))
    both = WindowResult(rough.window, np.maximum(rough.soft, np.where(meant, alone.soft, np.float32(0))))
    return both if both.area <= LARGEST * state.area else rough


def _closer(
    state: TrackingState, looked: EncodedFrame, rough: WindowResult, *, clicked: bool = False
) -> WindowResult | None:
    """Return the object in a window around ``rough``. ``clicked`` adds a click on its middle."""
    box = box_xyxy(rough.mask(looked.size_wh))
    if box is None:
        return None
    window = around(box, looked.size_wh, times=SHOWN)
    prior = WindowResult(window, rough.seen(window))
    found = _near(_look(state, looked, prior, clicked=clicked), prior.soft)
    return None if found.area < GONE_SHARE * state.area else found


def _look(state: TrackingState, looked: EncodedFrame, prior: WindowResult, *, clicked: bool = False) -> WindowResult:
    clicks = _in_the_middle(prior) if clicked else []
    return looked.look(prior.window, clicks=clicks, prior=prior.soft, sure=state.sure, recent=state.recent)


def _near(found: WindowResult, prior: Floats) -> WindowResult:
    """Return ``found`` without islands that the (height, width) prior mask does not cover, because they are other
    objects.

    If the prior mask covers little, nearby islands stay, too: the object is appearing from behind an occluder.
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
    return WindowResult(found.window, np.where(meant[labels], found.soft, np.float32(0)))


def _surest(found: WindowResult, area: float) -> WindowResult | None:
    """Return the part of a plausible size with the highest probability; None when there is none."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((found.soft >= 0.5).astype(np.uint8), connectivity=8)
    pixels = stats[:, cv2.CC_STAT_AREA]
    share = pixels / found.window.scale**2 / area
    sure = np.bincount(labels.ravel(), found.soft.ravel()) / np.maximum(pixels, 1)
    sure[(share < LEAST_FOUND) | (share > MOST_FOUND)] = 0
    sure[0] = 0
    best = int(np.argmax(sure))
    return WindowResult(found.window, np.where(labels == best, found.soft, np.float32(0))) if sure[best] > 0 else None


def _in_the_middle(found: WindowResult) -> list[Click]:
    """Return a click on the point farthest from the border of the mask."""
    depth = cv2.distanceTransform(np.pad(found.soft >= 0.5, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    x, y = found.window.place(float(column), float(row))
    return [Click(0, x, y)] if depth[row, column] > 0 else []
