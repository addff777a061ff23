"""Drawn objects behind drawn occluders, with the errors of registration, tracking and depth on real clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from vas_tool.engines.builtin.amodal import Soft
from vas_tool.engines.builtin.registration import Affine
from vas_tool.engines.learned.evidence import RESOLUTION, Evidence, Window, evidence, window_around
from vas_tool.training.drawn_camera import DrawnCamera, Poses
from vas_tool.training.measurement_noise import DepthNoise, Layer, drift, tracked
from vas_tool.training.scene_objects import Covered, SceneObject, course, farther, nearer
from vas_tool.training.shapes import NUM_FRAMES, SIDE, SIZE, Masks, Random, drawn
from vas_tool.types import SizeWH

LEAST_HIDDEN, MOST_HIDDEN = 0.08, 0.75
"""Least and greatest hidden share of an object over its clip."""

TRIES = 12
MOST_GONE = 12
"""Most frames that show nothing of the object."""

UNTRUSTED = 0.2
"""Share of the clips with useless depth."""

TARGETS = 5
"""Number of frames of each clip that are used for training."""


@dataclass
class DrawnViews:
    """An object in a drawn clip, as the source of the network's input (``learned.evidence.Views``)."""

    truth: Masks
    outlines: Masks
    nearness: Masks
    poses: Poses
    """Maps from the object to the picture as registration finds them: those of the camera, with drift."""
    trusted: bool
    within: Masks
    """The pixels inside the frame."""
    size_wh: SizeWH = (SIDE, SIDE)
    clearness: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        areas = self.outlines.sum(axis=(1, 2))
        largest = max(areas.max(), 1e-6)
        self.clearness = {i: float(a / largest) for i, a in enumerate(areas) if a > max(20, 0.03 * largest)}

    def outline(self, frame_index: int) -> Soft:
        """Return the (h, w) modal mask, 0..1."""
        return np.asarray(self.outlines[frame_index])

    def nearer(self, frame_index: int) -> Soft:
        """Return (h, w) the nearness: 0.5 at the object's depth, more in front of it."""
        return np.asarray(self.nearness[frame_index])

    def between(self, source: int, target: int) -> Affine:
        """Return (2, 3) the map that registration would find."""
        return np.asarray((self.poses[target] @ np.linalg.inv(self.poses[source]))[:2])

    @property
    def seen(self) -> list[int]:
        """Frames with a visible part of the object, ascending."""
        return list(self.clearness)

    def inside(self, frame_index: int) -> Soft:
        """Return (h, w): 1 in the frame, 0 beyond it."""
        return np.asarray(self.within[frame_index])

    def is_informative(self, frame_index: int) -> bool:
        """Return whether the frame is between the first and the last visible frame."""
        return bool(self.clearness) and min(self.clearness) <= frame_index <= max(self.clearness)


@dataclass(frozen=True)
class Sample:
    """One frame to learn from."""

    evidence: Evidence
    truth: Soft
    """(R, R) the whole object in the window."""


def samples(random: Random) -> Iterator[Sample]:
    """Yield TARGETS frames of one drawn clip."""
    views = scene(random)
    hidden = (views.truth - views.outlines).sum(axis=(1, 2))
    gone = np.array([i not in views.clearness for i in range(NUM_FRAMES)])
    weights = np.where(hidden > 25, 1.0 + 1.5 * gone, 0.05)
    for index in random.choice(NUM_FRAMES, min(TARGETS, NUM_FRAMES), replace=False, p=weights / weights.sum()):
        around = window_around(views, int(index))
        if around is not None:
            window = unsteady(around, random)
            cut = window.affine(RESOLUTION)
            truth = cv2.warpAffine(views.truth[index], cut, (RESOLUTION, RESOLUTION), flags=cv2.INTER_LINEAR)
            yield Sample(evidence(views, int(index), window), np.asarray(truth, np.float32))


def unsteady(window: Window, random: Random) -> Window:
    """Return the window slightly larger or smaller, because real windows vary with their boxes."""
    side = window.side * random.uniform(0.92, 1.15)
    shift = (window.side - side) / 2 + random.normal(0, 0.02 * side, 2)
    return Window(window.left + shift[0], window.top + shift[1], side)


def scene(random: Random, *, beyond: Covered | None = None) -> DrawnViews:
    """Return a clip with an object of which 8 to 75 % is hidden, with objects in front and behind, in a camera's
    picture.

    ``beyond`` is (T, SIDE, SIDE) bool, the pixels beyond the frame; None draws them.
    """
    while True:
        camera = DrawnCamera.drawn(random)
        truth = camera.seen(drawn(random))
        behind = farther(random, camera)
        for _ in range(TRIES):
            front = nearer(random, camera)
            outside = _frame_edge(random) if beyond is None else beyond
            seen = truth * ~(_covered(front) | outside)
            if _fits(truth, seen):
                return _views(_DrawnClip(camera, truth, seen, (behind, front), outside), random)


@dataclass(frozen=True)
class _DrawnClip:
    """A drawn clip without errors of measurement."""

    camera: DrawnCamera
    truth: Masks
    seen: Masks
    objects: tuple[list[SceneObject], list[SceneObject]]
    """Farther, the farthest first, and nearer."""
    beyond: Covered
    """The pixels beyond the frame."""


def _covered(objects: list[SceneObject]) -> Covered:
    return np.asarray(np.logical_or.reduce([obj.covered for obj in objects]))


def _fits(truth: Masks, seen: Masks) -> bool:
    hidden = 1 - seen.sum() / max(truth.sum(), 1)
    gone = (seen.sum(axis=(1, 2)) < 20).sum()
    return bool(LEAST_HIDDEN <= hidden <= MOST_HIDDEN and gone <= MOST_GONE)


def _views(clip: _DrawnClip, random: Random) -> DrawnViews:
    trusted = bool(random.random() > UNTRUSTED)
    behind, front = clip.objects
    look = DepthNoise.drawn(random)
    nearness = np.stack(
        [look.nearness(clip.seen[i], (_layers(behind, i), _layers(front, i)), random) for i in range(NUM_FRAMES)]
    )
    outlines = tracked(clip.seen, random)
    poses = clip.camera.poses @ drift(clip.truth, _covered(front) | clip.beyond, random)
    return DrawnViews(clip.truth, outlines, nearness, poses, trusted, (~clip.beyond).astype(np.float32))


def _layers(objects: list[SceneObject], frame_index: int) -> list[Layer]:
    return [(obj.height, obj.covered[frame_index]) for obj in objects]


def _frame_edge(random: Random) -> Covered:
    """Return (T, SIDE, SIDE) the pixels beyond the frame; mostly none."""
    beyond = np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    if random.random() < 0.8:
        return beyond
    path = course(random, 0.6 * SIZE) + random.uniform(0.4, 1.2) * SIZE
    for i in range(NUM_FRAMES):
        beyond[i, :, max(0, round(SIDE / 2 + path[i])) :] = True
    return np.rot90(beyond, int(random.integers(4)), axes=(1, 2))
