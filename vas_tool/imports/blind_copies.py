"""Makes a copy of a project in which an annotator answers frames again: modal masks, and no answer to a hidden part."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.sequences import GIVEN
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import FrameRecord
from vas_tool.video import ListedImages


def make_blind_copy(
    project: Project, folder: Path, asked: Mapping[int, tuple[int, ...]], *, progress: Progress = silent
) -> None:
    """Make the project ``folder`` with the clip of ``project`` and its objects, under the same ids.

    The objects have their modal masks, as given masks, on every frame. Amodal masks, boxes, contents, hypotheses,
    reviews and the history are left out. ``asked`` (object id -> frames) are marked as frames that need work. Nothing
    remains when it fails or is cancelled. Raises ProjectError when ``folder`` exists or the disk refuses, Cancelled.
    """
    frames = tuple(
        (project.clip.frame_path(i), FrameRecord(record.source_index, record.pts_seconds))
        for i, record in enumerate(project.ledger)
    )
    images = ListedImages(project.folder / "frames", frames)
    blind = create_project(folder, images, fps=project.clip.fps, source_name=project.source.path, progress=progress)
    try:
        objects = []
        for obj in project.truth.objects:
            modal = project.modal(obj.id)
            for done, frame_index in enumerate(modal):
                progress(done, len(modal), "copying modal masks")
                blind.layers(obj.id).given.put(frame_index, modal[frame_index], GIVEN)
            objects.append(AnnotatedObject(obj.id, obj.label, given=tuple(modal), needs_work=asked.get(obj.id, ())))
        blind.edit("ask again", replace(project.truth, objects=tuple(objects)))
    except BaseException:
        blind.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    blind.close()
