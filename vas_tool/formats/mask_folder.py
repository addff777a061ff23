"""Reads masks from a folder of pictures: finds the frame of each, and decides what their values mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.mask_names import FrameNames, Paired, pair
from vas_tool.formats.mask_pixels import name_of, read_pixels, size_of
from vas_tool.formats.mask_survey import FolderValues
from vas_tool.formats.mask_values import OPTION, Decision, MaskValues, Undecided, decide, decide_as, notes_of
from vas_tool.project import Project
from vas_tool.types import Mask, SizeWH
from vas_tool.video.images import image_paths

ReadMask = Callable[[], Mask]


@dataclass(frozen=True)
class GivenMasks:
    """The masks of one object in a folder of mask pictures."""

    name: str
    """The object's value in the pictures; empty when there is only one object."""
    read: Mapping[int, ReadMask]
    """frame_index -> a function that reads the (H, W) mask."""


@dataclass(frozen=True)
class MaskFolder:
    """All masks of a folder."""

    objects: tuple[GivenMasks, ...]
    """The objects in ascending order of their values; at least one."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about how the masks were read."""


def paired_masks(folder: Path, frames: FrameNames, *, size_wh: SizeWH) -> Paired:
    """Return the masks of a folder with their frames (see ``mask_names.pair``). Sizes are read from the files' headers.

    Raises FormatError, naming the odd file.
    """
    paths = image_paths(folder)
    for path in paths:
        if (size := size_of(path)) != size_wh:
            raise FormatError(f"{path} is {size}, the frames are {size_wh} (width, height); scale it to them")
    return pair(folder, paths, frames)


def frame_names(project: Project, source: Path | None = None) -> FrameNames:
    """Return the names of a project's frames in its source. ``source`` is the folder of images that the project was
    made from; it may hold images that are not in the clip.

    Old projects that do not store the names use the names of their own files (00000, 00001, ...).
    """
    clip, ledger = project.clip, project.ledger
    if project.source.kind == "video":
        return FrameNames(tuple(f"{record.source_index:05d}" for record in ledger), of_video=True)
    if not all(record.name for record in ledger):
        return FrameNames(tuple(clip.frame_path(i).stem for i in range(len(clip))))
    stems = tuple(Path(record.name).stem for record in ledger)
    there = image_paths(source) if source is not None and source.is_dir() else []
    return FrameNames(stems, elsewhere=frozenset(path.stem for path in there) - set(stems))


def read_masks(
    masks: Mapping[int, Path],
    *,
    size_wh: SizeWH | None = None,
    values: MaskValues = "auto",
    progress: Progress = silent,
) -> MaskFolder:
    """Read masks (frame_index -> file), and decide for all of them together what their values mean.

    Several ids are several objects. Each has a mask on every frame, which is empty where the object is absent. A
    picture with only void gives no mask. Raises FormatError that names the file or the values when a picture is
    unreadable or has another size than ``size_wh``, or when it is undecided which values are an object.
    """
    found = FolderValues()
    for done, path in enumerate(masks.values()):
        progress(done, len(masks), "reading masks")
        found.add(read_pixels(path, size_wh))
    decision = _decided(masks.values(), found, values)
    unknown = {i for i, picture in zip(masks, found.pictures, strict=True) if decision.is_unknown(picture)}
    known = {i: path for i, path in masks.items() if i not in unknown}
    names = {value: name_of(value) if len(decision.objects) > 1 else "" for value in decision.objects or (0,)}
    objects = tuple(
        GivenMasks(name, {i: partial(_read, path, decision, value) for i, path in known.items()})
        for value, name in names.items()
    )
    return MaskFolder(objects, notes_of(decision, found))


def only_object(masks: MaskFolder, folder: Path) -> GivenMasks:
    """Return the only object of a folder. Raises FormatError when there are several."""
    if len(masks.objects) > 1:
        names = ", ".join(obj.name for obj in masks.objects)
        raise FormatError(
            f"the masks in {folder} are of {len(masks.objects)} objects (values {names}), and one is asked for; "
            "give one object's masks, or say with --mask-values binary that all of it is one"
        )
    return masks.objects[0]


def _decided(paths: Iterable[Path], found: FolderValues, values: MaskValues) -> Decision:
    files = list(paths)
    try:
        decision = decide(found) if values == "auto" else decide_as(values, found)
        lost = [path for path, picture in zip(files, found.pictures, strict=True) if decision.loses(picture)]
        if lost and (values == "auto" or len(lost) == len(files)):
            raise Undecided(f"{lost[0].name} reaches only {_brightest(found, files.index(lost[0]))} of 255")
    except Undecided as why:
        words = "; ".join(f"{word}: {what}" for word, what in OPTION.items())
        raise FormatError(
            f"the object pixels of the masks in {files[0].parent} cannot be determined: {why}. The values found are "
            f"{found.words()}. Say what they mean with --mask-values ({words})"
        ) from why
    return decision


def _brightest(found: FolderValues, place: int) -> int:
    picture = found.pictures[place]
    return picture.brightest // found.scale if picture.brightest else picture.most_opaque


def _read(path: Path, decision: Decision, value: int) -> Mask:
    try:
        return decision.mask(read_pixels(path), value)
    except Undecided as error:
        raise FormatError(f"{path}: {error}; replace it or take it out") from error
