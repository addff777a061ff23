"""Amodal masks without a network: outlines from the frames where the object is clearest, brought over and voted.

Nothing is guessed that no frame shows. Where the clip never shows a part of the object, it stays missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.box_outlines import BoxOutlines
from vas_tool.engines.builtin.registration import Affine, Motion, estimate_motion, follow, resized
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.settings import checked
from vas_tool.types import AmodalBox, Canvas, Depth, Mask
from vas_tool.work import AmodalWork

Soft = npt.NDArray[np.float32]
"""(h, w) float32 in 0..1: how much of a pixel, or how sure."""

REFERENCES = 6
"""Outlines that vote on a frame."""

CANDIDATES = 24
"""Of the clearest frames, spread over the clip, from which the voters are taken."""

NEAR_FRAMES = 10.0
"""Distance in time at which an outline counts 1/e: things change their form as they move."""

AGREEMENT_POWER = 4.0
"""How steeply an outline that does not cover what is seen here loses its vote."""

THRESHOLD = 0.5
DEPTH_MARGIN = 0.03
"""Depth is noisy: this much farther than the object may still hide it."""

UNKNOWN = 0.08
"""How much a frame's outline counts against a pixel that something may have hidden there."""

UNTRUSTED_ABSENCE = 0.7
"""The same for every pixel, when depth cannot say where that may be."""

TRUST = 0.62
"""Part of the strongly voted hidden pixels that must be nearer than the object before depth may forbid any."""

TRIALS = 8
"""At least so many frames, and less than twice as many, are asked about that, evenly over the clip."""

SLIVER = 3
"""Pixels (small): hidden parts thinner than this come from imprecise registration."""

CARRY_FRAMES = 4
"""Half a second at 8 FPS: how long an object that was going behind something is carried on after it was last seen."""

GOING_HIDDEN = 0.75
"""An object of which less than this part was seen last was going behind something."""


@dataclass(frozen=True)
class _Scene:
    """Everything the votes are made from."""

    small: SmallFrames
    modal: Mapping[int, Mask]
    depth: Mapping[int, Depth]
    motion: Motion
    canvas: Canvas
    clearness: Mapping[int, float]
    """Seen frame -> its modal area, at the size the object has on the first seen frame; relative to the largest."""
    candidates: Sequence[int]
    trusted: bool = False
    """Whether depth may say what can hide the object (see ``_depth_is_trusted``)."""

    @property
    def padding(self) -> tuple[int, int]:
        """Small pixels of canvas left of and above the frame."""
        return round(self.canvas.pad_left * self.small.scale), round(self.canvas.pad_top * self.small.scale)

    @property
    def work_wh(self) -> tuple[int, int]:
        """The canvas in small pixels."""
        width, height = self.canvas.size_wh
        return max(1, round(width * self.small.scale)), max(1, round(height * self.small.scale))


class BuiltinAmodal:
    """Registered voting of silhouettes. Deterministic: the seed changes nothing.

    A frame on which nothing is seen between two on which something is gets the outline carried along the motion.
    Before the first and after the last seen frame it is carried for at most half a second, and only when the object
    was going behind something there; otherwise the mask is empty.
    """

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """(frame_index, (canvas H, W) bool) in the order asked for; covers the modal mask. Raises Cancelled."""
        checked((), work.settings, engine="builtin")
        scene = _survey(work, self.follow(work, progress=progress))
        scene = replace(scene, trusted=_depth_is_trusted(scene))
        for done, index in enumerate(work.frame_indices):
            progress(done, len(work.frame_indices), "amodal masks")
            yield index, _whole(scene, index)

    def follow(self, work: AmodalWork, *, progress: Progress) -> Motion:
        """How the object moves through the clip. Raises Cancelled."""
        return estimate_motion(work.clip, work.modal, progress=progress)

    def outlines(
        self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas
    ) -> Callable[[int], Mask]:
        """Outlines stretched from box to box, for frames on which registration went astray (``base.BoxReader``)."""
        return BoxOutlines(modal, boxes, canvas=canvas)


def _survey(work: AmodalWork, motion: Motion) -> _Scene:
    small = SmallFrames(work.clip)
    clearness = clearness_of(small, work.modal, motion)
    return _Scene(small, work.modal, work.depth, motion, work.canvas, clearness, _spread(clearness))


def clearness_of(small: SmallFrames, modal: Mapping[int, Mask], motion: Motion) -> dict[int, float]:
    """Seen frame -> its modal area at the size the object has on the first seen frame, relative to the largest."""
    areas = {f: float(small.soft(modal[f]).sum()) / motion.size_on(f) ** 2 for f in motion.seen}
    largest = max(areas.values(), default=1.0)
    return {f: area / largest for f, area in areas.items()}


def _spread(clearness: Mapping[int, float]) -> list[int]:
    """The clearest frame of each of CANDIDATES equal parts of the clip, and the clearest of all."""
    if not clearness:
        return []
    first, last = min(clearness), max(clearness) + 1
    edges = np.linspace(first, last, CANDIDATES + 1)
    parts = [[f for f in clearness if low <= f < high] for low, high in pairwise(edges)]
    return sorted({max(part, key=lambda f: clearness[f]) for part in parts if part})


# --- one frame --------------------------------------------------------------------------------------------------------


def _whole(scene: _Scene, index: int) -> Mask:
    """(canvas H, W): the modal mask and what is hidden of the object."""
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
    """Between two seen frames, or just beyond one on which the object was going behind something."""
    seen = motion.seen
    if not seen:
        return False
    edge = seen[-1] if index > seen[-1] else seen[0] if index < seen[0] else None
    return edge is None or (abs(index - edge) <= CARRY_FRAMES and clearness[edge] < GOING_HIDDEN)


def _votes(scene: _Scene, index: int) -> Soft:
    """(canvas h, w) small: the weighted share of outlines that cover each pixel."""
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
    """The candidates that are clear and near in time; never the frame itself."""

    def worth(frame: int) -> float:
        return scene.clearness[frame] ** 2 * float(np.exp(-abs(frame - index) / NEAR_FRAMES))

    others = [f for f in scene.candidates if f != index]
    return sorted(others, key=worth, reverse=True)[:REFERENCES]


def _brought(scene: _Scene, source: int, target: int) -> tuple[Soft, Soft]:
    """The outline of one frame on another, and how much that frame knows of each pixel; on the small canvas.

    Where something may have hidden the object in the source frame, its outline says little.
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
    warped = (cv2.warpAffine(picture, motion, scene.work_wh, flags=cv2.INTER_LINEAR) for picture in (outline, known))
    brought, sure = warped
    return brought, np.maximum(sure, UNKNOWN)


def _refined(scene: _Scene, source: int, target: int) -> Affine:
    """The chained motion, corrected by features seen on both frames: chains drift."""
    guess = resized(scene.motion.between(source, target), scene.small.scale)
    masks = scene.small.mask(scene.modal[source]), scene.small.mask(scene.modal[target])
    if target not in scene.motion.seen or not masks[1].any():
        return guess
    found = follow(scene.small, (source, target), masks=masks, guess=guess)
    far = np.abs(found - guess)[:, 2].max() > 0.1 * max(scene.small.size_wh)
    return guess if far else found


# --- where something can hide it ----------------------------------------------------------------------------------


def _can_hide(scene: _Scene, index: int) -> Mask:
    """(canvas h, w): nearer than the object, beyond the frame, or unknown."""
    return _placed(scene, _hiding(scene, index).astype(np.float32), fill=1.0) > 0.5


def _hiding(scene: _Scene, index: int) -> Mask:
    """(h, w): where a frame's depth lets something be in front of the object."""
    nearness = cv2.resize(scene.depth[index], scene.small.size_wh, interpolation=cv2.INTER_AREA)
    own = _own_depth(scene, index)
    return nearness > own - DEPTH_MARGIN if own is not None else np.ones(nearness.shape, bool)


def _own_depth(scene: _Scene, index: int) -> float | None:
    """Median depth of the object's seen pixels, from the nearest seen frames when it is hidden here."""
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
    """Whether depth agrees with the votes: what they strongly call hidden must mostly be nearer.

    Depth that orders things wrongly would otherwise forbid every hidden part. Asked of some frames of the whole clip,
    whichever are to be completed: a part of the clip is answered as the whole would be.
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
    """(canvas H, W): the voted outline at full size, without slivers along the modal mask."""
    seen = _placed(scene, scene.small.soft(scene.modal[index])) >= THRESHOLD
    hidden = ((votes >= THRESHOLD) & ~seen).astype(np.uint8)
    solid = cv2.morphologyEx(hidden, cv2.MORPH_OPEN, np.ones((SLIVER, SLIVER), np.uint8))
    # what the opening took from a solid part's rim comes back
    keep = cv2.dilate(solid, np.ones((SLIVER, SLIVER), np.uint8)) > 0
    wanted = np.where(keep | seen, np.maximum(votes, seen), 0).astype(np.float32)
    return (
        cv2.resize(wanted, scene.canvas.size_wh, interpolation=cv2.INTER_CUBIC) >= THRESHOLD
        if keep.any()
        else (np.zeros(scene.canvas.size_wh[::-1], dtype=bool))
    )


def _placed(scene: _Scene, frame: Soft, fill: float = 0.0) -> Soft:
    """A small picture of the frame on the small canvas."""
    width, height = scene.work_wh
    left, top = scene.padding
    out = np.full((height, width), fill, np.float32)
    rows, columns = min(frame.shape[0], height - top), min(frame.shape[1], width - left)
    out[top : top + rows, left : left + columns] = frame[:rows, :columns]
    return out
