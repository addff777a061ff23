"""Makes a clip's project, and enters the prompts of its rows. A second call with the same rows changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from vas_tool.batch.batch_options import BatchOptions
from vas_tool.batch.listed_clips import ListedClip, read_listed_clip
from vas_tool.batch.manifest import LIST_SUFFIX, ClipTask
from vas_tool.batch.rows import Row
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, InputError, ProjectBusy, ProjectError, PromptError
from vas_tool.formats.batch_rows import BatchRow, read_rows, write_rows
from vas_tool.formats.mask_folder import GivenMasks, only_object
from vas_tool.formats.origin import TrackOrigin, read_origin, write_origin
from vas_tool.imports.given_masks import give_masks, masks_for
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.project.entered_prompts import require_inside, with_canvas_for
from vas_tool.project.head import is_project
from vas_tool.project.truth import AnnotatedObject, Truth
from vas_tool.video.source import sha256_of

ASK_AGAIN_SECONDS = 0.5
"""Seconds between two attempts to open a project that another process has open."""


@contextmanager
def open_project(folder: Path, *, patience_seconds: float) -> Iterator[Project]:
    """Open a project, and close it at the end of the block. Wait up to ``patience_seconds`` if another process has it
    open.

    A killed process may keep its lock for a moment. Raises ProjectBusy if the project stays locked, and the errors of
    ``Project.open``.
    """
    until = time.monotonic() + patience_seconds
    while True:
        try:
            project = Project.open(folder)
            break
        except ProjectBusy:
            if time.monotonic() > until:
                raise
            time.sleep(ASK_AGAIN_SECONDS)
    with closing(project):
        project.require_writable()
        yield project


def ensure_project(task: ClipTask, *, progress: Progress = silent) -> None:
    """Make the project of a clip unless it exists. Raises the errors of ``create_project``."""
    row = task.rows[0]
    if is_project(task.folder):
        return
    try:
        if row.source.name.endswith(LIST_SUFFIX):
            _of_list(read_listed_clip(row.source), task.folder, progress)
            return
        create_project(
            task.folder,
            row.source,
            fps=row.fps,
            start_seconds=row.start_seconds,
            end_seconds=row.end_seconds,
            progress=progress,
        ).close()
    except ProjectError:
        if not is_project(task.folder):  # another process may have made it in the meantime
            raise


def _of_list(listed: ListedClip, folder: Path, progress: Progress) -> None:
    with closing(create_project(folder, listed.images, fps=listed.fps, progress=progress)) as project:
        if listed.origin is not None:
            write_origin(project.folder, listed.origin)


def require_same_source(project: Project, row: Row) -> None:
    """Raise InputError when a project was made from another source than the row's."""
    if row.source.resolve() == project.folder.resolve():
        return
    source = row.source
    if source.name.endswith(LIST_SUFFIX):
        source = read_listed_clip(source).images.folder
    known = Path(project.source.path)
    same = known == source.absolute() or (known.exists() and source.exists() and known.samefile(source))
    if not same and source.is_file():
        same = sha256_of(source, tick=lambda: None) == project.source.sha256
    if not same:
        raise InputError(
            f"{project.folder} was made from {known}, not from {source}; give the row a project name of its own "
            "(key project)"
        )


def with_options(truth: Truth, options: BatchOptions) -> Truth:
    """Return a project's truth with the batch's engines, seed, occlusion gate and settings."""
    truth = replace(truth, engines={**truth.engines, **options.engines})
    truth = truth if options.seed is None else replace(truth, seed=options.seed)
    truth = truth if options.gate is None else replace(truth, gate=options.gate)
    for stage, engines in options.settings.items():
        for engine, settings in engines.items():
            truth = truth.setting(stage, engine, {**truth.settings_of(stage, engine), **settings})
    return truth


def enter_row(project: Project, row: Row, *, progress: Progress = silent) -> int:
    """Enter a row's prompts as an object, and return the object's id.

    A row that was entered before is entered again only if its values have changed; its prompts are added to the object,
    and a person's changes stay. Raises PromptError if a prompt does not fit the clip or a person deleted the object;
    FormatError if the masks do not fit.
    """
    rows = read_rows(project.folder)
    known = rows.get(row.id)
    obj = _object_of(project, row, rows)
    if known is not None and known.entered == row.prompts_digest:
        return obj.id
    masks, truth = _masks(project, row, progress), _with_prompts(project, row, obj)
    # Written before the object: a process that is killed in between finds the number again and makes no second one.
    noted = BatchRow(obj.id, "", row.ids)
    write_rows(project.folder, {**rows, row.id: noted})
    if truth != project.truth:
        project.edit(f"row {row.id}", truth)
    if masks is not None:
        give_masks(project, project.truth.object(obj.id), masks, progress=progress)
    _note_track(project, row, obj.id)
    write_rows(project.folder, {**rows, row.id: replace(noted, entered=row.prompts_digest)})
    return obj.id


def _object_of(project: Project, row: Row, rows: Mapping[str, BatchRow]) -> AnnotatedObject:
    truth, known = project.truth, rows.get(row.id)
    there = {obj.id: obj for obj in truth.objects}
    if row.object_id is not None:
        return truth.object(row.object_id)
    if known is None:
        object_id = max([truth.next_object_id, *(other.object_id + 1 for other in rows.values())])
        return AnnotatedObject(object_id, row.label or f"object {object_id}")
    if known.object_id not in there and known.entered:
        raise PromptError(
            f"object {known.object_id} of {project.folder} was deleted by a person; take the row out of the manifest, "
            "or give it another id to make the object again"
        )
    return there.get(known.object_id) or AnnotatedObject(known.object_id, row.label or f"object {known.object_id}")


def _with_prompts(project: Project, row: Row, obj: AnnotatedObject) -> Truth:
    """Return the project's truth with the row's prompts, and a canvas that contains the row's amodal boxes."""
    require_inside(project.clip, (*row.clicks, *row.boxes))
    if late := [box for box in row.amodal_boxes if box.frame_index >= len(project.clip)]:
        raise PromptError(f"an amodal box is on frame {late[0].frame_index}; the clip has {len(project.clip)} frames")
    clicks = tuple(click for click in row.clicks if click not in obj.clicks)
    boxes = {box.frame_index: box for box in (*obj.boxes, *row.boxes)}
    keyframes = {box.frame_index: box for box in (*obj.amodal_boxes, *row.amodal_boxes)}
    obj = replace(
        obj,
        label=row.label or obj.label,
        clicks=(*obj.clicks, *clicks),
        boxes=tuple(boxes.values()),
        amodal_boxes=tuple(keyframes[f] for f in sorted(keyframes)),
    )
    if not obj.prompted() and row.masks is None:
        raise PromptError("nothing says which object is meant; give the row clicks, boxes or masks")
    return with_canvas_for(project.truth.with_object(obj), obj.amodal_boxes, project.clip)


def _masks(project: Project, row: Row, progress: Progress) -> GivenMasks | None:
    if row.masks is None:
        return None
    if not row.masks.is_dir():
        raise FormatError(f"{row.masks} is no folder of masks; check the path")
    source = row.source if row.source.is_dir() else None
    masks = masks_for(project, row.masks, source=source, mask_values=row.mask_values, progress=progress)
    if not row.mask_object:
        return only_object(masks, row.masks)
    found: Mapping[str, GivenMasks] = {given.name: given for given in masks.objects}
    if row.mask_object not in found:
        raise FormatError(f"{row.masks} has no object {row.mask_object}; it has {', '.join(found) or 'one only'}")
    return found[row.mask_object]


def _note_track(project: Project, row: Row, object_id: int) -> None:
    """Add the row's track to the project's ``origin.json``, so that exports write its ids."""
    origin = read_origin(project.folder)
    if row.track is not None and origin is not None:
        track = TrackOrigin(*row.track)
        write_origin(project.folder, replace(origin, tracks={**origin.tracks, object_id: track}))
