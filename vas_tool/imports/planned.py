"""Defines plans of projects to import from another tool's file, and makes the projects."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vas_tool.boxes.keyframes import beyond, canvas_for, drawn
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import Cancelled, FormatError, ProjectError, VasToolError, VideoError
from vas_tool.files import sync_folder
from vas_tool.formats.origin import Origin, TrackOrigin, write_origin
from vas_tool.formats.sequences import upright_size
from vas_tool.imports.new_project import create_project
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.project.depth_order import Orders
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import AmodalBox, Box, BoxKeyframe, Mask
from vas_tool.video import ListedImages
from vas_tool.video.images import broken_images
from vas_tool.wording import counted

GIVEN = "given"
"""Engine name in the stamp of an imported mask."""

ReadMask = Callable[[], Mask]


@dataclass(frozen=True)
class PlannedObject:
    """One object to import: its label, prompts, amodal boxes, and masks."""

    label: str
    boxes: tuple[Box, ...] = ()
    """Boxes around the visible part."""
    amodal_boxes: tuple[BoxKeyframe, ...] = ()
    """Keyframes of the amodal box, in clip pixels."""
    modal: Mapping[int, ReadMask] = field(default_factory=dict)
    """frame_index -> a function that reads the modal mask, of the frame's size."""
    amodal: Mapping[int, ReadMask] = field(default_factory=dict)
    """frame_index -> a function that reads the amodal mask, of the frame's size."""
    track: TrackOrigin | None = None
    """The record that the object is made from."""


@dataclass(frozen=True)
class Plan:
    """One project to make: its pictures, and the objects on them."""

    name: str
    """Name of the project's folder."""
    images: ListedImages
    fps: float
    objects: tuple[PlannedObject, ...]
    origin: Origin | None = None
    """The source records, without tracks, which the objects hold."""
    in_front: Orders = ()
    """Which object is in front of which; an object's number is its place in ``objects``, from 1."""
    without: Callable[[Mapping[Path, str]], tuple[Plan | None, list[str]]] | None = None
    """A function: broken pictures (path -> problem) -> (a plan without them, or None when no picture is left; notes).
    None if the project needs every picture."""


@dataclass(frozen=True)
class Imported:
    """The result of an import: the projects, and what could not be imported."""

    projects: tuple[Path, ...]
    """Folders of the new projects."""
    problems: tuple[str, ...] = ()
    """One sentence for each error in the file or the frames, with the record's id."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about the projects, and about those that existed already."""


def nothing_chosen(what: str, problems: Sequence[str]) -> FormatError:
    """Return the error for a file with nothing to import. It lists everything that is wrong, which may be the reason.

    ``what`` names the file and the number of its records.
    """
    sentence = f"{what}, and nothing in it was chosen"
    wrong = [f"{sentence}; {counted(len(problems), 'problem')} in it:", *problems]
    return FormatError("\n".join(wrong) if problems else sentence)


def folder_name(name: str) -> str:
    """Return a video's name as the name of a folder: ``val/LaSOT/clip`` becomes ``val_LaSOT_clip``."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip("._")
    return plain or "project"


def make_all(
    plans: Iterable[Plan], projects: Path, *, problems: Sequence[str] = (), progress: Progress = silent
) -> Imported:
    """Make every project below the folder ``projects``. Existing projects stay as they are.

    If a project fails, it leaves nothing on disk and is listed as a problem; the others are made. Raises Cancelled.
    """
    made: list[Path] = []
    found, notes = list(problems), []
    times: dict[str, int] = {}
    for plan in plans:
        times[plan.name] = times.get(plan.name, 0) + 1
        again = f"_{times[plan.name]}" if times[plan.name] > 1 else ""
        folder = projects / f"{plan.name}{again}"
        if (folder / "project.json").exists():
            notes.append(f"{folder} is there already; it was left as it is")
            continue
        try:
            as_made = _make_what_is_good(plan, folder, found, progress=progress)
        except VasToolError as error:
            if isinstance(error, Cancelled):
                raise
            found.append(f"{plan.name}: {error}")
            continue
        if as_made is not None:
            made.append(folder)
            frames = len(as_made.images.frames)
            notes.append(f"{folder}: {counted(frames, 'frame')}, {counted_objects(as_made.objects)}{_cut(as_made)}")
            notes += (f"{folder}: {note}" for note in as_made.images.notes)
    return Imported(tuple(made), tuple(found), tuple(notes))


def _make_what_is_good(plan: Plan, folder: Path, found: list[str], *, progress: Progress) -> Plan | None:
    """Make a project, without its broken pictures if the plan allows it. Returns the plan that was made; None when none
    was.

    Problems are added to ``found``. Raises what ``make`` raises.
    """
    try:
        make(plan, folder, progress=progress)
    except VideoError:
        broken = broken_images(plan.images) if plan.without else {}
        if plan.without is None or not broken:
            raise
        again, problems = plan.without(broken)
        found += problems
        return _make_what_is_good(again, folder, found, progress=progress) if again else None
    return plan


def counted_objects(objects: Sequence[PlannedObject]) -> str:
    """Return a note: how many objects there are, their labels, and how many have no prompt."""
    labels = ", ".join(sorted({obj.label for obj in objects}))
    blind = sum(not (obj.boxes or obj.modal) for obj in objects)
    needs = f"; {blind} of them {'needs' if blind == 1 else 'need'} a click before tracking" if blind else ""
    return f"{counted(len(objects), 'object')} ({labels}){needs}"


def _cut(plan: Plan) -> str:
    """Return a note about boxes that no work area can contain; empty if there are none."""
    boxes, frame_wh = _amodal_boxes(plan), upright_size(plan.images.frames[0][0])
    cut = [box for box in boxes if beyond(box, canvas_for(boxes, frame_wh))]
    what = counted(len(cut), "amodal box reaches", "amodal boxes reach")
    return f"; {what} beyond the work area: masks are cut there" if cut else ""


def make(plan: Plan, folder: Path, *, progress: Progress = silent) -> Path:
    """Make one project. It gets its name when it is complete.

    Raises ProjectError when it cannot be made, VideoError and FormatError for errors in pictures, Cancelled.
    """
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)  # left by a killed process with the same process id
    try:
        project = create_project(beside, plan.images, fps=plan.fps, progress=progress)
        try:
            fill(project, plan)
        finally:
            project.close()
        beside.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise ProjectError(f"{folder} cannot be made ({error.strerror}); choose another name or place") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def fill(project: Project, plan: Plan) -> None:
    """Give a new project the objects and the origin of its plan, in one edit."""
    annotated: dict[int, PlannedObject] = dict(enumerate(plan.objects, project.truth.next_object_id))
    for object_id, planned in annotated.items():
        for frame_index, read in planned.modal.items():
            project.layers(object_id).given.put(frame_index, read(), Stamp(GIVEN))
    # The project refers to the masks only now, when all of them are on disk.
    truth = replace(project.truth, canvas=canvas_for(_amodal_boxes(plan), project.clip.size_wh))
    for object_id, planned in annotated.items():
        truth = truth.with_object(_object(object_id, planned))
    project.edit("import", replace(truth, in_front=plan.in_front))
    for object_id, planned in annotated.items():
        _put_amodal(project, object_id, planned)
    if plan.origin is not None:
        tracks = {object_id: planned.track for object_id, planned in annotated.items() if planned.track}
        write_origin(project.folder, replace(plan.origin, tracks=tracks))


def _amodal_boxes(plan: Plan) -> list[AmodalBox]:
    return [box for obj in plan.objects for box in drawn(obj.amodal_boxes)]


def _object(object_id: int, planned: PlannedObject) -> AnnotatedObject:
    return AnnotatedObject(
        object_id,
        planned.label,
        boxes=planned.boxes,
        amodal_boxes=tuple(sorted(planned.amodal_boxes, key=lambda box: box.frame_index)),
        given=tuple(sorted(planned.modal)),
    )


def _put_amodal(project: Project, object_id: int, planned: PlannedObject) -> None:
    if not planned.amodal:
        return
    inputs = staleness_of(project, object_id).amodal_inputs
    for frame_index, read in planned.amodal.items():
        mask = project.canvas.to_canvas(read())
        stamp = Stamp(GIVEN, made_from=inputs.on(frame_index, GIVEN))
        project.layers(object_id).amodal.put(frame_index, mask, stamp)
