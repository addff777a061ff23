"""Puts objects with masks into a project, as a person and the engines would."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import Canvas, Mask, SizeWH, Stroke


def rectangle(size_wh: SizeWH, x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((size_wh[1], size_wh[0]), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def annotate(
    project: Project,
    label: str = "car",
    *,
    modal: Mapping[int, Mask] | None = None,
    amodal: Mapping[int, Mask] | None = None,
    accepted: Iterable[int] = (),
    strokes: Iterable[Stroke] = (),
    certainty: float = 1.0,
) -> int:
    """A new object with those masks; its id."""
    object_id = project.truth.next_object_id
    obj = AnnotatedObject(object_id, label, accepted=tuple(accepted), strokes=tuple(strokes))
    edit = project.edit(f"new object {object_id}", project.truth.with_object(obj))
    with project.under(edit):
        for frame_index, mask in (modal or {}).items():
            project.layers(object_id).modal.put(frame_index, mask, Stamp("builtin", "1", seed=3, certainty=0.9))
        for frame_index, mask in (amodal or {}).items():
            project.layers(object_id).amodal.put(frame_index, mask, Stamp("builtin", "2", certainty=certainty))
    return object_id


def pad(project: Project, fraction: float) -> Canvas:
    canvas = Canvas.padded(project.clip.size_wh, fraction)
    project.edit("canvas", replace(project.truth, canvas=canvas))
    return canvas
