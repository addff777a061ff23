"""Writes exports with one file for each frame, in which every object is a layer: ``exr``, ``openraster``, ``psd``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.layered_frames import LayeredClip, LayeredFrame
from vas_tool.formats.provenance import PROVENANCE, write_provenance
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.video.order import in_natural_order

WHAT = "writing layers"
"""Text of progress reports while files are written."""


@dataclass(frozen=True)
class FrameFormat:
    """A format with one file for each frame."""

    name: str
    """Name of the format for ``export``."""
    ending: str
    """End of a file's name after the frame's number, such as ``_premultiplied.exr``."""
    require: Callable[[], object]
    """Raises FormatError that names the command to run when the format's package is not installed."""
    write: Callable[[Path, LayeredFrame, LayeredClip], None]
    """Writes one file."""
    count: Callable[[Path], int]
    """Reads one file back and returns the number of objects on it. Raises FormatError that says what is wrong."""

    @property
    def file_name(self) -> re.Pattern[str]:
        """Matches the names of the format's files."""
        return re.compile(rf"\d{{5,}}{re.escape(self.ending)}")


@dataclass(frozen=True)
class ExportedFiles:
    """The files of an export for another program, and where they hold no completed objects."""

    files: tuple[Path, ...]
    """The pictures or videos."""
    seen_only: tuple[tuple[AnnotatedObject, tuple[int, ...]], ...]
    """The objects and frames of which the pictures hold only what is seen, because no content was made."""


def write_frame_files(
    kind: FrameFormat,
    project: Project,
    folder: Path,
    *,
    frames: Sequence[int] | None = None,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportedFiles:
    """Write one file for each frame into ``folder``. A former export in the folder is replaced.

    ``frames`` are the frames to write (default: all). With ``only_accepted``, an object is left out of the frames that
    nobody accepted, and frames without any object are not written. Memory does not grow with the length of the clip.

    Raises FormatError when no object is on these frames, the clip has no such frame, a package is missing, or
    ``folder`` holds anything else; Cancelled. Nothing is left of an export that fails.
    """
    kind.require()
    video = video_of(project)
    clip = LayeredClip(video, only_accepted=only_accepted)
    chosen = chosen_frames(clip, frames, every=not only_accepted)
    ours = re.compile(rf"{kind.file_name.pattern}|{re.escape(PROVENANCE)}")
    with folder_in_place(folder, ours=ours) as beside:
        for i in ticking(chosen, progress, before=0, total=len(chosen)):
            kind.write(beside / f"{i:05d}{kind.ending}", clip.frame(i), clip)
        write_provenance(beside, video, format_name=kind.name, objects=clip.objects, frames=chosen)
        progress(len(chosen), len(chosen), WHAT)
    files = tuple(folder / f"{i:05d}{kind.ending}" for i in chosen)
    return ExportedFiles(files, seen_only(clip, chosen))


def chosen_frames(clip: LayeredClip, frames: Sequence[int] | None, *, every: bool) -> list[int]:
    """Return the given frames (None: all), or with ``every`` False those among them that have an object.

    Raises FormatError when the clip has no such frame, or no object is on any of the frames.
    """
    asked = list(range(len(clip)) if frames is None else frames)
    missing = [i for i in asked if not 0 <= i < len(clip)]
    if missing:
        raise FormatError(f"frame {missing[0]} is not in the clip; it has frames 0 to {len(clip) - 1}")
    there = {i for obj in clip.objects for i in clip.frames_of(obj)}
    if not there & set(asked):
        raise FormatError("no object has a mask on the chosen frames; track an object, complete or accept it first")
    return asked if every else [i for i in asked if i in there]


def ticking(frames: Sequence[int], progress: Progress, *, before: int, total: int) -> Iterator[int]:
    """Yield the frames. Before each one, report progress: ``before`` plus the number of frames done, of ``total``."""
    for done, frame_index in enumerate(frames):
        progress(before + done, total, WHAT)
        yield frame_index


def seen_only(clip: LayeredClip, frames: Sequence[int]) -> tuple[tuple[AnnotatedObject, tuple[int, ...]], ...]:
    """Return the objects with frames, among ``frames``, that have a mask and no content."""
    found = ((obj, tuple(sorted(set(clip.seen_only(obj)) & set(frames)))) for obj in clip.objects)
    return tuple((obj, bare) for obj, bare in found if bare)


def is_frame_folder(kind: FrameFormat, folder: Path) -> bool:
    """Return whether a folder holds files of the format, and nothing else but their provenance."""
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    pictures = [name for name in names if kind.file_name.fullmatch(name)]
    return bool(pictures) and set(names) <= {*pictures, PROVENANCE}


def check_frame_files(kind: FrameFormat, folder: Path) -> tuple[int, int, list[str]]:
    """Read every file. Return the number of frames, the number of objects on them, and one sentence per problem."""
    try:
        kind.require()
    except FormatError as error:
        return 0, 0, [str(error)]
    problems: list[str] = []
    counts = list(_counts(kind, in_natural_order(folder.glob(f"*{kind.ending}")), problems))
    return len(counts), sum(counts), problems


def _counts(kind: FrameFormat, paths: Sequence[Path], problems: list[str]) -> Iterator[int]:
    for path in paths:
        try:
            yield kind.count(path)
        except FormatError as error:
            problems.append(str(error))
            yield 0
