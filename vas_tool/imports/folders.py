"""Folders of frames and masks -> projects: TABE's, and the sequences of Diffusion-VAS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, InputError
from vas_tool.formats.sequences import SequencesSource, is_sequences_folder, read_mask, read_sequences
from vas_tool.formats.tabe import TabeSource, is_tabe_folder, read_tabe
from vas_tool.imports.planned import Imported, Plan, PlannedObject, ReadMask, folder_name, make_all
from vas_tool.types import FrameRecord, SizeWH
from vas_tool.video import ListedImages
from vas_tool.video.images import image_paths

TABE_FPS = 15.0
"""At which TABE-51 was sampled (spec.md 4.6)."""


def import_tabe(
    folder: Path,
    projects: Path,
    *,
    fps: float = TABE_FPS,
    label: str | None = None,
    with_amodal: bool = False,
    progress: Progress = silent,
) -> Imported:
    """Make a project of a video's folder of TABE, or of each of those in ``folder``; masks are given modal masks.

    ``label`` is the object's category; without it, the folder's name. ``with_amodal`` takes the ground truth over as
    amodal masks; else it stays outside, so that what is made can be measured against it. What is wrong is listed,
    the rest is imported. Raises FormatError when there is no such folder; Cancelled.
    """

    def plan(inner: Path) -> Plan:
        source: TabeSource = read_tabe(inner)
        amodal = source.as_sequence("amodal").masks if with_amodal else {}
        return _plan(inner, source.as_sequence(), fps=fps, label=label, amodal=amodal)

    return _import_each(folder, projects, fits=is_tabe_folder, plan=plan, progress=progress)


def import_sequence_folders(
    folder: Path, projects: Path, *, fps: float = 8.0, label: str | None = None, progress: Progress = silent
) -> Imported:
    """The same for folders with ``rgbs`` and ``masks``."""

    def plan(inner: Path) -> Plan:
        return _plan(inner, read_sequences(inner), fps=fps, label=label, amodal={})

    return _import_each(folder, projects, fits=is_sequences_folder, plan=plan, progress=progress)


def _import_each(
    folder: Path,
    projects: Path,
    *,
    fits: Callable[[Path], bool],
    plan: Callable[[Path], Plan],
    progress: Progress,
) -> Imported:
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; check the spelling")
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and fits(path))
    folders = [folder] if fits(folder) else inner
    if not folders:
        raise FormatError(f"{folder} is no such folder, and holds none; see the formats in the README")
    plans, problems = [], []
    for path in folders:
        try:
            plans.append(plan(path))
        except InputError as error:
            problems.append(str(error))
    return make_all(plans, projects, problems=problems, progress=progress)


def _plan(folder: Path, source: SequencesSource, *, fps: float, label: str | None, amodal: Mapping[int, Path]) -> Plan:
    name = folder.resolve().name
    frames = tuple((p, FrameRecord(i, i / fps)) for i, p in enumerate(image_paths(source.rgbs)))
    thing = PlannedObject(
        label=label or name,
        modal=_readers(source.masks, source.size_wh),
        amodal=_readers(amodal, source.size_wh),
    )
    return Plan(folder_name(name), ListedImages(source.rgbs, frames), fps, (thing,))


def _readers(masks: Mapping[int, Path], size_wh: SizeWH) -> dict[int, ReadMask]:
    return {frame_index: partial(read_mask, path, size_wh) for frame_index, path in masks.items()}
