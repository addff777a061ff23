"""Provides a clip's modal masks and depth to the network, at the builtin engines' small size, read when needed."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.amodal import TRIALS, Soft, clearness_of, may_be_there
from vas_tool.engines.builtin.registration import Affine, Motion, resized
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.learned.evidence import HIDING, Window, evidence, window_around
from vas_tool.engines.learned.poses import world_motion
from vas_tool.types import Clip, Depth, Mask, SizeWH

KEPT = 48
"""Frames whose small outline and depth are kept: those that one frame uses, and a reserve."""

DEPTH_RANGE = 0.2
"""Difference of depth from surely farther to surely nearer than the object."""

IN_FRONT = 0.05
"""Pixels nearer than the object by this much are not used for the camera's motion."""

OVER, BESIDE = 0.15, 0.45
"""Depth is trusted when at least the first share of the pixels over the object, and at most the second share of those
beside it, are nearer than the object. On clips of the occlusion bench, depth in noisy layers has 0.08 to 0.41 nearer
beside the object, the builtin depth 0.49 to 0.70."""

WHOLLY_CLEAR = 0.95
"""An object of which this share is seen has no occluder that could be checked."""


class Follow(Protocol):
    """A function that estimates an object's motion; see ``poses.world_motion``."""

    def __call__(
        self, clip: Clip, modal: Mapping[int, Mask], moving: Callable[[int], Mask], /, *, progress: Progress
    ) -> Motion:
        """Return the object's motion through the clip."""
        ...


@dataclass(frozen=True)
class Source:
    """A clip's frames, masks and depth at the small size. Only a few are kept in memory."""

    small: SmallFrames
    modal: Mapping[int, Mask]
    depth: Mapping[int, Depth]
    own: dict[int, float]
    """frame_index -> median depth of the modal mask, ascending."""

    @classmethod
    def of(
        cls, clip: Clip, modal: Mapping[int, Mask], depth: Mapping[int, Depth], *, progress: Progress = silent
    ) -> Source:
        """Read the depth of the object on every frame. Raises Cancelled."""
        source = cls(SmallFrames(clip), modal, depth, {})
        for done, index in enumerate(sorted(modal)):
            progress(done, len(modal), "depth of the object")
            mask = source.mask(index)
            there = source.depth_of(index) if mask.any() else None
            if there is not None:
                source.own[index] = float(np.median(there[mask]))
        return source

    def depth_of(self, frame_index: int) -> Soft | None:
        """Return the (h, w) depth of a frame; None where there is none."""
        if frame_index not in self.depth:
            return None
        return opencv.resize(self.depth[frame_index], self.small.size_wh, cv2.INTER_AREA)

    def mask(self, frame_index: int) -> Mask:
        """Return the (h, w) modal mask; empty where there is none."""
        if frame_index not in self.modal:
            return np.zeros(self.small.size_wh[::-1], bool)
        return self.small.mask(self.modal[frame_index])

    def own_depth(self, frame_index: int) -> float | None:
        """Return the object's depth on a frame, interpolated between the nearest visible frames if it is hidden
        there.
        """
        if frame_index in self.own:
            return self.own[frame_index]
        known = list(self.own)
        place = bisect_left(known, frame_index)
        near = known[max(0, place - 1) : place + 1]
        return float(np.mean([self.own[f] for f in near])) if near else None

    def moving(self, frame_index: int) -> Mask:
        """Return (h, w) the object, and what is in front of it."""
        depth, own, mask = self.depth_of(frame_index), self.own_depth(frame_index), self.mask(frame_index)
        if depth is None or own is None:
            return mask
        return np.asarray(mask | (depth > own + IN_FRONT))


class ClipViews:
    """``evidence.Views`` of a clip. Memory grows with its length only by a few numbers per frame."""

    def __init__(self, source: Source, motion: Motion) -> None:
        self._source, self._motion = source, motion
        self.size_wh: SizeWH = source.small.size_wh
        self.scale = source.small.scale
        self.seen = motion.seen
        self.clearness = clearness_of(source.small, source.modal, motion)
        self._kept: OrderedDict[tuple[str, int], npt.NDArray[np.uint8]] = OrderedDict()
        self.trusted = False
        self.trusted = self._depth_is_trusted()

    @classmethod
    def of(
        cls,
        clip: Clip,
        modal: Mapping[int, Mask],
        depth: Mapping[int, Depth],
        *,
        follow: Follow = world_motion,
        progress: Progress = silent,
    ) -> ClipViews:
        """Estimate the object's motion through the clip. Raises Cancelled."""
        source = Source.of(clip, modal, depth, progress=progress)
        return cls(source, follow(clip, modal, source.moving, progress=progress))

    def outline(self, frame_index: int) -> Soft:
        """Return the (h, w) modal mask, 0..1."""
        modal = self._source.modal
        if frame_index not in modal:
            return np.zeros(self.size_wh[::-1], np.float32)
        return self._held("outline", frame_index, lambda: self._source.small.soft(modal[frame_index]))

    def nearer(self, frame_index: int) -> Soft:
        """Return (h, w) the nearness (see ``evidence.Views``); 0.5 everywhere if there is no depth."""
        return self._held("nearer", frame_index, lambda: self._nearness(frame_index))

    def between(self, source: int, target: int) -> Affine:
        """Return (2, 3): small pixels of one frame to those of another."""
        return resized(self._motion.between(source, target), self.scale)

    def inside(self, frame_index: int) -> Soft:
        """Return (h, w) ones: beyond the frame of a real clip there are no pixels."""
        return np.ones(self.size_wh[::-1], np.float32)

    def is_informative(self, frame_index: int) -> bool:
        """Return whether the frame has a modal mask, and the object is seen there or may be hidden."""
        return frame_index in self._source.modal and self.may_be_there(frame_index)

    def may_be_there(self, frame_index: int) -> bool:
        """Return whether the object may be present: between two visible frames, or soon after it went behind
        something.
        """
        return frame_index in self._motion.poses and may_be_there(self._motion, self.clearness, frame_index)

    def _nearness(self, frame_index: int) -> Soft:
        depth = self._source.depth_of(frame_index)
        own = self._source.own_depth(frame_index)
        if depth is None or own is None:
            return np.full(self.size_wh[::-1], 0.5, np.float32)
        return np.asarray(np.clip(0.5 + (depth - own) / DEPTH_RANGE, 0, 1), np.float32)

    def _held(self, what: str, frame_index: int, make: Callable[[], Soft]) -> Soft:
        key = (what, frame_index)
        if key not in self._kept:
            self._kept[key] = np.round(255 * make()).astype(np.uint8)
            while len(self._kept) > 2 * KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key].astype(np.float32) / np.float32(255)

    def _depth_is_trusted(self) -> bool:
        """Return whether depth shows what hides the object: pixels over it are often nearer, pixels beside it rarely.

        Otherwise depth in a wrong order would exclude every hidden part. The check uses frames of the whole clip,
        whichever frames are completed, so that a part of the clip has the same result as the whole.
        """
        frames = [f for f in self.seen if f in self._source.own and self.clearness[f] < WHOLLY_CLEAR]
        over, beside = _Share(), _Share()
        for index in frames[:: max(1, len(frames) // TRIALS)]:
            window = window_around(self, index)
            if window is not None:
                self._count_nearer(index, window, over=over, beside=beside)
        return over.share >= OVER and beside.share <= BESIDE

    def _count_nearer(self, frame_index: int, window: Window, *, over: _Share, beside: _Share) -> None:
        """Count nearer pixels: where the object was just seen or soon will be, and beside it, where it never is."""
        known = evidence(self, frame_index, window)
        resolution = known.picture.shape[-1]
        there = cv2.warpAffine(self.nearer(frame_index), window.affine(resolution), (resolution, resolution))
        seen, inside = known.picture[0] >= 0.5, known.picture[2] < 0.5
        outside = inside & ~_grown(seen, 3)
        before, after = known.candidates[-2:]
        over.count(there > HIDING[0], outside & (np.maximum(before, after) > 0.9))
        beside.count(there > HIDING[0], outside & (np.maximum(before, after) < 0.05) & _grown(seen, 11))


@dataclass
class _Share:
    """Counts a share of pixels."""

    num_nearer: int = 0
    num_pixels: int = 0

    def count(self, num_nearer: Mask, num_pixels: Mask) -> None:
        self.num_nearer += int((num_nearer & num_pixels).sum())
        self.num_pixels += int(num_pixels.sum())

    @property
    def share(self) -> float:
        return self.num_nearer / self.num_pixels if self.num_pixels else 0.0


def _grown(mask: Mask, width: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((width, width), np.uint8)) > 0
