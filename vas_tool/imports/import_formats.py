"""Lists the formats that can be imported, and calls the import with the options of the command line."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress
from vas_tool.errors import InputError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile
from vas_tool.formats.annotations.burst_sequences import read_burst
from vas_tool.formats.annotations.cocoa_regions import read_cocoa_regions
from vas_tool.formats.annotations.cvat_tracks import read_cvat
from vas_tool.formats.annotations.image_level import read_image_level
from vas_tool.formats.annotations.labelme_shapes import read_labelme
from vas_tool.formats.annotations.mask_trees import read_mask_tree, video_names
from vas_tool.formats.annotations.video_level import read_video_level
from vas_tool.imports.annotated import USUAL_FPS, AnnotatedChoice, import_annotated
from vas_tool.imports.cvat_videos import import_cvat_video
from vas_tool.imports.diffusion_vas import SampleChoice, import_samples
from vas_tool.imports.folders import TABE_FPS, import_sequence_folders, import_tabe
from vas_tool.imports.planned import Imported
from vas_tool.imports.tao_amodal import Choice, import_tao_amodal


def _tao_amodal(options: Namespace, progress: Progress) -> Imported:
    return import_tao_amodal(options.source, options.projects, **tao_amodal_choices(options), progress=progress)


def tao_amodal_choices(options: Namespace) -> dict[str, Any]:
    """Return the keyword arguments of ``plan_tao_amodal`` for the options. Raises InputError for invalid ones."""
    choice = Choice(
        videos=tuple(options.video),
        tracks=tuple(options.track),
        categories=tuple(options.category),
        visibility=_band(options.visibility),
        out_of_frame=options.out_of_frame,
    )
    fps = rate(options, USUAL_FPS)
    return {"frames": options.frames, "choice": choice, "fps": fps, "annotated_fps": options.annotated_fps}


def rate(options: Namespace, usual: float) -> float:
    """Return ``--fps`` in frames per second, or ``usual`` without it. Raises InputError unless it is above 0."""
    asked: float = usual if options.fps is None else options.fps
    if not (asked > 0 and math.isfinite(asked)):
        raise InputError(f"--fps must be more than 0, got {asked}; leave it out for the format's own")
    return asked


def _band(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low <= high <= 1:
        raise InputError(f"--visibility needs LOW,HIGH from 0 to 1, such as 0.1,0.8; got {text!r}")
    return low, high


def _diffusion_vas(options: Namespace, progress: Progress) -> Imported:
    return import_samples(
        options.source,
        options.projects,
        frames=options.frames,
        choice=SampleChoice(videos=tuple(options.video), tracks=tuple(options.track)),
        fps=None if options.fps is None else rate(options, USUAL_FPS),
        with_amodal=options.with_amodal,
        categories=options.categories,
        progress=progress,
    )


def _tabe(options: Namespace, progress: Progress) -> Imported:
    return import_tabe(
        options.source,
        options.projects,
        fps=rate(options, TABE_FPS),
        label=options.label,
        with_amodal=options.with_amodal,
        mask_values=options.mask_values,
        progress=progress,
    )


def _sequences(options: Namespace, progress: Progress) -> Imported:
    return import_sequence_folders(
        options.source,
        options.projects,
        fps=rate(options, USUAL_FPS),
        label=options.label,
        mask_values=options.mask_values,
        progress=progress,
    )


def _annotated(
    options: Namespace, progress: Progress, read: Callable[[Path], AnnotatedFile], *, frames: Path
) -> Imported:
    return import_annotated(
        read,
        options.source,
        options.projects,
        frames=frames,
        choice=_choice(options),
        fps=None if options.fps is None else rate(options, USUAL_FPS),
        with_amodal=getattr(options, "with_amodal", False),
        progress=progress,
    )


def _choice(options: Namespace) -> AnnotatedChoice:
    return AnnotatedChoice(tuple(options.video), tuple(options.track), tuple(options.category))


def _listed(read: Callable[[Path], AnnotatedFile]) -> Callable[[Namespace, Progress], Imported]:
    """Return the import of a format with one annotation file, whose pictures lie below ``--frames``."""
    return lambda options, progress: _annotated(options, progress, read, frames=options.frames)


def _cvat(options: Namespace, progress: Progress) -> Imported:
    if options.frames.is_file():
        return import_cvat_video(
            options.source,
            options.projects,
            video=options.frames,
            choice=_choice(options),
            fps=rate(options, USUAL_FPS),
            progress=progress,
        )
    return _annotated(options, progress, partial(read_cvat, frames=options.frames), frames=options.frames)


def _labelme(options: Namespace, progress: Progress) -> Imported:
    return _annotated(options, progress, read_labelme, frames=options.source)


def _davis(options: Namespace, progress: Progress) -> Imported:
    choice = _choice(options)

    def read(root: Path) -> AnnotatedFile:
        names = [name for name in video_names(root) if choice.takes_video(name)]
        return read_mask_tree(root, names, mask_values=options.mask_values, progress=progress)

    return _annotated(options, progress, read, frames=options.source)


IMPORTS: dict[str, Callable[[Namespace, Progress], Imported]] = {
    "tao-amodal": _tao_amodal,
    "diffusion-vas": _diffusion_vas,
    "tabe": _tabe,
    "sequences": _sequences,
    "coco": _listed(read_image_level),
    "kins": _listed(read_image_level),
    "cocoa": _listed(read_cocoa_regions),
    "youtube-vis": _listed(read_video_level),
    "burst": _listed(read_burst),
    "davis": _davis,
    "cvat": _cvat,
    "labelme": _labelme,
}
"""Name of a format -> the function that makes projects from it."""
