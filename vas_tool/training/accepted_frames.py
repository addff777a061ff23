"""Accepted frames as samples for the learned engine's network, and the score of an engine on them.

The input is that of the engine (``engines.learned.evidence``); the truth is the accepted amodal mask.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import AmodalCompleter
from vas_tool.engines.learned.clip_views import ClipViews
from vas_tool.engines.learned.evidence import RESOLUTION, Window, evidence, window_around
from vas_tool.masks import area
from vas_tool.project import Project
from vas_tool.training.scenes import Sample, unsteady
from vas_tool.types import Canvas, Clip, Depth, Mask, SizeWH
from vas_tool.work import AmodalWork

LEAST_HIDDEN_PART = 0.01
"""A frame is occluded if at least this share of the object's area is hidden."""

Random = np.random.Generator


@dataclass(frozen=True)
class AcceptedObject:
    """One object of one clip, and the frames whose amodal masks are taken as true."""

    name: str
    video: str
    """Name of the video. Whole videos are held out."""
    clip: Clip
    modal: Mapping[int, Mask]
    amodal: Mapping[int, Mask]
    """frame_index -> (canvas H, W) amodal mask."""
    depth: Mapping[int, Depth]
    canvas: Canvas
    frames: tuple[int, ...]

    def hides(self, frame: int) -> bool:
        """Return whether more than LEAST_HIDDEN_PART of the object is hidden on a frame."""
        whole = self.amodal[frame]
        return area(whole & ~self.seen(frame)) > max(1.0, LEAST_HIDDEN_PART * area(whole))

    def seen(self, frame: int) -> Mask:
        """Return the (canvas H, W) modal mask of a frame."""
        if frame not in self.modal:
            return np.zeros(self.canvas.size_wh[::-1], np.bool_)
        return self.canvas.to_canvas(self.modal[frame])


def accepted_objects(project: Project) -> Iterator[AcceptedObject]:
    """Yield the objects of a project that have accepted frames with an amodal mask."""
    for obj in project.truth.objects:
        modal, amodal = project.modal(obj.id), project.amodal(obj.id)
        frames = tuple(sorted(f for f in obj.accepted if f in amodal))
        if frames:
            yield AcceptedObject(
                f"{project.name} {obj.label or obj.id}",
                project.source.sha256,
                project.clip,
                modal,
                amodal,
                project.depth,
                project.canvas,
                frames,
            )


def samples_of(obj: AcceptedObject, random: Random, *, variants: int) -> list[Sample]:
    """Return ``variants`` samples of each occluded frame. Their windows vary, as those of the engine do."""
    views = ClipViews.of(obj.clip, obj.modal, obj.depth)
    found = []
    for frame in obj.frames:
        around = window_around(views, frame) if obj.hides(frame) and views.may_be_there(frame) else None
        for _ in range(variants if around is not None else 0):
            assert around is not None
            window = unsteady(around, random)
            found.append(Sample(evidence(views, frame, window), _truth(obj, frame, window, small_wh=views.size_wh)))
    return found


def _truth(obj: AcceptedObject, frame: int, window: Window, *, small_wh: SizeWH) -> npt.NDArray[np.float32]:
    """Return the (R, R) accepted mask in a window, which may reach beyond the frame as far as the canvas does.

    ``small_wh`` is the frame's size in small pixels.
    """
    width, height = obj.canvas.size_wh
    across, down = (small / whole for small, whole in zip(small_wh, obj.canvas.frame_wh, strict=True))
    size_wh = max(1, round(width * across)), max(1, round(height * down))
    small = cv2.resize(obj.amodal[frame].astype(np.float32), size_wh, interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, -obj.canvas.pad_left * across], [0, 1, -obj.canvas.pad_top * down], [0, 0, 1]])
    cut = (np.vstack([window.affine(RESOLUTION), [0, 0, 1]]) @ shift)[:2]
    return np.asarray(cv2.warpAffine(small, cut, (RESOLUTION, RESOLUTION), flags=cv2.INTER_LINEAR), np.float32)


@dataclass(frozen=True)
class Score:
    """The score of an engine on an object's accepted masks: mean IoU over frames, 0..1."""

    name: str
    hidden: float
    """Mean IoU of the hidden part over the occluded frames. A missed hidden part counts as 0."""
    whole: float
    num_frames: int
    """Number of occluded frames."""


def score_of(engine: AmodalCompleter, obj: AcceptedObject) -> Score | None:
    """Return an engine's score on the occluded frames; None if there are none."""
    frames = [f for f in obj.frames if obj.hides(f)]
    if not frames:
        return None
    span = range(frames[0], frames[-1] + 1)
    work = AmodalWork(obj.clip, obj.modal, obj.depth, canvas=obj.canvas, frame_indices=span)
    answers = {f: mask for f, mask in engine.complete(work) if f in frames}
    hidden = [_iou(answers[f] & ~obj.seen(f), obj.amodal[f] & ~obj.seen(f)) for f in frames]
    whole = [_iou(answers[f] | obj.seen(f), obj.amodal[f]) for f in frames]
    return Score(obj.name, float(np.mean(hidden)), float(np.mean(whole)), len(frames))


def _iou(found: Mask, truth: Mask) -> float:
    either = area(found | truth)
    return area(found & truth) / either if either else 1.0


def held_out(objects: Sequence[AcceptedObject], share: float, seed: int) -> tuple[list[AcceptedObject], ...]:
    """Return the objects for training and the held-out ones: those of ``share`` (0..1) of the videos, at least one
    video; none if there is only one video or the share is 0.
    """
    videos = sorted({obj.video for obj in objects}, key=lambda video: _rank(video, seed))
    out = set(videos[: max(1, round(share * len(videos)))] if len(videos) > 1 and share > 0 else ())
    return [o for o in objects if o.video not in out], [o for o in objects if o.video in out]


def _rank(video: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {video}".encode(), digest_size=8).digest()
