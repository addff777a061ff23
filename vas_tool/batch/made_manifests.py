"""Makes manifests from annotation files, folders and projects: one record for each object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vas_tool.batch.listed_clips import ListedClip, write_listed_clip
from vas_tool.errors import FormatError, InputError, VasToolError
from vas_tool.formats.mask_folder import read_masks
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.sequences import SequencesSource, is_sequences_folder, read_sequences
from vas_tool.formats.tabe import read_tabe, video_folders
from vas_tool.imports.planned import Plan, PlannedObject, folder_name
from vas_tool.project import Project
from vas_tool.project.head import is_project
from vas_tool.project.truth import box_json
from vas_tool.video.order import in_natural_order

Record = dict[str, Any]

VIDEO_SUFFIXES = frozenset(
    [".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".ogv", ".flv"]
)
"""Suffixes of the files that become rows."""


@dataclass
class Made:
    """The records of a manifest, and messages about what was left out."""

    records: list[Record] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def of_tao_amodal(plans: Sequence[Plan], lists: Path) -> Iterator[Record]:
    """Yield a record for each track of the planned clips. Write the lists of their frames into the folder ``lists``.

    The record's id is ``<video id>/<track id>``. Raises ProjectError if a list cannot be written.
    """
    times = Counter[str]()
    for plan in plans:
        times[plan.name] += 1
        name = f"{plan.name}_{times[plan.name]}" if times[plan.name] > 1 else plan.name
        listed = write_listed_clip(ListedClip(plan.images, plan.fps, plan.origin), lists, name)
        for obj in plan.objects:
            yield _track(plan, obj, listed)


def _track(plan: Plan, obj: PlannedObject, listed: Path) -> Record:
    assert obj.track is not None and plan.origin is not None, "TAO-Amodal's objects are tracks"
    track = obj.track
    return {
        "id": f"{plan.origin.video_id}/{track.track_id}",
        "source": str(listed.absolute()),
        "label": obj.label,
        "boxes": [box_json(box) for box in obj.boxes],
        "amodal_boxes": [box_json(box) for box in obj.amodal_boxes],
        "track": [track.track_id, track.category_id, list(track.unsure)],
    }


def of_sequences(folder: Path, *, fps: float, label: str | None, mask_values: MaskValues) -> Made:
    """Return a record for each object of a folder with ``rgbs`` and ``masks``, or of each such folder in ``folder``.

    ``fps`` is the frame rate of the clips. ``label`` replaces the label made from the names. Raises FormatError if
    there is no such folder.
    """
    inside = [path for path in _inner(folder) if is_sequences_folder(path)]
    folders = [folder] if is_sequences_folder(folder) else inside
    return _of_folders(folder, folders, fps=fps, label=label, mask_values=mask_values)


def of_tabe(folder: Path, *, fps: float, label: str | None, mask_values: MaskValues) -> Made:
    """Return a record for each object of one video's folder of TABE, or of each such folder in ``folder``.

    ``fps`` is the frame rate of the clips. ``label`` replaces the label made from the names. Raises FormatError if
    there is no such folder.
    """
    return _of_folders(folder, video_folders(folder), fps=fps, label=label, mask_values=mask_values)


def _of_folders(
    folder: Path, folders: Sequence[Path], *, fps: float, label: str | None, mask_values: MaskValues
) -> Made:
    if not folders:
        raise FormatError(f"{folder} is no such folder, and holds none; see the formats in docs/formats.md")
    made = Made()
    for path in folders:
        try:
            source = read_sequences(path) if is_sequences_folder(path) else read_tabe(path).as_sequence()
            made.records += _sequence(path, source, fps=fps, label=label, mask_values=mask_values)
        except InputError as error:
            made.problems.append(str(error))
    return made


def _sequence(
    folder: Path, source: SequencesSource, *, fps: float, label: str | None, mask_values: MaskValues
) -> Iterator[Record]:
    name = folder.resolve().name
    for given in read_masks(source.masks, size_wh=source.size_wh, values=mask_values).objects:
        yield {
            "id": f"{name}/{given.name}".rstrip("/"),
            "source": str(source.rgbs.absolute()),
            "masks": str(next(iter(source.masks.values())).parent.absolute()),
            "mask_values": mask_values,
            "mask_object": given.name,
            "label": label or f"{name} {given.name}".rstrip(),
            "fps": fps,
            "project": folder_name(name),
        }


def of_projects(folder: Path) -> Made:
    """Return a record for each prompted object of a project, or of every project in ``folder``.

    Raises FormatError if there is no project.
    """
    made = Made()
    folders = [folder] if is_project(folder) else [path for path in _inner(folder) if is_project(path)]
    if not folders:
        raise FormatError(f"{folder} is no project, and holds none")
    for path in folders:
        try:
            with closing(Project.open(path)) as project:
                made.records += [
                    {"id": f"{path.name}/{obj.id}", "source": str(path.absolute()), "object": obj.id}
                    for obj in project.truth.objects
                    if obj.prompted()
                ]
        except VasToolError as error:
            made.problems.append(str(error))
    return made


def of_folder(folder: Path, *, masks: Path | None, label: str | None, fps: float) -> Made:
    """Return a record for each video and each folder of images in ``folder``.

    ``masks`` is a folder with one folder of masks for each of them, of the same name. If it is None, the records have
    no prompts, and a person adds clicks or boxes to each. Raises FormatError if there is nothing in ``folder``.
    """
    made = Made()
    sources = [p for p in _inner(folder) if p.is_dir() or p.suffix.lower() in VIDEO_SUFFIXES]
    if not sources:
        raise FormatError(f"{folder} holds no videos and no folders; check the path")
    for source in sources:
        record: Record = {"id": source.name, "source": str(source.absolute()), "fps": fps}
        if label:
            record["label"] = label
        own = None if masks is None else masks / (source.name if source.is_dir() else source.stem)
        if own is not None and not own.is_dir():
            made.problems.append(f"{source}: {own} is no folder of masks; left out")
            continue
        made.records.append({**record, "clicks": []} if own is None else {**record, "masks": str(own.absolute())})
    return made


def _inner(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; check the spelling")
    return in_natural_order(path for path in folder.iterdir() if not path.name.startswith("."))
