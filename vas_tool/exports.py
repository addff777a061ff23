"""Exports projects by the name of a format, for the command line, the page and batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from vas_tool.formats.frame_files import ExportedFiles, write_frame_files
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
    """Counts, and notes on what was left out and what nobody has reviewed."""


@dataclass(frozen=True)
class _Request:
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

    ``frames`` are the frames to write, for formats in ``OF_FRAMES``; None for all, for ``sv4d`` the 21 consecutive ones
    on which the least is hidden. ``only_accepted`` leaves out frames that nobody accepted.

    Raises FormatError when the format is unknown, takes no frames, there is nothing to write, or the disk
    refuses; ProjectError when a project is damaged; Cancelled.
    """
    if name not in EXPORTS:
        raise FormatError(f"there is no format {name!r}; choose one of {', '.join(EXPORTS)}")
    if frames is not None and name not in OF_FRAMES:
        raise FormatError(f"{name} is written of the whole clip; only {', '.join(OF_FRAMES)} take frames")
    if name not in (*FILES, "hf-dataset") and len({project.name for project in projects}) < len(projects):
        raise FormatError("two projects have the same name and would replace one another; export them one by one")
    if name != "layers" and not any(
        project.truth.objects for project in projects
    ):  # a project without objects may have depth, which layers write
        raise FormatError(
            f"{', '.join(p.name for p in projects)}: there is no object to write; click one and track it first"
        )
    request = _Request(projects, out, only_accepted, progress, frames)
    try:
        done = EXPORTS[name](request)
    except ProjectDamaged:  # from now on the picture counts as absent; find the other damaged ones
        for project in projects:
            project.look_through(progress)
        done = EXPORTS[name](request)
    return replace(
        done,
        notes=(
            *done.notes,
            *(Note("project", project.name, text=text) for project in projects for text in project.notes),
        ),
    )


def export_folders(
    folders: Sequence[Path], name: str, out: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> Exported:
    """Write projects in a format of ``STREAMED``. Each is open only while it is written, so there may be many.

    The same projects give the bytes of ``export``, whatever their order. Raises FormatError when there is nothing to
    write or a project changes meanwhile, the errors of ``Project.open``, and Cancelled.
    """
    path = _target(name, out)
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


def _target(name: str, out: Path) -> Path:
    """Return the path that a format of one file or one folder for all projects is written to."""
    return out if name not in FILES or (out.suffix and not out.is_dir()) else out / f"{name}.json"


def default_out(name: str, folder: Path) -> Path:
    """Return the path in ``folder`` to which the page exports a format: a .json file or a folder of its name."""
    return folder / (f"{name}.json" if name in FILES else name)


def _file(name: str, write: _FileWriter) -> Callable[[_Request], Exported]:
    """Return the export of a format with one file, or one folder, for all projects."""

    def run(request: _Request) -> Exported:
        path = _target(name, request.out)
        summary = write(request.projects, path, only_accepted=request.only_accepted, progress=request.progress)
        return Exported((summary.path,), _notes(summary))

    return run


def _notes(summary: ExportSummary) -> tuple[Note, ...]:
    written = Note("written", numbers=(summary.num_annotations, summary.num_images, summary.num_accepted))
    stand_ins = Note("modal_only", numbers=(summary.num_modal_only,))
    return (written, *[stand_ins] * bool(summary.num_modal_only), *summary.unreviewed, *summary.left_out)


def _folders(write: _FolderWriter) -> Callable[[_Request], Exported]:
    """Return the export of a format with one folder per object."""

    def run(request: _Request) -> Exported:
        notes: list[Note] = []
        written = 0
        for project in request.projects:
            for obj in project.truth.objects:
                if request.only_accepted and not obj.accepted:
                    notes.append(Note("object_left_out", project.name, obj.id, obj.label))
                    continue
                out, bar = request.out, request.progress
                folder = write(project, out, object_id=obj.id, only_accepted=request.only_accepted, progress=bar)
                count = len(obj.accepted) if request.only_accepted else len(project.clip)
                written += 1
                numbers = count, len(frames_without_mask(project, obj.id))
                notes.append(Note("folder", folder.name, label=obj.label, numbers=numbers))
        if not written:
            raise FormatError(
                "; ".join(map(worded, notes)) or "there is no object to write; click one and track it first"
            )
        return Exported((request.out,), (*notes, *_unreviewed(request)))

    return run


def _unreviewed(request: _Request) -> list[Note]:
    return [] if request.only_accepted else [note for project in request.projects for note in unreviewed(project)]


def _layers(request: _Request) -> Exported:
    files: list[Path] = []
    for project in request.projects:
        folder = request.out if len(request.projects) == 1 else request.out / project.name
        files += write_layers(project, folder, only_accepted=request.only_accepted, progress=request.progress)
    return Exported((request.out,), (Note("files", numbers=(len(files),)), *_shorter(request), *_unreviewed(request)))


def _for_other_programs(
    write: Callable[..., ExportedFiles], *, takes_frames: bool = False
) -> Callable[[_Request], Exported]:
    """Return the export of a format for another program: a folder, or one for each of several projects."""

    def run(request: _Request) -> Exported:
        files, notes = 0, []
        options = {"only_accepted": request.only_accepted, "progress": request.progress}
        options |= {"frames": request.frames} if takes_frames else {}
        for project in request.projects:
            folder = request.out if len(request.projects) == 1 else request.out / project.name
            done = write(project, folder, **options)
            files += len(done.files)
            notes += [Note("seen_only", project.name, obj.id, obj.label, frames) for obj, frames in done.seen_only]
        return Exported((request.out,), (Note("files", numbers=(files,)), *notes, *_unreviewed(request)))

    return run


def _shorter(request: _Request) -> Iterator[Note]:
    """Yield a note for each project whose videos are shorter than its source."""
    for project in request.projects:
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

FILES: dict[str, Callable[[_Request], Exported]] = {
    "coco": _file("coco", write_coco),
    "youtube-vis": _file("youtube-vis", write_youtube_vis),
    "tao-amodal": _file("tao-amodal", write_predictions),
    "diffusion-vas": _file("diffusion-vas", write_samples),
    "kins": _file("kins", write_kins),
    "cocoa": _file("cocoa", write_cocoa),
    "burst": _file("burst", write_burst),
}
"""Name of a format -> its writer, for formats that hold several projects in one .json file."""

EXPORTS: dict[str, Callable[[_Request], Exported]] = {
    **FILES,
    "hf-dataset": _file("hf-dataset", write_hf_dataset),
    "tabe": _folders(write_tabe),
    "sequences": _folders(write_sequences),
    "layers": _layers,
    "exr": _for_other_programs(partial(write_frame_files, EXR), takes_frames=True),
    "openraster": _for_other_programs(partial(write_frame_files, OPENRASTER), takes_frames=True),
    "psd": _for_other_programs(partial(write_frame_files, PSD), takes_frames=True),
    "prores": _for_other_programs(partial(write_alpha_videos, "prores")),
    "webm": _for_other_programs(partial(write_alpha_videos, "webm")),
    "gen-omnimatte": _for_other_programs(write_gen_omnimatte),
    "sv4d": _for_other_programs(write_sv4d, takes_frames=True),
    "scene": _for_other_programs(write_scene),
}
"""Name of a format -> its writer."""

OF_FRAMES = ("exr", "openraster", "psd", "sv4d")
"""Formats that can be written of some frames."""
