"""Estimates the camera's motion: a similarity from each frame to the next, from features around the object.

Most objects stand still in the world, or move evenly in it. The path of a hidden object through the picture is
therefore best predicted from the camera's motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.registration import Affine
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.types import Mask

POINTS = 150
LEAST_AGREEING = 16
"""With fewer points the camera counts as standing still."""

LEAST_SHARE = 0.35
"""Share of the points that must agree."""

RANSAC_PIXELS = 1.5
AROUND = 9
"""Small pixels around the object and its occluders that are left out."""


def camera_paths(
    small: SmallFrames,
    frames: Sequence[int],
    moving: Callable[[int], Mask],
    *,
    progress: Progress = silent,
) -> Mapping[int, Affine]:
    """Return frame_index -> (3, 3): small pixels of the frame to those of the first frame, for what stands still.

    ``moving`` is a function: frame_index -> (h, w) pixels to leave out, the object and what is in front of it.
    """
    paths: dict[int, Affine] = {f: np.eye(3) for f in frames[:1]}
    for done, (before, after) in enumerate(pairwise(frames)):
        progress(done, len(frames), "camera")
        step = _step(small.grey(before), small.grey(after), moving(before))
        paths[after] = paths[before] @ np.linalg.inv(step)
    return paths


def _step(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], moving: Mask) -> Affine:
    """Return (3, 3): small pixels of one frame to those of the next."""
    around = cv2.dilate(moving.astype(np.uint8), np.ones((AROUND, AROUND), np.uint8))
    corners = opencv.good_corners(before, POINTS, quality=0.01, apart=8, where=1 - around)
    if len(corners) < LEAST_AGREEING:
        return np.eye(3)
    ends, good = opencv.tracked_points(before, after, corners, winSize=(13, 13), maxLevel=3)
    if good.sum() < LEAST_AGREEING:
        return np.eye(3)
    cv2.setRNGSeed(0)
    found, agree = cv2.estimateAffinePartial2D(corners[good], ends[good], ransacReprojThreshold=RANSAC_PIXELS)
    if found is None or agree.sum() < max(LEAST_AGREEING, LEAST_SHARE * good.sum()):
        return np.eye(3)
    if not 0.5 < np.hypot(*found[:, 0]) < 2:  # no camera zooms so fast: the fit is wrong
        return np.eye(3)
    return np.vstack([found, [0, 0, 1]])
