"""Writes each object as a video with an alpha channel: ProRes 4444 for editors, VP9 for browsers.

001_car_straight.mov or 001_car_straight.webm   the object whole, of the canvas's size, at the clip's rate
provenance.json                                 how each object's masks were made, frame by frame

Alpha is straight. A frame without the object is transparent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import VideoError
from vas_tool.formats.frame_files import WHAT, ExportedFiles, chosen_frames, seen_only, ticking
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.layered_frames import LayeredClip, layer_name
from vas_tool.formats.provenance import PROVENANCE, write_provenance
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import Content
from vas_tool.video.alpha import CODECS, read_alpha_video, require_encoder, write_alpha_video
from vas_tool.video.order import in_natural_order

ENDINGS = {"prores": "_straight.mov", "webm": "_straight.webm"}
"""Name of the format -> the end of its files' names."""


def write_alpha_videos(
    name: str, project: Project, folder: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> ExportedFiles:
    """Write the videos of a format of ``ENDINGS`` into ``folder``. A former export in the folder is replaced.

    With ``only_accepted``, objects are transparent on frames that nobody accepted. Memory does not grow with the length
    of the clip.

    Raises FormatError when no object has a mask or ``folder`` holds anything else; VideoError when FFmpeg has no such
    encoder; Cancelled. Nothing is left of an export that fails.
    """
    ending = ENDINGS[name]
    require_encoder(CODECS[Path(ending).suffix].encoder)
    video = video_of(project)
    clip = LayeredClip(video, only_accepted=only_accepted)
    frames = chosen_frames(clip, None, every=True)
    total = len(clip.objects) * len(frames)
    with folder_in_place(folder, ours=_ours(ending)) as beside:
        for number, obj in enumerate(clip.objects):
            ticks = ticking(frames, progress, before=number * len(frames), total=total)
            write_alpha_video(beside / f"{layer_name(obj)}{ending}", _pictures(clip, obj, ticks), fps=clip.fps)
        write_provenance(beside, video, format_name=name, objects=clip.objects, frames=frames)
        progress(total, total, WHAT)
    files = tuple(folder / f"{layer_name(obj)}{ending}" for obj in clip.objects)
    return ExportedFiles(files, seen_only(clip, frames))


def _ours(ending: str) -> re.Pattern[str]:
    return re.compile(rf"\d{{3,}}_[^/]*{re.escape(ending)}|{re.escape(PROVENANCE)}")


def _pictures(clip: LayeredClip, obj: AnnotatedObject, frames: Iterable[int]) -> Iterator[Content]:
    nothing = np.zeros((*clip.canvas.size_wh[::-1], 4), np.uint8)
    for i in frames:
        layer = clip.layer(obj, i)
        yield nothing if layer is None else layer.picture


def is_alpha_folder(name: str, folder: Path) -> bool:
    """Return whether a folder holds videos of a format of ``ENDINGS``, and nothing else but their provenance."""
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    return set(names) - {PROVENANCE} != set() and all(map(_ours(ENDINGS[name]).fullmatch, names))


def check_alpha_videos(name: str, folder: Path) -> tuple[int, int, list[str]]:
    """Decode every video. Return the number of frames, the number of objects on them, and one sentence per problem."""
    lengths, seen, problems = set(), 0, []
    for path in in_natural_order(folder.glob(f"*{ENDINGS[name]}")):
        try:
            visible = [bool(picture[..., 3].any()) for picture in read_alpha_video(path)]
        except VideoError as error:
            problems.append(str(error))
            continue
        lengths.add(len(visible))
        seen += sum(visible)
    if len(lengths) > 1:
        problems.append(f"{folder} holds videos of {len(lengths)} lengths: {sorted(lengths)} frames; export it again")
    return max(lengths, default=0), seen, problems
