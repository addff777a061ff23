"""How the camera moves: a similarity from each frame to the next, from what lies around the object.

Most things stand still in the world, or move on evenly in it. While an object is hidden, its way through the picture is
therefore best told from the camera's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.registration import Affine
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.types import Mask

POINTS = 150
LEAST_AGREEING = 16
"""Points below which the camera is taken to stand still."""

LEAST_SHARE = 0.35
"""Of the points that must agree."""

RANSAC_PIXELS = 1.5
AROUND = 9
"""Pixels (small) around the object and things in front of it that are not looked at."""


def camera_paths(
    small: SmallFrames,
    frames: Sequence[int],
    moving: Callable[[int], Mask],
    *,
    progress: Progress = silent,
) -> Mapping[int, Affine]:
    """frame_index -> (3, 3): small pixels of the frame -> of the first one, for what stands still.

    ``moving``: frame_index -> (h, w) what is not to be looked at: the object, and what is in front of it.
    """
    paths: dict[int, Affine] = {f: np.eye(3) for f in frames[:1]}
    for done, (before, after) in enumerate(pairwise(frames)):
        progress(done, len(frames), "camera")
        step = _step(small.grey(before), small.grey(after), moving(before))
        paths[after] = paths[before] @ np.linalg.inv(step)
    return paths


def _step(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], moving: Mask) -> Affine:
    """(3, 3): small pixels of one frame -> of the next."""
    around = cv2.dilate(moving.astype(np.uint8), np.ones((AROUND, AROUND), np.uint8))
    corners = cv2.goodFeaturesToTrack(before, POINTS, 0.01, 8, mask=1 - around)
    if corners is None or len(corners) < LEAST_AGREEING:
        return np.eye(3)
    ends, there, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(13, 13), maxLevel=3)
    good = there.ravel() == 1
    if good.sum() < LEAST_AGREEING:
        return np.eye(3)
    cv2.setRNGSeed(0)
    found, agree = cv2.estimateAffinePartial2D(corners[good], ends[good], ransacReprojThreshold=RANSAC_PIXELS)
    if found is None or agree.sum() < max(LEAST_AGREEING, LEAST_SHARE * good.sum()):
        return np.eye(3)
    if not 0.5 < np.hypot(*found[:, 0]) < 2:  # no camera zooms so fast: a fit gone wrong
        return np.eye(3)
    return np.vstack([found, [0, 0, 1]])
