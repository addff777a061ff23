"""Estimates how an object's surface moves: a similarity (shift, turn, scale) from any frame to any other.

Visible frames are chained by features that are tracked inside the modal masks. Where the object was hidden, both sides
are matched directly and the motion between is interpolated. A few numbers per frame, and a few small frames, are in
memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.types import Clip, Mask

Affine = npt.NDArray[np.float64]
"""(2, 3) float64: maps (x, y, 1) in clip pixels of one frame to (x, y) in clip pixels of another."""

MIN_AREA = 40
"""Pixels: a smaller small mask cannot be tracked."""

SLIVER = 0.06
"""A mask smaller than this share of the largest mask so far does not determine the object's position."""

MAX_POINTS = 160
MIN_INLIERS = 8
"""With fewer agreeing points, only the shift is estimated, not turn and scale."""

RANSAC_PIXELS = 1.5
NEAR = 2
"""Frames: over a longer gap, features are detected again instead of tracked."""

LOOK_BACK = 12
"""Frames on either side of a gap from which the clearest are matched."""

DAMPING = 0.8
"""Beyond the first and last visible frame, each step of the motion is shortened by this factor."""


@dataclass(frozen=True)
class Pose:
    """Position of the object's surface on a frame, relative to its first visible frame, in small pixels."""

    x: float
    y: float
    log_scale: float
    angle: float

    def matrix(self) -> Affine:
        """Return the (3, 3) matrix from the first visible frame's centred coordinates to this frame's."""
        scale, cos, sin = np.exp(self.log_scale), np.cos(self.angle), np.sin(self.angle)
        return np.array([[scale * cos, -scale * sin, self.x], [scale * sin, scale * cos, self.y], [0, 0, 1]])

    @classmethod
    def of(cls, matrix: Affine) -> Pose:
        """Return the pose of the matrix of a similarity."""
        angle = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
        return cls(float(matrix[0, 2]), float(matrix[1, 2]), float(np.log(np.hypot(*matrix[:2, 0]))), angle)

    def towards(self, other: Pose, share: float) -> Pose:
        """Return the pose interpolated to another by ``share`` (0..1, or beyond). Angles turn the shorter way."""
        turn = (other.angle - self.angle + np.pi) % (2 * np.pi) - np.pi
        return Pose(
            self.x + share * (other.x - self.x),
            self.y + share * (other.y - self.y),
            self.log_scale + share * (other.log_scale - self.log_scale),
            self.angle + share * turn,
        )


@dataclass(frozen=True)
class Motion:
    """The poses of the object on all requested frames."""

    poses: Mapping[int, Pose]
    scale: float
    """Small pixels per clip pixel."""
    seen: tuple[int, ...]
    """Frames with a visible part of the object, ascending."""

    def between(self, source: int, target: int) -> Affine:
        """Return (2, 3) float64, from clip pixels of frame ``source`` to clip pixels of frame ``target``, for the
        surface.
        """
        if not self.poses:
            return np.eye(2, 3)
        small = self.poses[target].matrix() @ np.linalg.inv(self.poses[source].matrix())
        return resized(small[:2], 1 / self.scale)

    def size_on(self, frame_index: int) -> float:
        """Return the object's size on a frame, relative to its first visible frame."""
        return float(np.exp(self.poses[frame_index].log_scale)) if self.poses else 1.0


def resized(affine: Affine, factor: float) -> Affine:
    """Return the same map between pictures that are ``factor`` times as large."""
    out = affine.copy()
    # the centre of the top left pixel is (0, 0), but scaling keeps the corner of the picture in place
    half = 0.5 * (factor - 1)
    out[:, 2] = affine[:, 2] * factor + half - affine[:, :2] @ np.array([half, half])
    return out


def estimate_motion(
    clip: Clip, modal: Mapping[int, Mask], frame_indices: range | None = None, *, progress: Progress = silent
) -> Motion:
    """Return the motion of the object through ``frame_indices`` (None: the whole clip). Raises Cancelled."""
    frames = frame_indices if frame_indices is not None else range(len(clip))
    ordered = sorted(frames)
    small = SmallFrames(clip)
    stretches: list[dict[int, Pose]] = []
    areas: dict[int, float] = {}
    for done, index in enumerate(ordered):
        progress(done, len(ordered), "motion")
        mask = small.mask(modal[index]) if index in modal else None
        if mask is None or mask.sum() < max(MIN_AREA, SLIVER * max(areas.values(), default=0.0)):
            continue
        areas[index] = float(mask.sum())
        stretch = stretches[-1] if stretches and index - max(stretches[-1]) <= NEAR else None
        if stretch is None:
            stretches.append({index: Pose(*centroid(mask), 0.0, 0.0)})
        else:
            stretch[index] = _next_pose(small, modal, index, mask=mask, poses=stretch)
    poses = _joined(small, modal, stretches, areas=areas)
    return Motion(with_hidden(poses, ordered), small.scale, tuple(sorted(poses)))


def _next_pose(
    small: SmallFrames, modal: Mapping[int, Mask], index: int, *, mask: Mask, poses: Mapping[int, Pose]
) -> Pose:
    """Return the pose on the next frame. Without features it continues the last motion, not the motion of the
    mask's middle.
    """
    last = max(poses)
    steps = [f for f in poses if f < last]
    before = poses[max(steps)] if steps else poses[last]
    guess = np.array([[1, 0, poses[last].x - before.x], [0, 1, poses[last].y - before.y]], np.float64)
    step = follow(small, (last, index), masks=(small.mask(modal[last]), mask), guess=guess)
    return Pose.of(_square(step) @ poses[last].matrix())


def _joined(
    small: SmallFrames, modal: Mapping[int, Mask], stretches: list[dict[int, Pose]], *, areas: Mapping[int, float]
) -> dict[int, Pose]:
    """Return all poses as one set. Stretches on both sides of a gap are matched by their clearest frames."""
    whole: dict[int, Pose] = {}
    for stretch in stretches:
        if whole:
            start = max((f for f in whole if f > max(whole) - LOOK_BACK), key=lambda f: areas[f])
            end = max((f for f in stretch if f < min(stretch) + LOOK_BACK), key=lambda f: areas[f])
            masks = small.mask(modal[start]), small.mask(modal[end])
            guess = matched(small.grey(start), small.grey(end), masks)
            across = guess if guess is None else follow(small, (start, end), masks=masks, guess=guess)
            if across is None:
                across = _shifted(masks)
            turn = _square(across) @ whole[start].matrix() @ np.linalg.inv(stretch[end].matrix())
            whole |= {f: Pose.of(turn @ pose.matrix()) for f, pose in stretch.items()}
        else:
            whole |= stretch
    return whole


def follow(small: SmallFrames, pair: tuple[int, int], *, masks: tuple[Mask, Mask], guess: Affine) -> Affine:
    """Return (2, 3) in small pixels from one visible frame to another: ``guess`` corrected by features of both."""
    start, end = paired(small, pair, masks=masks, guess=guess)
    answer = _similarity(start, end, guess=guess)
    return guess if answer is None else answer


def paired(
    small: SmallFrames, pair: tuple[int, int], *, masks: tuple[Mask, Mask], guess: Affine
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (N, 2) points inside the mask of one visible frame, and their positions inside the mask of another."""
    source, target = pair
    points = _trackable(small.grey(source), masks[0])
    if len(points) < 3:
        return points[:0], points[:0]
    found, ends = _tracked(small.grey(source), small.grey(target), (points, transform(guess, points)))
    good = found & _inside(masks[1], ends)
    return points[good], ends[good]


def _square(affine: Affine) -> Affine:
    return np.vstack([affine, [0, 0, 1]])


def transform(affine: Affine, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (N, 2) points mapped by a (2, 3) matrix."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2], np.float32)


def centroid(mask: Mask) -> tuple[float, float]:
    """Return (x, y) the centroid of a mask that is not empty."""
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def _trackable(grey: npt.NDArray[np.uint8], mask: Mask) -> npt.NDArray[np.float32]:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    where = inner if inner.sum() >= MIN_AREA else mask.astype(np.uint8)
    return opencv.good_corners(grey, MAX_POINTS, quality=0.005, apart=4, where=where)


def _tracked(
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
    starts: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
    """Track points by Lucas-Kanade from (points, guesses); keep those whose backward track returns to the start."""
    points, guesses = starts
    ends, there = opencv.tracked_points(before, after, points, guesses=guesses, winSize=(15, 15), maxLevel=3)
    back, again = opencv.tracked_points(after, before, ends, guesses=points, winSize=(15, 15), maxLevel=3)
    return there & again & (np.linalg.norm(back - points, axis=1) < 1.0), ends


def _inside(mask: Mask, points: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    height, width = mask.shape
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    columns = np.clip(np.round(points[:, 0]).astype(int), 0, width - 1)
    rows = np.clip(np.round(points[:, 1]).astype(int), 0, height - 1)
    return np.asarray(grown[rows, columns] > 0)


def _similarity(start: npt.NDArray[np.float32], end: npt.NDArray[np.float32], *, guess: Affine) -> Affine | None:
    """Return the similarity that most points agree on. Few points only shift ``guess``; None with fewer than three."""
    if len(start) >= MIN_INLIERS:
        cv2.setRNGSeed(0)
        found, inliers = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=RANSAC_PIXELS)
        if found is not None and inliers.sum() >= MIN_INLIERS and 0.5 < np.hypot(*found[:, 0]) < 2:
            return np.asarray(found, np.float64)
    if len(start) < 3:
        return None
    shifted = guess.copy()
    shifted[:, 2] += np.median(end - transform(guess, start), axis=0)
    return shifted


def _shifted(masks: tuple[Mask, Mask]) -> Affine:
    """Return the shift between the centroids of the masks, for frames without features."""
    (x0, y0), (x1, y1) = centroid(masks[0]), centroid(masks[1])
    return np.array([[1.0, 0.0, x1 - x0], [0.0, 1.0, y1 - y0]])


def matched(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], masks: tuple[Mask, Mask]) -> Affine | None:
    """Return the map between distant frames from SIFT features inside both masks; None when too few agree."""
    sift = opencv.sift(400, contrast=0.01)
    (kp0, d0), (kp1, d1) = (
        sift.detectAndCompute(grey, mask.astype(np.uint8)) for grey, mask in zip((before, after), masks, strict=True)
    )
    if d0 is None or d1 is None or len(kp0) < MIN_INLIERS or len(kp1) < MIN_INLIERS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(d0, d1, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < 0.8 * p[1].distance]
    start = np.array([kp0[m.queryIdx].pt for m in good], np.float32).reshape(-1, 2)
    end = np.array([kp1[m.trainIdx].pt for m in good], np.float32).reshape(-1, 2)
    return _similarity(start, end, guess=np.eye(2, 3)) if len(good) >= MIN_INLIERS else None


def with_hidden(poses: Mapping[int, Pose], frames: Sequence[int]) -> dict[int, Pose]:
    """Return poses for every frame: interpolated where the object is hidden, damped beyond its visible frames."""
    if not poses:
        return {}
    seen = sorted(poses)
    whole = dict(poses)
    for before, after in pairwise(seen):
        for index in range(before + 1, after):
            whole[index] = poses[before].towards(poses[after], (index - before) / (after - before))
    for edge, inner, step in ((seen[0], seen[min(2, len(seen) - 1)], -1), (seen[-1], seen[-min(3, len(seen))], 1)):
        whole |= _beyond(poses, (edge, inner), step=step, frames=frames)
    return whole


def _beyond(poses: Mapping[int, Pose], pair: tuple[int, int], *, step: int, frames: Sequence[int]) -> dict[int, Pose]:
    edge, inner = pair
    count = max((step * (f - edge) for f in frames), default=0)
    pace = 0.0 if edge == inner else 1 / abs(edge - inner)
    out, travelled = {}, 0.0
    for k in range(1, count + 1):
        travelled += pace * DAMPING**k
        out[edge + step * k] = poses[inner].towards(poses[edge], 1 + travelled)
    return out
