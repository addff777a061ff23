"""Amodal masks without a network: outlines of the frames where the object is clearest are registered, and they vote.

A part of the object that no frame shows stays missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.box_outlines import BoxOutlines
from vas_tool.engines.builtin.registration import Affine, Motion, estimate_motion, follow, resized
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.settings import checked
from vas_tool.types import AmodalBox, Canvas, Depth, Mask
from vas_tool.work import AmodalWork

Soft = npt.NDArray[np.float32]
"""(h, w) float32, 0..1: coverage of a pixel, or confidence."""

REFERENCES = 6
"""Number of outlines that vote on a frame."""

CANDIDATES = 24
"""Number of clearest frames, spread over the clip, from which the voters are chosen."""

NEAR_FRAMES = 10.0
"""Frames: distance in time at which an outline's weight is 1/e. Objects change shape as they move."""

AGREEMENT_POWER = 4.0
"""Exponent by which an outline that does not cover the modal mask loses weight."""

THRESHOLD = 0.5
DEPTH_MARGIN = 0.03
"""Depth is noisy: something that is farther than the object by this much may still hide it."""

UNKNOWN = 0.08
"""Weight of an outline's absence at a pixel where something may have hidden the object in that frame."""

UNTRUSTED_ABSENCE = 0.7
"""Weight of an outline's absence at every pixel, if depth cannot say where something may have hidden the object."""

TRUST = 0.62
"""Share of the hidden pixels with strong votes that must be nearer than the object before depth may exclude pixels."""

TRIALS = 8
"""This check uses at least this many frames, and less than twice as many, evenly over the clip."""

SLIVER = 3
"""Small pixels: hidden parts thinner than this come from imprecise registration."""

CARRY_FRAMES = 4
"""Frames, half a second at 8 FPS: for how long the outline of an object that went behind something is continued."""

GOING_HIDDEN = 0.75
"""An object went behind something if less than this share of it was seen last."""


@dataclass(frozen=True)
class _Scene:
    """The inputs of the votes."""

    small: SmallFrames
    modal: Mapping[int, Mask]
    depth: Mapping[int, Depth]
    motion: Motion
    canvas: Canvas
    clearness: Mapping[int, float]
    """Frame with a modal mask -> its modal area at the object's size on the first such frame, relative to the
    largest."""
    candidates: Sequence[int]
    trusted: bool = False
    """Whether depth decides what can hide the object (see ``_depth_is_trusted``)."""

    @property
    def padding(self) -> tuple[int, int]:
        """Padding of the canvas left of and above the frame, in small pixels."""
        return round(self.canvas.pad_left * self.small.scale), round(self.canvas.pad_top * self.small.scale)

    @property
    def work_wh(self) -> tuple[int, int]:
        """(width, height) of the canvas, in small pixels."""
        width, height = self.canvas.size_wh
        return max(1, round(width * self.small.scale)), max(1, round(height * self.small.scale))


class BuiltinAmodal:
    """Registered outlines that vote. Deterministic: the seed has no effect.

    On a frame without a visible part between two frames with one, the outline follows the interpolated motion. Before
    the first and after the last visible frame it is continued for at most half a second, and only if the object went
    behind something there; otherwise the mask is empty.
    """

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) in the order of the work. Masks cover the modal masks. Raises
        Cancelled.
        """
        checked((), work.settings, engine="builtin")
        scene = _survey(work, self.follow(work, progress=progress))
        scene = replace(scene, trusted=_depth_is_trusted(scene))
        for done, index in enumerate(work.frame_indices):
            progress(done, len(work.frame_indices), "amodal masks")
            yield index, _whole(scene, index)

    def follow(self, work: AmodalWork, *, progress: Progress) -> Motion:
        """Return the object's motion through the clip. Raises Cancelled."""
        return estimate_motion(work.clip, work.modal, progress=progress)

    def outlines(
        self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas
    ) -> Callable[[int], Mask]:
        """Return outlines that are stretched from box to box, for frames with wrong registration
        (``base.BoxReader``).
        """
        return BoxOutlines(modal, boxes, canvas=canvas)


def _survey(work: AmodalWork, motion: Motion) -> _Scene:
    small = SmallFrames(work.clip)
    clearness = clearness_of(small, work.modal, motion)
    return _Scene(small, work.modal, work.depth, motion, work.canvas, clearness, _spread(clearness))


def clearness_of(small: SmallFrames, modal: Mapping[int, Mask], motion: Motion) -> dict[int, float]:
    """Return, for each frame with a modal mask, its area at the object's size on the first such frame, 0..1 of the
    largest.
    """
    areas = {f: float(small.soft(modal[f]).sum()) / motion.size_on(f) ** 2 for f in motion.seen}
    largest = max(areas.values(), default=1.0)
    return {f: area / largest for f, area in areas.items()}


def _spread(clearness: Mapping[int, float]) -> list[int]:
    """Return the clearest frame of each of CANDIDATES equal parts of the clip, and the clearest of all."""
    if not clearness:
        return []
    first, last = min(clearness), max(clearness) + 1
    edges = np.linspace(first, last, CANDIDATES + 1)
    parts = [[f for f in clearness if low <= f < high] for low, high in pairwise(edges)]
    return sorted({max(part, key=lambda f: clearness[f]) for part in parts if part})


# --- one frame --------------------------------------------------------------------------------------------------------


def _whole(scene: _Scene, index: int) -> Mask:
    """Return (canvas H, W) the modal mask with the hidden part of the object."""
    full = np.zeros(scene.canvas.size_wh[::-1], dtype=bool)
    seen = index in scene.modal and index in scene.motion.poses
    if index in scene.modal:
        full[scene.canvas.window] = scene.modal[index]
    if seen and may_be_there(scene.motion, scene.clearness, index):
        votes = _votes(scene, index)
        if scene.trusted and index in scene.depth:
            votes = np.where(_can_hide(scene, index), votes, 0).astype(np.float32)
        full |= _hidden(scene, index, votes)
    return full


def may_be_there(motion: Motion, clearness: Mapping[int, float], index: int) -> bool:
    """Return whether the object may be present: between two visible frames, or soon after it went behind something."""
    seen = motion.seen
    if not seen:
        return False
    edge = seen[-1] if index > seen[-1] else seen[0] if index < seen[0] else None
    return edge is None or (abs(index - edge) <= CARRY_FRAMES and clearness[edge] < GOING_HIDDEN)


def _votes(scene: _Scene, index: int) -> Soft:
    """Return (canvas h, w), small: the weighted share of outlines that cover each pixel."""
    here = _placed(scene, scene.small.soft(scene.modal[index]))
    seen = here >= THRESHOLD
    total, weights = np.zeros_like(here), np.full_like(here, 1e-6)
    for reference in _voters(scene, index):
        outline, known = _brought(scene, reference, index)
        weight = scene.clearness[reference] ** 2 * float(np.exp(-abs(reference - index) / NEAR_FRAMES))
        if seen.any():
            weight *= float(outline[seen].mean()) ** AGREEMENT_POWER
        total += weight * outline
        weights += weight * known
    return np.asarray(np.minimum(total / weights, 1), np.float32)


def _voters(scene: _Scene, index: int) -> list[int]:
    """Return the candidates that are clear and near in time, without the frame itself."""

    def worth(frame: int) -> float:
        return scene.clearness[frame] ** 2 * float(np.exp(-abs(frame - index) / NEAR_FRAMES))

    others = [f for f in scene.candidates if f != index]
    return sorted(others, key=worth, reverse=True)[:REFERENCES]


def _brought(scene: _Scene, source: int, target: int) -> tuple[Soft, Soft]:
    """Return the outline of frame ``source`` registered on frame ``target``, and its weight at each pixel; small
    canvas.

    The weight is low where something may have hidden the object in the source frame.
    """
    motion = _refined(scene, source, target)
    left, top = scene.padding
    motion = motion.copy()
    motion[:, 2] += (left, top)
    outline = scene.small.soft(scene.modal[source])
    known = np.full_like(outline, 1.0 if scene.trusted else UNTRUSTED_ABSENCE)
    if scene.trusted and source in scene.depth:
        hiding = _hiding(scene, source)
        known[cv2.dilate(hiding.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = UNKNOWN
    known = np.maximum(known, outline)
    brought, sure = (opencv.warp_affine(picture, motion, scene.work_wh) for picture in (outline, known))
    return brought, np.maximum(sure, np.float32(UNKNOWN))


def _refined(scene: _Scene, source: int, target: int) -> Affine:
    """Return the chained motion, corrected by features that both frames show, because chains drift."""
    guess = resized(scene.motion.between(source, target), scene.small.scale)
    masks = scene.small.mask(scene.modal[source]), scene.small.mask(scene.modal[target])
    if target not in scene.motion.seen or not masks[1].any():
        return guess
    found = follow(scene.small, (source, target), masks=masks, guess=guess)
    far = np.abs(found - guess)[:, 2].max() > 0.1 * max(scene.small.size_wh)
    return guess if far else found


# --- where something can hide it ----------------------------------------------------------------------------------


def _can_hide(scene: _Scene, index: int) -> Mask:
    """Return (canvas h, w) where something can hide the object: nearer, beyond the frame, or unknown."""
    return _placed(scene, _hiding(scene, index).astype(np.float32), fill=1.0) > 0.5


def _hiding(scene: _Scene, index: int) -> Mask:
    """Return (h, w) where the depth of a frame allows something in front of the object."""
    nearness = cv2.resize(scene.depth[index], scene.small.size_wh, interpolation=cv2.INTER_AREA)
    own = _own_depth(scene, index)
    return nearness > own - DEPTH_MARGIN if own is not None else np.ones(nearness.shape, bool)


def _own_depth(scene: _Scene, index: int) -> float | None:
    """Return the median depth of the modal mask; from the nearest visible frames if the object is hidden here."""
    seen = scene.motion.seen
    near = sorted((f for f in seen if f in scene.depth), key=lambda f: abs(f - index))
    use = near[:1] if near and near[0] == index else near[:2]
    medians = []
    for frame in use:
        depth = cv2.resize(scene.depth[frame], scene.small.size_wh, interpolation=cv2.INTER_AREA)
        mask = scene.small.mask(scene.modal[frame])
        medians.append(float(np.median(depth[mask])))
    return float(np.mean(medians)) if medians else None


def _depth_is_trusted(scene: _Scene) -> bool:
    """Return whether depth agrees with the votes: pixels that they strongly call hidden must mostly be nearer.

    Otherwise depth in a wrong order would exclude every hidden part. The check uses frames of the whole clip, whichever
    frames are completed, so that a part of the clip has the same result as the whole.
    """
    frames = [f for f in scene.motion.seen if f in scene.depth and scene.clearness[f] < 0.9]
    nearer, counted = 0, 0
    for index in frames[:: max(1, len(frames) // TRIALS)]:
        here = _placed(scene, scene.small.soft(scene.modal[index])) >= THRESHOLD
        grown = cv2.dilate(here.astype(np.uint8), np.ones((2 * SLIVER + 1,) * 2, np.uint8)) > 0
        hidden = (_votes(scene, index) > 0.9) & ~grown
        nearer += int((_can_hide(scene, index) & hidden).sum())
        counted += int(hidden.sum())
    return counted > 0 and nearer / counted >= TRUST


# --- sizes ----------------------------------------------------------------------------------------------------------


def _hidden(scene: _Scene, index: int, votes: Soft) -> Mask:
    """Return (canvas H, W) the voted outline at full size, without slivers along the modal mask."""
    seen = _placed(scene, scene.small.soft(scene.modal[index])) >= THRESHOLD
    hidden = ((votes >= THRESHOLD) & ~seen).astype(np.uint8)
    solid = cv2.morphologyEx(hidden, cv2.MORPH_OPEN, np.ones((SLIVER, SLIVER), np.uint8))
    # restore what the opening removed from the border of a solid part
    keep = cv2.dilate(solid, np.ones((SLIVER, SLIVER), np.uint8)) > 0
    wanted = np.where(keep | seen, np.maximum(votes, seen), 0).astype(np.float32)
    return (
        cv2.resize(wanted, scene.canvas.size_wh, interpolation=cv2.INTER_CUBIC) >= THRESHOLD
        if keep.any()
        else (np.zeros(scene.canvas.size_wh[::-1], dtype=bool))
    )


def _placed(scene: _Scene, frame: Soft, fill: float = 0.0) -> Soft:
    """Return a small picture of the frame placed on the small canvas."""
    width, height = scene.work_wh
    left, top = scene.padding
    out = np.full((height, width), fill, np.float32)
    rows, columns = min(frame.shape[0], height - top), min(frame.shape[1], width - left)
    out[top : top + rows, left : left + columns] = frame[:rows, :columns]
    return out
