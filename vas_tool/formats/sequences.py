"""Frames and modal masks as two folders of images, the layout that Diffusion-VAS reads (spec.md 1.2), in and out.

<sequence>/rgbs/frame_000.jpg ...    the frames
<sequence>/masks/frame_000.png ...   one object's modal masks, 8 bit, 0 or 255
<sequence>/provenance.json           who made each mask, and who looked at it (not part of the layout; readers pass it)
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.mask_folder import GivenMasks, MaskFolder, frame_names, only_object, paired_masks, read_masks
from vas_tool.formats.mask_names import FrameNames
from vas_tool.formats.mask_pixels import read_pixels
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.provenance import write_provenance
from vas_tool.formats.videos import ExportVideo, numbered
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import FrameRecord, Mask, SizeWH
from vas_tool.video import ListedImages
from vas_tool.video.folder_remarks import folder_remarks
from vas_tool.video.images import image_paths
from vas_tool.video.picture_files import loaded_picture

FEWEST_DIGITS = 3
"""frame_000: as in the published sequences. More frames than 1000 get more digits, so that names sort."""

OUR_FILES = re.compile(r"(rgbs|masks)/frame_\d{3,}\.(png|jpg)|provenance\.json")
"""What ``write_sequences`` leaves in a sequence's folder."""

GIVEN = Stamp(engine="given")
"""The stamp of an imported mask."""


@dataclass(frozen=True)
class SequencesSource:
    """A sequence that was looked through: what pairs with what."""

    rgbs: Path
    num_frames: int
    size_wh: SizeWH
    masks: Mapping[int, Path]
    """frame_index -> mask file; frames may be without."""
    notes: tuple[str, ...] = ()
    """What a person should know of how they pair."""


def is_sequences_folder(folder: Path) -> bool:
    """Whether a folder has the two folders ``rgbs`` and ``masks``."""
    return (folder / "rgbs").is_dir() and (folder / "masks").is_dir()


# --- out ------------------------------------------------------------------------------------------------------------


def write_sequences(
    project: Project, folder: Path, *, object_id: int, only_accepted: bool = False, progress: Progress = silent
) -> Path:
    """Write one object's sequence into ``folder``, as ``<project>`` or, of several objects, ``<project>_object<id>``.

    Frames are copied byte for byte. A frame without a modal mask gets a black one, because readers pair the files
    by their order; ``frames_without_mask`` names them. ``only_accepted`` leaves out the frames that the person has
    not accepted, pictures and masks. Gives the sequence's folder; a former export is replaced.

    Raises PromptError when there is no such object, FormatError when no frame is left, the folder holds something
    else or the disk refuses, Cancelled.
    """
    _, (video,) = numbered([project])
    thing = video.truth.object(object_id)
    frames = chosen_frames(project, thing, only_accepted=only_accepted)
    target = folder / object_folder(video, thing)
    with folder_in_place(target, ours=OUR_FILES) as beside:
        _write_into(beside, project, project.modal(object_id), frames=frames, progress=progress)
        write_provenance(beside, video, format_name="sequences", things=[thing], frames=frames)
    return target


def object_folder(video: ExportVideo, thing: AnnotatedObject) -> str:
    """``<project>``, or of several objects ``<project>_object<id>``."""
    several = len(video.truth.objects) > 1
    return f"{video.project.name}_object{thing.id}" if several else video.project.name


def chosen_frames(project: Project, thing: AnnotatedObject, *, only_accepted: bool) -> Sequence[int]:
    """All frames, or those that were accepted. Raises FormatError when there are none."""
    if not only_accepted:
        return range(len(project.clip))
    if not thing.accepted:
        raise FormatError(f"no frame of {thing.label} is accepted; accept some, or export what nobody reviewed, too")
    return thing.accepted


def frames_without_mask(project: Project, object_id: int) -> list[int]:
    """The frames whose masks in a sequence are black because none was made (not: because nothing is seen)."""
    made = set(project.modal(object_id))
    return [i for i in range(len(project.clip)) if i not in made]


def _write_into(
    folder: Path, project: Project, modal: Mapping[int, Mask], *, frames: Sequence[int], progress: Progress
) -> None:
    rgbs, masks = folder / "rgbs", folder / "masks"
    rgbs.mkdir()
    masks.mkdir()
    digits = max(FEWEST_DIGITS, len(str(len(frames) - 1)))
    nothing = np.zeros(project.clip.size_wh[::-1], dtype=bool)
    for place, i in enumerate(frames):
        progress(place, len(frames), "writing frames and masks")
        frame, stem = project.clip.frame_path(i), f"frame_{place:0{digits}d}"
        shutil.copyfile(frame, rgbs / f"{stem}{frame.suffix}")
        write_mask(masks / f"{stem}.png", modal.get(i, nothing))
    progress(len(frames), len(frames), "writing frames and masks")


def write_mask(path: Path, mask: Mask) -> None:
    """An 8 bit PNG of 0 and 255."""
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path)


# --- in -------------------------------------------------------------------------------------------------------------


def read_sequences(folder: Path) -> SequencesSource:
    """Look through a sequence: which mask belongs to which frame, and whether all sizes agree.

    Masks pair by name (without suffix) or number, and there may be fewer of them than frames; in order only where no
    name matches and there are as many. See ``mask_names.pair``.

    Raises FormatError, naming the odd file, when a folder is missing or empty, or names, counts or sizes disagree.
    """
    if not is_sequences_folder(folder):
        raise FormatError(f"{folder} has no folders rgbs and masks; choose a folder that has both")
    frames = image_paths(folder / "rgbs")
    size_wh = upright_size(frames[0])
    paired = paired_masks(folder / "masks", FrameNames(tuple(path.stem for path in frames)), size_wh=size_wh)
    return SequencesSource(folder / "rgbs", len(frames), size_wh, paired.masks, paired.notes)


def odd_files(source: SequencesSource, *, every_frame: bool = True, frames_too: bool = True) -> list[str]:
    """What ``read_sequences`` cannot see from the files' heads: pictures that do not decode, masks with other values
    than 0 and 255, and (``every_frame``) frames without a mask. One sentence each.
    """
    problems = []
    for frame_index, path in enumerate(image_paths(source.rgbs)):
        try:
            if frames_too and upright_size(path) != source.size_wh:
                problems.append(f"{path} is {upright_size(path)}, the first frame is {source.size_wh} (width, height)")
            mask = source.masks.get(frame_index)
            if mask is None:
                problems += [f"{path} has no mask"] * every_frame
            elif other := set(np.unique(read_pixels(mask, source.size_wh).shown).tolist()) - {0, 255}:
                problems.append(f"{mask} has {len(other)} values other than 0 and 255")
        except FormatError as error:
            problems.append(str(error))
    return problems


def import_sequences(
    folder: Path,
    project_folder: Path,
    *,
    label: str | None = None,
    fps: float = 8.0,
    mask_values: MaskValues = "auto",
    progress: Progress = silent,
) -> Project:
    """Make a project of a sequence: its frames, and its masks as given modal masks.

    Masks of several values are several objects. ``label`` is their category; without it they have the folder's name,
    each with its value. ``mask_values`` says what the masks' values mean where the pictures do not show it.

    Nothing is left when it fails or is cancelled. Raises FormatError and VideoError for what is wrong with the
    folder, ProjectError when ``project_folder`` cannot be made, Cancelled.
    """
    source = read_sequences(folder)
    masks = read_masks(source.masks, size_wh=source.size_wh, values=mask_values, progress=progress)
    project = Project.create(project_folder, listed_frames(source, masks, fps=fps), fps=fps, progress=progress)
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
    """A sequence's frames, ``fps`` a second, with what is to be known of how its masks pair and were read."""
    paths = image_paths(source.rgbs)
    frames = tuple((path, FrameRecord(i, i / fps)) for i, path in enumerate(paths))
    return ListedImages(source.rgbs, frames, (*source.notes, *folder_remarks(source.rgbs, paths), *masks.notes))


def import_masks(
    project: Project,
    object_id: int,
    folder: Path,
    *,
    mask_values: MaskValues = "auto",
    edit_id: int | None = None,
    progress: Progress = silent,
) -> tuple[str, ...]:
    """Give an object the modal masks in a folder of images; what a person should know of it.

    They pair with the frames by the names that these have in the project's source: of a folder, its files' names; of
    a video, the frames' numbers in it. See ``mask_names.pair``. Masks given before stay on other frames. With
    ``edit_id``, undoing that edit brings back masks that were replaced. Raises PromptError when there is no such
    object; FormatError when a file does not read, names, counts or sizes disagree, the masks are of several objects,
    or it cannot be told what is object in them: nothing is changed then.
    """
    thing = project.truth.object(object_id)
    masks = masks_for(project, folder, mask_values=mask_values, progress=progress)
    give_masks(project, thing, only_object(masks, folder), edit_id=edit_id, progress=progress)
    return masks.notes


def masks_for(
    project: Project,
    folder: Path,
    *,
    source: Path | None = None,
    mask_values: MaskValues = "auto",
    progress: Progress = silent,
) -> MaskFolder:
    """A folder's masks, paired with a project's frames and read, as ``import_masks`` does. ``source``: the folder that
    the project was made of; masks of its other images are left out.
    """
    paired = paired_masks(folder, frame_names(project, source), size_wh=project.clip.size_wh)
    masks = read_masks(paired.masks, size_wh=project.clip.size_wh, values=mask_values, progress=progress)
    return replace(masks, notes=(*paired.notes, *masks.notes))


def give_masks(
    project: Project,
    thing: AnnotatedObject,
    masks: GivenMasks,
    *,
    edit_id: int | None = None,
    progress: Progress = silent,
) -> None:
    """Give an object, of the project or a new one, masks that were looked through."""
    with project.mutex, project.under(edit_id) if edit_id is not None else nullcontext():
        for done, (frame_index, read) in enumerate(sorted(masks.read.items())):
            progress(done, len(masks.read), "reading masks")
            project.layers(thing.id).given.put(frame_index, read(), GIVEN)
        # Only now, with every mask on disk, does the project rely on them.
        given = tuple(sorted({*thing.given, *masks.read}))
        project.edit(f"import masks of {thing.label}", project.truth.with_object(replace(thing, given=given)))
    progress(len(masks.read), len(masks.read), "reading masks")


def upright_size(path: Path) -> SizeWH:
    """Width and height of a frame as the import will turn it."""
    try:
        return ImageOps.exif_transpose(loaded_picture(path)).size
    except OSError as error:
        raise FormatError(f"{path} does not read as an image ({error}); replace it or take it out") from error
