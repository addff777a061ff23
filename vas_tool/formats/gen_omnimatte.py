"""Writes the input folder of Generative Omnimatte (CVPR 2025), as its public code reads it (``get_video_mask_input``).

input_video.mp4   the clip
mask_00.mp4       the modal masks of the first object, white on black, lossless; mask_01.mp4: the second one, ...
prompt.json       {"bg": text}: what the clip shows without the objects; edit it
provenance.json   the objects in the order of the masks, and how each mask was made

The method removes objects and what they cause (shadows, reflections), and gives each object as a layer. Its reader
takes pixels of 240 and more as the mask, resizes to its own size, and reads at most 197 frames.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from vas_tool import drawing
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.frame_files import WHAT, ExportedFiles, ticking
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.provenance import PROVENANCE, write_provenance
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import Mask
from vas_tool.video import write_video

MOST_FRAMES = 197
"""Frames that the public code reads at most (``max_video_length``)."""

THRESHOLD = 240
"""Grey value from which the public code takes a pixel as the mask."""

PROMPT = {"bg": "a video of the scene."}
"""Default of ``prompt.json``: the public examples describe the background in such a sentence."""

OUR_FILES = re.compile(rf"input_video\.mp4|mask_\d{{2,}}\.mp4|prompt\.json|{re.escape(PROVENANCE)}")
"""Matches the files that ``write_gen_omnimatte`` writes."""


def write_gen_omnimatte(
    project: Project, folder: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> ExportedFiles:
    """Write the folder of one clip. A former export in the folder is replaced, also its prompt.

    A frame without a modal mask of an object gets a black mask. With ``only_accepted``, objects without an accepted
    frame are left out, and the videos hold the frames on which every other object is accepted. Memory does not grow
    with the length of the clip.

    Raises FormatError when no object has a modal mask, no frame is left, or ``folder`` holds anything else; Cancelled.
    """
    video = video_of(project)
    objects = [o for o in video.truth.objects if len(project.modal(o.id)) and (o.accepted or not only_accepted)]
    frames = _frames(project, objects, only_accepted=only_accepted)
    total, fps = (len(objects) + 1) * len(frames), project.clip.fps
    with folder_in_place(folder, ours=OUR_FILES) as beside:
        ticks = ticking(frames, progress, before=0, total=total)
        write_video(beside / "input_video.mp4", (project.clip[i] for i in ticks), fps=fps)
        for number, obj in enumerate(objects):
            ticks = ticking(frames, progress, before=(number + 1) * len(frames), total=total)
            masks = project.modal(obj.id)
            nothing: Mask = np.zeros(project.clip.size_wh[::-1], np.bool_)
            pictures = map(drawing.mask_picture, (masks.get(i, nothing) for i in ticks))
            write_video(beside / f"mask_{number:02d}.mp4", pictures, fps=fps, lossless=True)
        (beside / "prompt.json").write_text(json.dumps(PROMPT, indent=4))
        write_provenance(beside, video, format_name="gen-omnimatte", objects=objects, frames=frames)
        progress(total, total, WHAT)
    names = ("input_video.mp4", *(f"mask_{i:02d}.mp4" for i in range(len(objects))), "prompt.json")
    return ExportedFiles(tuple(folder / name for name in names), ())


def _frames(project: Project, objects: Sequence[AnnotatedObject], *, only_accepted: bool) -> list[int]:
    if not objects:
        raise FormatError(f"{project.name}: no object has a mask to write; track an object first, or accept its frames")
    frames = set(range(len(project.clip)))
    if only_accepted:
        frames = frames.intersection(*(obj.accepted for obj in objects))
    if not frames:
        raise FormatError(f"{project.name}: on no frame every object is accepted; accept more, or export all frames")
    return sorted(frames)


def is_gen_omnimatte_folder(folder: Path) -> bool:
    """Return whether a folder holds an input video and masks with the names that Generative Omnimatte reads."""
    return (folder / "input_video.mp4").is_file() and any(folder.glob("mask_*.mp4"))


def check_gen_omnimatte(folder: Path) -> tuple[int, int, list[str]]:
    """Decode every video. Return the number of frames, the number of masks that are not empty, and one sentence per
    problem.
    """
    problems: list[str] = []
    shapes: dict[str, tuple[int, int, int]] = {}
    masks = 0
    for path in [folder / "input_video.mp4", *sorted(folder.glob("mask_*.mp4"))]:
        if found := checked_video(path, problems):
            shapes[path.name], seen = found
            masks += seen if path.name.startswith("mask_") else 0
    for (one, shape), (other, other_shape) in pairwise(shapes.items()):
        if shape != other_shape:
            differ = f"{folder}: {one} has {shape} and {other} has {other_shape} (frames, width, height)"
            problems.append(f"{differ}; export it again")
    if not (folder / "prompt.json").is_file():
        problems.append(f"{folder} has no prompt.json; export it again")
    return max((shape[0] for shape in shapes.values()), default=0), masks, problems


def checked_video(path: Path, problems: list[str]) -> tuple[tuple[int, int, int], int] | None:
    """Return (frames, width, height) of a video, and the number of frames with a pixel of the mask.

    None for a video that does not decode; ``problems`` then gets a sentence.
    """
    try:
        return _survey(path)
    except (FFmpegError, IndexError) as error:
        problems.append(f"{path} does not decode ({error}); export it again")
        return None


def _survey(path: Path) -> tuple[tuple[int, int, int], int]:
    frames, seen, size = 0, 0, (0, 0)
    with av.open(str(path)) as container:
        for picture in container.decode(container.streams.video[0]):
            frames, size = frames + 1, (picture.width, picture.height)
            seen += bool((picture.to_ndarray(format="gray") >= THRESHOLD).any())
    return (frames, *size), seen
