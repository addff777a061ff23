"""Makes projects from sequences (frames and modal masks in two folders), and imports modal masks into projects."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.mask_folder import GivenMasks, MaskFolder, frame_names, paired_masks, read_masks
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.sequences import GIVEN, SequencesSource, read_sequences
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import FrameRecord
from vas_tool.video import ListedImages
from vas_tool.video.folder_notes import folder_notes
from vas_tool.video.images import image_paths


def import_sequences(
    folder: Path,
    project_folder: Path,
    *,
    label: str | None = None,
    fps: float = 8.0,
    mask_values: MaskValues = "auto",
    progress: Progress = silent,
) -> Project:
    """Make a project from a sequence: its frames and its modal masks.

    Masks with several values are several objects. ``label`` is their category name; the default is the folder's name
    with the object's value. ``mask_values`` decides what the masks' values mean where the pictures do not.

    Nothing remains on disk when it fails or is cancelled. Raises FormatError and VideoError for errors in the folder,
    ProjectError when ``project_folder`` cannot be made, Cancelled.
    """
    source = read_sequences(folder)
    masks = read_masks(source.masks, size_wh=source.size_wh, values=mask_values, progress=progress)
    project = create_project(project_folder, listed_frames(source, masks, fps=fps), fps=fps, progress=progress)
    try:
        for given in masks.objects:
            name = label or f"{folder.resolve().name} {given.name}".rstrip()
            give_masks(project, AnnotatedObject(project.truth.next_object_id, name), given, progress=progress)
    except BaseException:
        project.close()
        shutil.rmtree(project_folder, ignore_errors=True)
        raise
    return project


def listed_frames(source: SequencesSource, masks: MaskFolder, *, fps: float) -> ListedImages:
    """Return a sequence's frames at ``fps`` frames per second, with the notes on how its masks were assigned and
    read.
    """
    paths = image_paths(source.rgbs)
    frames = tuple((path, FrameRecord(i, i / fps)) for i, path in enumerate(paths))
    return ListedImages(source.rgbs, frames, (*source.notes, *folder_notes(source.rgbs, paths), *masks.notes))


def masks_for(
    project: Project,
    folder: Path,
    *,
    source: Path | None = None,
    mask_values: MaskValues = "auto",
    progress: Progress = silent,
) -> MaskFolder:
    """Return the modal masks in a folder of images, with the frames of the project that they belong to.

    Masks are assigned by the names that the frames have in the project's source: the names of the files of a folder, or
    the frame numbers of a video. See ``mask_names.pair``. ``source`` is the folder that the project was made from;
    masks of its images that are not in the clip are left out. ``mask_values`` decides what the masks' values mean where
    the pictures do not.

    Raises FormatError when a file is unreadable, names, counts or sizes do not agree, or it is undecided which values
    are an object; Cancelled.
    """
    paired = paired_masks(folder, frame_names(project, source), size_wh=project.clip.size_wh)
    masks = read_masks(paired.masks, size_wh=project.clip.size_wh, values=mask_values, progress=progress)
    return replace(masks, notes=(*paired.notes, *masks.notes))


def give_masks(
    project: Project,
    obj: AnnotatedObject,
    masks: GivenMasks,
    *,
    edit_id: int | None = None,
    progress: Progress = silent,
) -> None:
    """Store modal masks for an object as one edit. An object that the project does not have is added.

    Masks that were given before stay on other frames. With ``edit_id``, undoing that edit restores the masks that were
    replaced. Raises FormatError when a file is unreadable, ProjectError when the disk refuses, Cancelled. After an
    error the object keeps the masks that it had.
    """
    with project.mutex, project.under(edit_id) if edit_id is not None else nullcontext():
        for done, (frame_index, read) in enumerate(sorted(masks.read.items())):
            progress(done, len(masks.read), "reading masks")
            project.layers(obj.id).given.put(frame_index, read(), GIVEN)
        # The project refers to the masks only now, when all of them are on disk.
        given = tuple(sorted({*obj.given, *masks.read}))
        project.edit(f"import masks of {obj.label}", project.truth.with_object(replace(obj, given=given)))
    progress(len(masks.read), len(masks.read), "reading masks")
