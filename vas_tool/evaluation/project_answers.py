"""Reads several answers for one hidden part from projects: the hypotheses of one, or the masks of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import InputError
from vas_tool.evaluation.agreement import Agreement, FrameAgreement, frame_agreement
from vas_tool.evaluation.predicting import moved
from vas_tool.project import Project
from vas_tool.types import Canvas, Mask


def agreements(paths: Sequence[Path], *, truth: Path | None = None, progress: Progress = silent) -> list[Agreement]:
    """Return the agreement for each object.

    With one project, the answers are the hypotheses of each frame. With several projects of one clip, they are the
    amodal masks of objects with the same id. ``truth`` is a project whose amodal masks are the truth.

    Raises InputError when the projects differ in size or length, or when there are no two answers for any object;
    ProjectError when a project does not open; Cancelled.
    """
    with ExitStack() as stack:
        every = [stack.enter_context(closing(Project.open(path))) for path in (*paths, *([truth] if truth else []))]
        answers = _Answers(every[: len(paths)], every[len(paths) :])
        found = [
            Agreement(f"object {obj.id} ({obj.label})", tuple(answers.frames(obj.id, progress)))
            for obj in every[0].truth.objects
        ]
    found = [agreement for agreement in found if agreement.frames]
    if not found:
        raise InputError(
            "no object has two answers for a hidden part; make hypotheses (vas-tool run PROJECT --stages amodal "
            "--hypotheses 5), or name several projects of one clip"
        )
    return found


def _common_canvas(projects: Sequence[Project]) -> Canvas:
    """Return the smallest canvas that holds those of all projects."""
    first = projects[0]
    for other in projects[1:]:
        if (len(other.clip), other.clip.size_wh) != (len(first.clip), first.clip.size_wh):
            raise InputError(
                f"{other.name} has {len(other.clip)} frames of {other.clip.size_wh}, {first.name} {len(first.clip)} of "
                f"{first.clip.size_wh} (width, height); name projects of one clip"
            )
    pads = [(c.pad_left, c.pad_top, c.pad_right, c.pad_bottom) for c in (p.canvas for p in projects)]
    return Canvas(first.clip.size_wh, *(max(sides) for sides in zip(*pads, strict=True)))


class _Answers:
    """The answers of all projects, frame by frame."""

    def __init__(self, projects: Sequence[Project], true: Sequence[Project]) -> None:
        self.projects, self.true, self.canvas = projects, true, _common_canvas([*projects, *true])

    def frames(self, object_id: int, progress: Progress) -> Iterator[FrameAgreement]:
        total = len(self.projects[0].clip)
        for i in range(total):
            progress(i, total, f"object {object_id}")
            masks = (
                self.hypotheses(object_id, i) if len(self.projects) == 1 else self.masks(self.projects, object_id, i)
            )
            true = self.masks(self.true, object_id, i)
            if len(masks) >= 2 and len(true) == len(self.true):
                seen = np.logical_or.reduce([self.seen(p, object_id, i) for p in (*self.projects, *self.true)])
                hidden = [np.asarray(mask & ~seen) for mask in (*masks, *true)]
                found = frame_agreement(i, hidden[: len(masks)], *hidden[len(masks) :])
                yield from [found] if found else []

    def masks(self, projects: Sequence[Project], object_id: int, frame_index: int) -> list[Mask]:
        """Return the amodal masks of those projects that have one."""
        there = [project for project in projects if _has(project, object_id)]
        amodal = [(project, project.amodal(object_id)) for project in there]
        return [moved(masks[frame_index], p.canvas, self.canvas) for p, masks in amodal if frame_index in masks]

    def hypotheses(self, object_id: int, frame_index: int) -> list[Mask]:
        """Return the hypotheses of the only project."""
        (project,) = self.projects
        with project.mutex:
            made = project.layers(object_id).hypothesis_masks(frame_index, project.canvas.size_wh)
        return [moved(mask, project.canvas, self.canvas) for mask in made]

    def seen(self, project: Project, object_id: int, frame_index: int) -> Mask:
        """Return the modal mask on the canvas; empty where the project has none."""
        modal = project.modal(object_id) if _has(project, object_id) else {}
        nothing = np.zeros(self.canvas.frame_wh[::-1], np.bool_)
        return self.canvas.to_canvas(modal.get(frame_index, nothing))


def _has(project: Project, object_id: int) -> bool:
    return any(obj.id == object_id for obj in project.truth.objects)
