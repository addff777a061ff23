"""Exports by the name of the format, for the command line and the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, ProjectDamaged
from vas_tool.formats.alpha_videos import write_alpha_videos
from vas_tool.formats.burst import write_burst
from vas_tool.formats.coco import write_coco
from vas_tool.formats.cocoa import write_cocoa
from vas_tool.formats.diffusion_vas import write_samples
from vas_tool.formats.exr import EXR
from vas_tool.formats.frame_files import FrameFormat, HandedOff, write_frame_files
from vas_tool.formats.gen_omnimatte import write_gen_omnimatte
from vas_tool.formats.hf_dataset import write_hf_dataset
from vas_tool.formats.kins import write_kins
from vas_tool.formats.layers import write_layers
from vas_tool.formats.notes import Note, worded
from vas_tool.formats.openraster import OPENRASTER
from vas_tool.formats.psd import PSD
from vas_tool.formats.sequences import frames_without_mask, write_sequences
from vas_tool.formats.sv4d import write_sv4d
from vas_tool.formats.tabe import write_tabe
from vas_tool.formats.tally import ExportSummary
from vas_tool.formats.tao_predictions import write_predictions
from vas_tool.formats.video_stream import VideoStream
from vas_tool.formats.videos import unreviewed
from vas_tool.formats.youtube_vis import write_youtube_vis
from vas_tool.project import Project
from vas_tool.scene.video import write_scene
from vas_tool.wording import counted


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    paths: tuple[Path, ...]
    """The written files or folders."""
    notes: tuple[Note, ...] = ()
    """Notes for the user: counts, what was left out, what nobody has reviewed."""


@dataclass(frozen=True)
class _Order:
    projects: Sequence[Project]
    out: Path
    only_accepted: bool
    progress: Progress
    frames: Sequence[int] | None = None
    """The frames to write, for formats in ``OF_FRAMES``; None for the format's own choice."""


class _FileWriter(Protocol):
    def __call__(
        self, projects: Sequence[Project], path: Path, *, only_accepted: bool, progress: Progress
    ) -> ExportSummary: ...


class _StreamWriter(Protocol):
    def __call__(
        self, projects: VideoStream, path: Path, *, only_accepted: bool, progress: Progress
    ) -> ExportSummary: ...


class _FolderWriter(Protocol):
    def __call__(
        self, project: Project, folder: Path, *, object_id: int, only_accepted: bool, progress: Progress
    ) -> Path: ...


def export(
    projects: Sequence[Project],
    name: str,
    out: Path,
    *,
    frames: Sequence[int] | None = None,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write open projects in the format ``name`` to ``out``, a .json file for formats in ``FILES``, else a folder.

    ``frames`` are the frames to write, for formats in ``OF_FRAMES``; None for all (``sv4d``: the clearest 21).

    Raises FormatError when the format is unknown, takes no frames, or there is nothing to write.
    """
    if name not in EXPORTS:
        raise FormatError(f"there is no format {name!r}; choose one of {', '.join(EXPORTS)}")
    if frames is not None and name not in OF_FRAMES:
        raise FormatError(f"{name} is written of the whole clip; only {', '.join(OF_FRAMES)} take frames")
    if name not in (*FILES, "hf-dataset") and len({project.name for project in projects}) < len(projects):
        raise FormatError("two projects have the same name and would replace one another; export them one by one")
    if name != "layers" and not any(
        project.truth.objects for project in projects
    ):  # layers: a project without objects may have depth
        raise FormatError(
            f"{', '.join(p.name for p in projects)}: there is no object to write; click one and track it first"
        )
    order = _Order(projects, out, only_accepted, progress, frames)
    try:
        done = EXPORTS[name](order)
    except ProjectDamaged:  # the picture counts as absent from now on; others may be damaged, too
        for project in projects:
            project.look_through(progress)
        done = EXPORTS[name](order)
    return replace(
        done,
        notes=(
            *done.notes,
            *(Note("project", project.name, text=said) for project in projects for said in project.notes),
        ),
    )


def export_folders(
    folders: Sequence[Path], name: str, out: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> Exported:
    """Write projects in a format of ``STREAMED``; each is open only while it is written, however many there are.

    The same projects give the bytes of ``export``, whatever their order. Raises FormatError when there is nothing to
    write or somebody changes a project meanwhile, and as ``Project.open``.
    """
    path = _file_of(name, out) if name in FILES else out
    for thorough in (False, True):
        videos = VideoStream(folders, thorough=thorough)
        if not videos.num_objects:
            raise FormatError(
                f"there is no object to write in {counted(len(folders), 'project')}; click one and track it"
            )
        try:
            summary = STREAMED[name](videos, path, only_accepted=only_accepted, progress=progress)
        except ProjectDamaged:  # then every picture is read first, and damaged ones count as absent
            if thorough:
                raise
            continue
        own = (Note("project", project, text=text) for project, text in videos.notes)
        return Exported((summary.path,), (*_notes(summary), *own))
    raise AssertionError("the second time returns or raises")


def _file_of(name: str, out: Path) -> Path:
    return out if out.suffix and not out.is_dir() else out / f"{name}.json"


def default_out(name: str, folder: Path) -> Path:
    """Return the path of the page's export inside a project's ``exports`` folder."""
    return folder / (f"{name}.json" if name in FILES else name)


def _file(name: str, write: _FileWriter) -> Callable[[_Order], Exported]:
    """Return the export of a format with one file for all projects."""

    def run(order: _Order) -> Exported:
        path = _file_of(name, order.out)
        summary = write(order.projects, path, only_accepted=order.only_accepted, progress=order.progress)
        return Exported((summary.path,), _notes(summary))

    return run


def _hf_dataset(order: _Order) -> Exported:
    summary = write_hf_dataset(order.projects, order.out, only_accepted=order.only_accepted, progress=order.progress)
    return Exported((summary.path,), _notes(summary))


def _notes(summary: ExportSummary) -> tuple[Note, ...]:
    written = Note("written", numbers=(summary.num_annotations, summary.num_images, summary.num_accepted))
    stand_ins = Note("modal_only", numbers=(summary.num_modal_only,))
    return (written, *[stand_ins] * bool(summary.num_modal_only), *summary.unreviewed, *summary.left_out)


def _folders(write: _FolderWriter) -> Callable[[_Order], Exported]:
    """Return the export of a format with one folder per object."""

    def run(order: _Order) -> Exported:
        notes: list[Note] = []
        written = 0
        for project in order.projects:
            for obj in project.truth.objects:
                if order.only_accepted and not obj.accepted:
                    notes.append(Note("object_left_out", project.name, obj.id, obj.label))
                    continue
                out, bar = order.out, order.progress
                folder = write(project, out, object_id=obj.id, only_accepted=order.only_accepted, progress=bar)
                count = len(obj.accepted) if order.only_accepted else len(project.clip)
                written += 1
                numbers = count, len(frames_without_mask(project, obj.id))
                notes.append(Note("folder", folder.name, label=obj.label, numbers=numbers))
        if not written:
            raise FormatError(
                "; ".join(map(worded, notes)) or "there is no object to write; click one and track it first"
            )
        return Exported((order.out,), (*notes, *_unreviewed(order)))

    return run


def _unreviewed(order: _Order) -> list[Note]:
    return [] if order.only_accepted else [note for project in order.projects for note in unreviewed(project)]


def _layers(order: _Order) -> Exported:
    files: list[Path] = []
    for project in order.projects:
        folder = order.out if len(order.projects) == 1 else order.out / project.name
        files += write_layers(project, folder, only_accepted=order.only_accepted, progress=order.progress)
    return Exported((order.out,), (Note("files", numbers=(len(files),)), *_shorter(order), *_unreviewed(order)))


def _handed_off(write: Callable[[_Order, Project, Path], HandedOff]) -> Callable[[_Order], Exported]:
    """Return the export of a format for another program: a folder, or one for each of several projects."""

    def run(order: _Order) -> Exported:
        files, notes = 0, []
        for project in order.projects:
            folder = order.out if len(order.projects) == 1 else order.out / project.name
            done = write(order, project, folder)
            files += len(done.files)
            notes += [Note("seen_only", project.name, obj.id, obj.label, frames) for obj, frames in done.seen_only]
        return Exported((order.out,), (Note("files", numbers=(files,)), *notes, *_unreviewed(order)))

    return run


def _frame_files(kind: FrameFormat) -> Callable[[_Order], Exported]:
    return _handed_off(
        lambda order, project, folder: write_frame_files(
            kind,
            project,
            folder,
            frames=order.frames,
            only_accepted=order.only_accepted,
            progress=order.progress,
        )
    )


def _alpha_videos(name: str) -> Callable[[_Order], Exported]:
    return _handed_off(
        lambda order, project, folder: write_alpha_videos(
            name, project, folder, only_accepted=order.only_accepted, progress=order.progress
        )
    )


def _sv4d(order: _Order, project: Project, folder: Path) -> HandedOff:
    accepted, progress = order.only_accepted, order.progress
    return write_sv4d(project, folder, frames=order.frames, only_accepted=accepted, progress=progress)


def _gen_omnimatte(order: _Order, project: Project, folder: Path) -> HandedOff:
    return write_gen_omnimatte(project, folder, only_accepted=order.only_accepted, progress=order.progress)


def _scene(order: _Order, project: Project, folder: Path) -> HandedOff:
    return write_scene(project, folder, only_accepted=order.only_accepted, progress=order.progress)


def _shorter(order: _Order) -> Iterator[Note]:
    """Yield a note for each project whose videos are shorter than its source."""
    for project in order.projects:
        lasts, step = len(project.ledger) / project.clip.fps, 1 / project.clip.fps
        source = project.ledger[-1].pts_seconds - project.ledger[0].pts_seconds + step
        if source - lasts > 2 * step:
            yield Note("shorter", project.name, numbers=(lasts, source))


STREAMED: dict[str, _StreamWriter] = {
    "coco": write_coco,
    "youtube-vis": write_youtube_vis,
    "tao-amodal": write_predictions,
    "kins": write_kins,
    "cocoa": write_cocoa,
    "burst": write_burst,
    "hf-dataset": write_hf_dataset,
}
"""Name of a format -> its writer, for formats that need no more than one project open at a time."""

FILES: dict[str, Callable[[_Order], Exported]] = {
    "coco": _file("coco", write_coco),
    "youtube-vis": _file("youtube-vis", write_youtube_vis),
    "tao-amodal": _file("tao-amodal", write_predictions),
    "diffusion-vas": _file("diffusion-vas", write_samples),
    "kins": _file("kins", write_kins),
    "cocoa": _file("cocoa", write_cocoa),
    "burst": _file("burst", write_burst),
}
"""Name of a format -> its writer, for formats that hold several projects in one .json file."""

EXPORTS: dict[str, Callable[[_Order], Exported]] = {
    **FILES,
    "hf-dataset": _hf_dataset,
    "tabe": _folders(write_tabe),
    "sequences": _folders(write_sequences),
    "layers": _layers,
    "exr": _frame_files(EXR),
    "openraster": _frame_files(OPENRASTER),
    "psd": _frame_files(PSD),
    "prores": _alpha_videos("prores"),
    "webm": _alpha_videos("webm"),
    "gen-omnimatte": _handed_off(_gen_omnimatte),
    "sv4d": _handed_off(_sv4d),
    "scene": _handed_off(_scene),
}
"""Name of a format -> its writer."""

OF_FRAMES = ("exr", "openraster", "psd", "sv4d")
"""Formats that can be written of some frames."""
