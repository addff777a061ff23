"""Estimates the poses of the object's surface in the world: the camera's motion is removed first.

It uses the features and the matching of ``builtin.registration``. In contrast to it, motion that cannot be tracked
continues as before in the world, not in the picture: over gaps, with few features, and before and after the visible
frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin import registration
from vas_tool.engines.builtin.registration import Affine, Motion, Pose
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.learned.camera_motion import camera_paths
from vas_tool.masks import iou
from vas_tool.types import Clip, Mask

AGREEING = 0.4
"""Share of the points that must agree on a similarity."""

FEW = 3
"""Number of agreeing points that may shift the guess."""

NUDGE = 0.1
"""Share of the object's size: a larger shift of few points is ignored."""

WORSE = 0.03
"""A correction is ignored if the outline then covers less of the modal mask by this share."""

ALIKE = 0.35
"""Similarity (see ``_likeness``) from which a pose after a gap is accepted; below, the motion continues."""

CLEAR = 0.7
"""If this share of the area before a gap is seen after it, the outline's middle gives the object's position."""

PACE_FRAMES = 4
"""Number of frames over which the object's speed in the world is measured."""


@dataclass(frozen=True)
class _PoseInputs:
    """The inputs for estimating poses."""

    small: SmallFrames
    modal: Mapping[int, Mask]
    camera: Mapping[int, Affine]
    areas: dict[int, float]


def world_motion(
    clip: Clip,
    modal: Mapping[int, Mask],
    moving: Callable[[int], Mask],
    *,
    progress: Progress = silent,
) -> Motion:
    """Return the object's motion; ``moving`` is that of ``camera_motion.camera_paths``. Raises Cancelled."""
    small = SmallFrames(clip)
    frames = range(len(clip))
    known = _PoseInputs(small, modal, camera_paths(small, frames, moving, progress=progress), {})
    stretches: list[dict[int, Pose]] = []
    unseen = 0  # consecutive frames with an empty modal mask
    for done, index in enumerate(frames):
        progress(done, len(frames), "motion")
        mask = small.mask(modal[index]) if index in modal else None
        if mask is None or mask.sum() < _least(known.areas):
            unseen += mask is not None
            continue
        known.areas[index] = float(mask.sum())
        near = stretches and unseen < registration.NEAR and index - max(stretches[-1]) < registration.LOOK_BACK
        stretch, unseen = stretches[-1] if near else None, 0
        alone = {index: Pose(*registration.centroid(mask), 0.0, 0.0)}
        if stretch is None:
            stretches.append(alone)
        elif index - max(stretch) > registration.NEAR:  # the frames between have no modal mask
            stretch |= _joined(known, stretch, alone)
        else:
            guess = _expected(known, stretch, index)
            stretch[index] = _corrected(known, stretch, (max(stretch), index), guess=guess)
    poses: dict[int, Pose] = {}
    for stretch in stretches:
        clear = _from_clear(known, stretch)
        poses |= _joined(known, poses, clear) if poses else clear
    return Motion(_everywhere(known, poses, frames), small.scale, tuple(sorted(poses)))


def _least(areas: Mapping[int, float]) -> float:
    return max(registration.MIN_AREA, registration.SLIVER * max(areas.values(), default=0.0))


def _from_clear(known: _PoseInputs, stretch: Mapping[int, Pose]) -> dict[int, Pose]:
    """Return the stretch tracked again, backwards from its first clear frame, because a reappearing sliver is
    unreliable.
    """
    clear = max((f for f in stretch if f < min(stretch) + registration.LOOK_BACK), key=lambda f: known.areas[f])
    poses = {f: pose for f, pose in stretch.items() if f >= clear}
    for index in sorted((f for f in stretch if f < clear), reverse=True):
        guess = _expected(known, poses, index)
        poses[index] = _corrected(known, poses, (min(poses), index), guess=guess)
    return poses


def _joined(known: _PoseInputs, poses: Mapping[int, Pose], stretch: Mapping[int, Pose]) -> dict[int, Pose]:
    """Return a stretch after a gap in the poses of the frames before it, by comparing the clearest frames of both
    sides.

    Candidates are: the motion continues, it slows down, the outline's middle, and matched features. The one with the
    most similar appearance is used. If none is similar, the outline that fits best is used if the frame is clear;
    otherwise the motion slows down.
    """
    source = max((f for f in poses if f > max(poses) - registration.LOOK_BACK), key=lambda f: known.areas[f])
    target = max((f for f in stretch if f < min(stretch) + registration.LOOK_BACK), key=lambda f: known.areas[f])
    guesses = _guesses(known, poses, stretch, pair=(source, target))
    tried = [_corrected(known, poses, (source, target), guess=guess) for guess in guesses]
    likeness = [_likeness(known, poses, (source, target), pose=pose) for pose in tried]
    best = int(np.argmax(likeness))
    clear = known.areas[target] >= CLEAR * known.areas[source]
    fitting = max(guesses[:3], key=lambda pose: _overlap(known, poses, (source, target), pose=pose))
    chosen = tried[best] if likeness[best] >= ALIKE else fitting if clear else guesses[1]
    turn = chosen.matrix() @ np.linalg.inv(stretch[target].matrix())
    return {f: Pose.of(turn @ pose.matrix()) for f, pose in stretch.items()}


def _guesses(
    known: _PoseInputs, poses: Mapping[int, Pose], stretch: Mapping[int, Pose], *, pair: tuple[int, int]
) -> list[Pose]:
    """Return candidate poses on the second frame of a pair: continued, slowed down, by the middle, by matched
    features.
    """
    source, target = pair
    first = min(stretch)
    since = stretch[target].matrix() @ np.linalg.inv(stretch[first].matrix())
    expected = (_expected(known, poses, first, damping=damping) for damping in (1.0, registration.DAMPING))
    masks = known.small.mask(known.modal[source]), known.small.mask(known.modal[target])
    (x0, y0), (x1, y1) = (registration.centroid(mask) for mask in masks)
    here = poses[source]
    out = [Pose.of(since @ pose.matrix()) for pose in expected]
    out.append(Pose(here.x + x1 - x0, here.y + y1 - y0, here.log_scale, here.angle))
    found = registration.matched(known.small.grey(source), known.small.grey(target), masks)
    return out if found is None else [*out, Pose.of(np.vstack([found, [0, 0, 1]]) @ here.matrix())]


def _overlap(known: _PoseInputs, poses: Mapping[int, Pose], pair: tuple[int, int], *, pose: Pose) -> float:
    """Return the IoU of the second frame's modal mask and the first frame's registered outline."""
    source, target = pair
    step = (pose.matrix() @ np.linalg.inv(poses[source].matrix()))[:2]
    masks = known.small.mask(known.modal[source]), known.small.mask(known.modal[target])
    return iou(_warped_mask(masks[0].astype(np.uint8), step), masks[1])


def _likeness(known: _PoseInputs, poses: Mapping[int, Pose], pair: tuple[int, int], *, pose: Pose) -> float:
    """Return the correlation of the object's pixels on both frames, -1..1, times the covered share of the outline."""
    source, target = pair
    step = (pose.matrix() @ np.linalg.inv(poses[source].matrix()))[:2]
    masks = known.small.mask(known.modal[source]), known.small.mask(known.modal[target])
    grey, there = known.small.grey(source), known.small.grey(target)
    both = _warped_mask(masks[0].astype(np.uint8), step) & masks[1]
    if both.sum() < registration.MIN_AREA:
        return -1.0
    pixels = _brought_grey(grey, step)[both], there[both].astype(np.float64)
    spread = pixels[0].std() * pixels[1].std()
    alike = float(np.mean((pixels[0] - pixels[0].mean()) * (pixels[1] - pixels[1].mean())) / max(spread, 1e-6))
    return alike * float(both.sum() / masks[1].sum())


def _corrected(known: _PoseInputs, poses: Mapping[int, Pose], pair: tuple[int, int], *, guess: Pose) -> Pose:
    """Return a guessed pose on the second frame of a pair, corrected by features of both frames."""
    source, target = pair
    masks = known.small.mask(known.modal[source]), known.small.mask(known.modal[target])
    across = (guess.matrix() @ np.linalg.inv(poses[source].matrix()))[:2]
    points = registration.paired(known.small, pair, masks=masks, guess=across)
    step = _step(points, across, size=float(np.sqrt(max(known.areas.values()))))
    if _covered(masks, step) < _covered(masks, across) - WORSE:
        step = across
    return Pose.of(np.vstack([step, [0, 0, 1]]) @ poses[source].matrix())


def _step(points: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]], guess: Affine, *, size: float) -> Affine:
    """Return (2, 3): the similarity of many agreeing points, the small shift of a few, or else the guess."""
    start, end = points
    if len(start) >= registration.MIN_INLIERS:
        cv2.setRNGSeed(0)
        found, agree = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=registration.RANSAC_PIXELS)
        if found is not None and 0.5 < np.hypot(*found[:, 0]) < 2:
            leap = 1 + (
                _apart(np.asarray(found, np.float64), guess, start) > NUDGE * size
            )  # a result far from the guess needs twice as many points
            if agree.sum() >= leap * max(registration.MIN_INLIERS, AGREEING * len(start)):
                return np.asarray(found, np.float64)
    if len(start) < FEW:
        return guess
    off = end - registration.transform(guess, start)
    shift = np.median(off, axis=0)
    together = np.linalg.norm(off - shift, axis=1) < registration.RANSAC_PIXELS
    if together.mean() < 0.6 or np.hypot(*shift) > NUDGE * size:
        return guess
    shifted = guess.copy()
    shifted[:, 2] += shift
    return shifted


def _covered(masks: tuple[Mask, Mask], step: Affine) -> float:
    """Return the share of the second frame's modal mask that the first frame's registered outline covers."""
    return float((_warped_mask(masks[0].astype(np.uint8), step) & masks[1]).sum() / masks[1].sum())


def _warped_mask(mask: npt.NDArray[np.uint8], step: Affine) -> Mask:
    return cv2.warpAffine(mask, step, mask.shape[::-1], flags=cv2.INTER_NEAREST) > 0


def _brought_grey(grey: npt.NDArray[np.uint8], step: Affine) -> npt.NDArray[np.float64]:
    return cv2.warpAffine(grey, step, grey.shape[::-1], flags=cv2.INTER_LINEAR).astype(np.float64)


def _apart(found: Affine, guess: Affine, points: npt.NDArray[np.float32]) -> float:
    there = registration.transform(found, points) - registration.transform(guess, points)
    return float(np.linalg.norm(there.mean(axis=0)))


# --- in the world -----------------------------------------------------------------------------------------------------


def _in_world(known: _PoseInputs, pose: Pose, index: int) -> Pose:
    return Pose.of(known.camera[index] @ pose.matrix())


def _in_picture(known: _PoseInputs, pose: Pose, index: int) -> Pose:
    return Pose.of(np.linalg.inv(known.camera[index]) @ pose.matrix())


def _expected(
    known: _PoseInputs, poses: Mapping[int, Pose], index: int, *, damping: float = registration.DAMPING
) -> Pose:
    """Return the pose in the picture after or before all poses: the world motion continues, each step shortened by
    ``damping``.
    """
    after = index > max(poses)
    last = max(poses) if after else min(poses)
    here = _in_world(known, poses[last], last)
    near = [f for f in range(last - PACE_FRAMES, last + PACE_FRAMES + 1) if f in poses]
    before = min(near) if after else max(near)
    if before == last:
        return _in_picture(known, here, index)
    ahead = sum(damping**k for k in range(1, abs(index - last) + 1))
    there = _in_world(known, poses[before], before).towards(here, 1 + ahead / abs(last - before))
    return _in_picture(known, Pose(there.x, there.y, here.log_scale, here.angle), index)


def _everywhere(known: _PoseInputs, poses: Mapping[int, Pose], frames: Sequence[int]) -> dict[int, Pose]:
    """Return poses for every frame, interpolated and continued in the world."""
    world = {f: _in_world(known, pose, f) for f, pose in poses.items()}
    carried = registration.with_hidden(world, frames)
    return {f: poses.get(f) or _in_picture(known, pose, f) for f, pose in carried.items()}
