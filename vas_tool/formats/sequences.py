"""Writes and reads frames and modal masks as two folders of images, the layout that demo.py of Diffusion-VAS reads.

<sequence>/rgbs/frame_000.jpg ...    the frames
<sequence>/masks/frame_000.png ...   one object's modal masks, 8 bit, 0 or 255
<sequence>/provenance.json           how each mask was made, and its review state (not part of the layout)
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.mask_folder import paired_masks
from vas_tool.formats.mask_names import FrameNames
from vas_tool.formats.mask_pixels import read_pixels
from vas_tool.formats.provenance import write_provenance
from vas_tool.formats.video_stream import video_of
from vas_tool.formats.videos import ExportVideo
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import Mask, SizeWH
from vas_tool.video.images import image_paths
from vas_tool.video.picture_files import loaded_picture

FEWEST_DIGITS = 3
"""Digits in frame_000, as in the published sequences. More than 1000 frames get more digits, so that names sort."""

OUR_FILES = re.compile(r"(rgbs|masks)/frame_\d{3,}\.(png|jpg)|provenance\.json")
"""Matches the files that ``write_sequences`` writes into a sequence's folder."""

GIVEN = Stamp(engine="given")
"""The stamp of an imported mask."""


@dataclass(frozen=True)
class SequencesSource:
    """A sequence after ``read_sequences`` has checked it."""

    rgbs: Path
    """The folder of the frames."""
    num_frames: int
    size_wh: SizeWH
    masks: Mapping[int, Path]
    """frame_index -> mask file; frames may be without a mask."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about how masks were assigned to frames."""


def is_sequences_folder(folder: Path) -> bool:
    """Return whether a folder has the two folders ``rgbs`` and ``masks``."""
    return (folder / "rgbs").is_dir() and (folder / "masks").is_dir()


# --- out ------------------------------------------------------------------------------------------------------------


def write_sequences(
    project: Project, folder: Path, *, object_id: int, only_accepted: bool = False, progress: Progress = silent
) -> Path:
    """Write one object's sequence into ``folder`` and return the sequence's folder.

    It is named ``<project>``, or ``<project>_object<id>`` if the project has several objects. A former export is
    replaced. Frames are copied byte for byte. A frame without a modal mask gets a black mask, because readers assign
    the files by their order; ``frames_without_mask`` lists these frames. ``only_accepted`` leaves out the pictures and
    masks of frames that are not accepted.

    Raises PromptError when there is no such object, FormatError when no frame is left, the folder holds something
    else or the disk refuses, Cancelled.
    """
    video = video_of(project)
    obj = video.truth.object(object_id)
    frames = chosen_frames(project, obj, only_accepted=only_accepted)
    target = folder / object_folder(video, obj)
    with folder_in_place(target, ours=OUR_FILES) as beside:
        _write_into(beside, project, project.modal(object_id), frames=frames, progress=progress)
        write_provenance(beside, video, format_name="sequences", objects=[obj], frames=frames)
    return target


def object_folder(video: ExportVideo, obj: AnnotatedObject) -> str:
    """Return the name of an object's folder: ``<project>``, or ``<project>_object<id>`` if there are several
    objects.
    """
    several = len(video.truth.objects) > 1
    return f"{video.project.name}_object{obj.id}" if several else video.project.name


def chosen_frames(project: Project, obj: AnnotatedObject, *, only_accepted: bool) -> Sequence[int]:
    """Return all frames, or the accepted frames. Raises FormatError when there are none."""
    if not only_accepted:
        return range(len(project.clip))
    if not obj.accepted:
        raise FormatError(f"no frame of {obj.label} is accepted; accept some, or export what nobody reviewed, too")
    return obj.accepted


def frames_without_mask(project: Project, object_id: int) -> list[int]:
    """Return the frames whose masks in a sequence are black because no mask was made, not because nothing is seen."""
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
    """Write a (H, W) mask as an 8 bit PNG of 0 and 255."""
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path)


# --- in -------------------------------------------------------------------------------------------------------------


def read_sequences(folder: Path) -> SequencesSource:
    """Check a sequence: find the frame of each mask, and compare all sizes.

    Masks are assigned by name (without suffix) or number, and there may be fewer masks than frames. They are assigned
    in order only if no name fits and there are as many masks as frames. See ``mask_names.pair``.

    Raises FormatError that names the file when a folder is missing or empty, or names, counts or sizes do not agree.
    """
    if not is_sequences_folder(folder):
        raise FormatError(f"{folder} has no folders rgbs and masks; choose a folder that has both")
    frames = image_paths(folder / "rgbs")
    size_wh = upright_size(frames[0])
    paired = paired_masks(folder / "masks", FrameNames(tuple(path.stem for path in frames)), size_wh=size_wh)
    return SequencesSource(folder / "rgbs", len(frames), size_wh, paired.masks, paired.notes)


def odd_files(source: SequencesSource, *, every_frame: bool = True, frames_too: bool = True) -> list[str]:
    """Return one sentence for each error that the files' headers do not show.

    These are unreadable pictures, masks with other values than 0 and 255, and, with ``every_frame``, frames without a
    mask.
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


def upright_size(path: Path) -> SizeWH:
    """Return width and height of an image after its EXIF rotation is applied. Raises FormatError."""
    try:
        return ImageOps.exif_transpose(loaded_picture(path)).size
    except OSError as error:
        raise FormatError(f"{path} does not read as an image ({error}); replace it or take it out") from error
