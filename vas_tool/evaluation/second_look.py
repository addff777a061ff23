"""Chooses accepted frames to ask again without the old answer (a blind recheck), and compares the hidden parts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from vas_tool.errors import InputError
from vas_tool.evaluation.agreement import frame_agreement
from vas_tool.evaluation.predicting import moved
from vas_tool.project import Project
from vas_tool.project.rechecks import Recheck


def frames_to_ask(project: Project, share: float, *, seed: int = 0) -> dict[int, tuple[int, ...]]:
    """Return object id -> frames to ask again: ``share`` (0..1) of the accepted frames with a hidden part, at random.

    At least one frame of each object that has any; the same seed gives the same frames. Raises InputError when
    ``share`` is not above 0 and at most 1, or no accepted frame has a hidden part.
    """
    if not 0 < share <= 1:
        raise InputError(f"--share is a part of the accepted frames, above 0 and at most 1; got {share:g}")
    random = np.random.default_rng(seed)
    chosen: dict[int, tuple[int, ...]] = {}
    for obj in project.truth.objects:
        amodal = project.amodal(obj.id)
        hiding = [f for f in obj.accepted if amodal.occluded(f)]
        count = min(len(hiding), math.ceil(share * len(hiding)))
        if count:
            chosen[obj.id] = tuple(sorted(int(f) for f in random.choice(hiding, count, replace=False)))
    if not chosen:
        raise InputError(
            f"{project.name} has no accepted frame with a hidden part; accept some on the page first, then ask again"
        )
    return chosen


def with_answers(recheck: Recheck, project: Project, blind: Project) -> Recheck:
    """Return the recheck with the agreement of every frame that is accepted in ``blind`` and still accepted in
    ``project``.

    Raises InputError when the clips are not the same.
    """
    if (len(blind.clip), blind.clip.size_wh) != (len(project.clip), project.clip.size_wh):
        raise InputError(f"{blind.name} is of another clip than {project.name}; ask again with another --annotator")
    found: dict[int, dict[int, float | None]] = {}
    for object_id, frames in recheck.asked.items():
        both = _accepted(project, object_id) & _accepted(blind, object_id) & set(frames)
        found[object_id] = {f: _agreement(project, blind, object_id, frame_index=f) for f in sorted(both)}
    return replace(recheck, found=found)


def _accepted(project: Project, object_id: int) -> set[int]:
    objects = {obj.id: obj for obj in project.truth.objects}
    return set(objects[object_id].accepted) & set(project.amodal(object_id)) if object_id in objects else set()


def _agreement(project: Project, blind: Project, object_id: int, *, frame_index: int) -> float | None:
    """Return the IoU of the hidden parts; None where neither answer hides anything."""
    canvas = project.canvas
    masks = [moved(p.amodal(object_id)[frame_index], p.canvas, canvas) for p in (project, blind)]
    modal = (p.modal(object_id) for p in (project, blind))
    nothing = np.zeros(canvas.frame_wh[::-1], np.bool_)
    seen = canvas.to_canvas(np.logical_or(*(masks.get(frame_index, nothing) for masks in modal)))
    found = frame_agreement(frame_index, [np.asarray(mask & ~seen) for mask in masks])
    return found.pairwise_iou if found else None
