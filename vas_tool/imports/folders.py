"""Makes projects from folders of frames and masks: those of TABE, and the sequences of Diffusion-VAS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, InputError
from vas_tool.formats.mask_folder import MaskFolder, ReadMask, read_masks
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.sequences import SequencesSource, is_sequences_folder, read_sequences
from vas_tool.formats.tabe import TabeSource, read_tabe, video_folders
from vas_tool.imports.given_masks import listed_frames
from vas_tool.imports.planned import Imported, Plan, PlannedObject, folder_name, make_all
from vas_tool.video.order import in_natural_order

TABE_FPS = 15.0
"""Frames per second at which TABE-51 was sampled."""


def import_tabe(
    folder: Path,
    projects: Path,
    *,
    fps: float = TABE_FPS,
    label: str | None = None,
    with_amodal: bool = False,
    mask_values: MaskValues = "auto",
    progress: Progress = silent,
) -> Imported:
    """Make a project from a video's folder of TABE, or from each such folder in ``folder`` or in its folder ``data``.

    Masks become modal masks. ``label`` is the object's category name; the default is the folder's name. ``with_amodal``
    imports the ground truth as amodal masks; without it, new masks can be measured against the ground truth. Masks with
    several values are several objects; ``mask_values`` decides what values mean where the pictures do not. Wrong
    folders are listed in ``problems``; the others are imported. Raises FormatError when there is no such folder;
    Cancelled.
    """

    def plan(inner: Path) -> Plan:
        source: TabeSource = read_tabe(inner)
        amodal = read_masks(source.amodal, size_wh=source.size_wh, values=mask_values) if with_amodal else None
        return _plan(inner, source.as_sequence(), fps=fps, label=label, values=mask_values, amodal=amodal)

    return _import_each(folder, projects, found=video_folders, plan=plan, progress=progress)


def import_sequence_folders(
    folder: Path,
    projects: Path,
    *,
    fps: float = 8.0,
    label: str | None = None,
    mask_values: MaskValues = "auto",
    progress: Progress = silent,
) -> Imported:
    """Make a project from a folder with ``rgbs`` and ``masks``, or from each such folder in ``folder``.

    Arguments and errors are those of ``import_tabe``.
    """

    def plan(inner: Path) -> Plan:
        return _plan(inner, read_sequences(inner), fps=fps, label=label, values=mask_values)

    return _import_each(folder, projects, found=_sequence_folders, plan=plan, progress=progress)


def _sequence_folders(folder: Path) -> list[Path]:
    inner = in_natural_order(path for path in folder.iterdir() if path.is_dir() and is_sequences_folder(path))
    return [folder] if is_sequences_folder(folder) else inner


def _import_each(
    folder: Path,
    projects: Path,
    *,
    found: Callable[[Path], list[Path]],
    plan: Callable[[Path], Plan],
    progress: Progress,
) -> Imported:
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; check the spelling")
    folders = found(folder)
    if not folders:
        raise FormatError(f"{folder} is no such folder, and holds none; see the formats in the README")
    plans, problems = [], []
    for path in folders:
        try:
            plans.append(plan(path))
        except InputError as error:
            problems.append(str(error))
    return make_all(plans, projects, problems=problems, progress=progress)


def _plan(
    folder: Path,
    source: SequencesSource,
    *,
    fps: float,
    label: str | None,
    values: MaskValues,
    amodal: MaskFolder | None = None,
) -> Plan:
    name = folder.resolve().name
    modal = read_masks(source.masks, size_wh=source.size_wh, values=values)
    whole = _of_the_same(folder, modal, amodal)
    objects = tuple(
        PlannedObject(
            label=label or f"{name} {given.name}".rstrip(), modal=given.read, amodal=whole.get(given.name, {})
        )
        for given in modal.objects
    )
    return Plan(folder_name(name), listed_frames(source, modal, fps=fps), fps, objects)


def _of_the_same(folder: Path, modal: MaskFolder, amodal: MaskFolder | None) -> dict[str, Mapping[int, ReadMask]]:
    """Return the name of an object -> its amodal masks."""
    if amodal is None or not any(given.read for given in amodal.objects):
        return {}
    if len(modal.objects) == len(amodal.objects) == 1:
        return {modal.objects[0].name: amodal.objects[0].read}
    names, whole = {given.name for given in modal.objects}, {given.name: given.read for given in amodal.objects}
    if names != whole.keys():
        raise FormatError(f"{folder}: the modal masks are of {sorted(names)}, the amodal ones of {sorted(whole)}")
    return whole
