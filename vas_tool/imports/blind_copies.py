"""Makes a copy of a project without its amodal answers, in which a person answers accepted frames again; compares the
answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import InputError
from vas_tool.evaluation.second_look import frames_to_ask, with_answers
from vas_tool.formats.sequences import GIVEN
from vas_tool.imports.new_project import create_project
from vas_tool.imports.planned import folder_name
from vas_tool.project import Project
from vas_tool.project.rechecks import Recheck, read_rechecks, write_rechecks
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import FrameRecord
from vas_tool.video import ListedImages

Borrow = Callable[[Path], AbstractContextManager[Project]]
"""A function: folder -> context manager that yields the open project in it."""


def opened(folder: Path) -> AbstractContextManager[Project]:
    """Yield the open project of a folder, and close it at the end. Raises the errors of ``Project.open``."""
    return closing(Project.open(folder))


def blind_folder(project: Project, recheck: Recheck) -> Path:
    """Return the folder of the project in which frames of ``project`` were asked again."""
    return project.folder.resolve().parent / recheck.folder


def ask_again(
    project: Project, share: float, *, annotator: str = "second", seed: int = 0, progress: Progress = silent
) -> Recheck:
    """Make a blind copy beside the project, with ``share`` (0..1) of its accepted frames to answer again.

    Raises InputError when the annotator was asked already, or no accepted frame has a hidden part; ProjectError when
    the copy cannot be made; Cancelled.
    """
    project.require_writable()
    known = read_rechecks(project.folder)
    if any(recheck.annotator == annotator for recheck in known):
        raise InputError(f"{annotator} was asked already; name another annotator, or compare the answers")
    asked = frames_to_ask(project, share, seed=seed)
    recheck = Recheck(annotator, folder_name(f"{project.name}-recheck-{annotator}"), asked)
    make_blind_copy(project, blind_folder(project, recheck), asked, progress=progress)
    write_rechecks(project.folder, [*known, recheck])
    return recheck


def compare_answers(project: Project, borrow: Borrow = opened) -> tuple[list[Recheck], list[str]]:
    """Compare all second answers with the project's own, and keep the agreement in the project.

    Returns the rechecks, and a sentence for each whose copy no longer exists: its earlier numbers are kept. Raises
    InputError when no frame was asked again, ProjectError when the project cannot be written, ProjectBusy when another
    process has a blind copy open.
    """
    project.require_writable()
    known, done, notes = read_rechecks(project.folder), list[Recheck](), list[str]()
    if not known:
        raise InputError(f"nothing of {project.name} was asked again yet; ask first (--share 0.1)")
    for recheck in known:
        folder = blind_folder(project, recheck)
        if not (folder / "project.json").is_file():
            notes.append(f"{folder} is gone; the agreement that was measured before is kept")
            done.append(recheck)
            continue
        with borrow(folder) as blind:
            done.append(with_answers(recheck, project, blind))
    write_rechecks(project.folder, done)
    return done, notes


def make_blind_copy(
    project: Project, folder: Path, asked: Mapping[int, tuple[int, ...]], *, progress: Progress = silent
) -> None:
    """Make the project ``folder`` with the clip of ``project`` and its objects, under the same ids.

    The objects have their modal masks on every frame. Amodal masks, boxes, contents, hypotheses,
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
