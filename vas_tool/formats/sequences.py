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
import numpy.typing as npt
from PIL import Image, ImageOps

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.provenance import write_provenance
from vas_tool.formats.videos import ExportVideo, numbered
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import Mask, SizeWH
from vas_tool.video.images import image_paths

OBJECT_ABOVE = 128
"""Grey values above this are object, as the demo of Diffusion-VAS has it."""

FEWEST_DIGITS = 3
"""frame_000: as in the published sequences. More frames than 1000 get more digits, so that names sort."""

OUR_FILES = re.compile(r"(rgbs|masks)/frame_\d{3,}\.(png|jpg)|provenance\.json")
"""What ``write_sequences`` leaves in a sequence's folder."""

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for a file that is no picture, or half of one."""

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

    Files are sorted by plain name. Where the masks' names (without suffix) are those of frames they pair by name,
    and there may be fewer masks than frames; otherwise they pair in order, and there must be as many.

    Raises FormatError, naming the odd file, when a folder is missing or empty, or names, counts or sizes disagree.
    """
    if not is_sequences_folder(folder):
        raise FormatError(f"{folder} has no folders rgbs and masks; choose a folder that has both")
    frames = image_paths(folder / "rgbs")
    size_wh = upright_size(frames[0])
    return SequencesSource(
        rgbs=folder / "rgbs",
        num_frames=len(frames),
        size_wh=size_wh,
        masks=pair_masks(folder / "masks", [path.stem for path in frames], size_wh=size_wh),
    )


def pair_masks(folder: Path, frame_stems: Sequence[str], *, size_wh: SizeWH) -> dict[int, Path]:
    """frame_index -> mask file, as ``read_sequences`` pairs them; sizes are read from the files' heads.

    Raises FormatError, naming the odd file.
    """
    paths = image_paths(folder)
    for path in paths:
        if _size_of(path) != size_wh:
            raise FormatError(f"{path} is {_size_of(path)}, the frames are {size_wh} (width, height); scale it to them")
    index_of = {stem: i for i, stem in enumerate(frame_stems)}
    odd = [path for path in paths if path.stem not in index_of]
    if not odd and len({path.stem for path in paths}) == len(paths) and len(index_of) == len(frame_stems):
        return {index_of[path.stem]: path for path in paths}
    if odd and len(odd) < len(paths):
        raise FormatError(f"{odd[0]} has the name of no frame, the other masks do; rename it or take it out")
    if len(paths) != len(frame_stems):
        raise FormatError(
            f"{folder} has {len(paths)} masks for {len(frame_stems)} frames; name them like the frames "
            f"({frame_stems[0]}.png, ...), or give one for each frame"
        )
    return dict(enumerate(paths))


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
            elif other := set(np.unique(_grey(mask, source.size_wh)).tolist()) - {0, 255}:
                problems.append(f"{mask} has {len(other)} values other than 0 and 255")
        except FormatError as error:
            problems.append(str(error))
    return problems


def import_sequences(
    folder: Path,
    project_folder: Path,
    *,
    label: str = "object 1",
    fps: float = 8.0,
    progress: Progress = silent,
) -> Project:
    """Make a project of a sequence: its frames, and one object with the masks as given modal masks.

    Nothing is left when it fails or is cancelled. Raises FormatError and VideoError for what is wrong with the
    folder, ProjectError when ``project_folder`` cannot be made, Cancelled.
    """
    source = read_sequences(folder)
    return project_with_masks(project_folder, source, label=label, fps=fps, progress=progress)


def project_with_masks(
    project_folder: Path, source: SequencesSource, *, label: str, fps: float, progress: Progress
) -> Project:
    """Make a project of frames and one object's masks that were looked through; see ``import_sequences``."""
    project = Project.create(project_folder, source.rgbs, fps=fps, progress=progress)
    try:
        thing = AnnotatedObject(project.truth.next_object_id, label)
        _give(project, thing, source.masks, edit_id=None, progress=progress)
    except BaseException:
        project.close()
        shutil.rmtree(project_folder, ignore_errors=True)
        raise
    return project


def import_masks(
    project: Project, object_id: int, folder: Path, *, edit_id: int | None = None, progress: Progress = silent
) -> None:
    """Give an object the modal masks in a folder of images; they pair with the frames as in ``read_sequences``.

    By name means the names of the clip's own files (00000, 00001, ...). Masks given before stay on other frames.
    With ``edit_id``, undoing that edit brings back masks that were replaced. Raises PromptError when there is no
    such object; FormatError when a file does not read, names, counts or sizes disagree, or the masks are too dark
    to tell (0 and 1, say): nothing is changed then.
    """
    stems = [project.clip.frame_path(i).stem for i in range(len(project.clip))]
    masks = pair_masks(folder, stems, size_wh=project.clip.size_wh)
    _give(project, project.truth.object(object_id), masks, edit_id=edit_id, progress=progress)


def _give(
    project: Project,
    thing: AnnotatedObject,
    masks: Mapping[int, Path],
    *,
    edit_id: int | None,
    progress: Progress,
) -> None:
    # Looked through first, so that a bad file changes nothing; read again then, so that memory stays flat.
    brightest = 0
    for done, path in enumerate(masks.values()):
        progress(done, 2 * len(masks), "reading masks")
        brightest = max(brightest, int(_grey(path, project.clip.size_wh).max()))
    if 0 < brightest <= OBJECT_ABOVE:
        raise FormatError(
            f"the masks in {next(iter(masks.values())).parent} reach only {brightest} of 255; "
            f"object pixels must be above {OBJECT_ABOVE}: write them as 0 and 255"
        )
    with project.mutex, project.under(edit_id) if edit_id is not None else nullcontext():
        for done, (frame_index, path) in enumerate(sorted(masks.items()), len(masks)):
            progress(done, 2 * len(masks), "reading masks")
            mask = _grey(path, project.clip.size_wh) > OBJECT_ABOVE
            project.layers(thing.id).given.put(frame_index, mask, GIVEN)
        # Only now, with every mask on disk, does the project rely on them.
        given = tuple(sorted({*thing.given, *masks}))
        project.edit(f"import masks of {thing.label}", project.truth.with_object(replace(thing, given=given)))
    progress(2 * len(masks), 2 * len(masks), "reading masks")


def upright_size(path: Path) -> SizeWH:
    """Width and height of a frame as the import will turn it."""
    try:
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image).size
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _size_of(path: Path) -> SizeWH:
    """Width and height, from the file's head."""
    try:
        with Image.open(path) as image:
            return image.size
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def read_mask(path: Path, size_wh: SizeWH) -> Mask:
    """(H, W) of a picture of grey values. Raises FormatError when it is no picture of that size."""
    return _grey(path, size_wh) > OBJECT_ABOVE


def _grey(path: Path, size_wh: SizeWH) -> npt.NDArray[np.uint8]:
    """(H, W) uint8."""
    try:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    if grey.shape != size_wh[::-1]:
        raise FormatError(f"{path} is {grey.shape[::-1]}, the clip {size_wh} (width, height); scale it to that")
    return grey


def _unreadable(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path} does not read as an image ({error}); replace it or take it out")
