"""The formats that can be imported, by name, for the command line."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable

from vas_tool.engines.base import Progress
from vas_tool.errors import InputError
from vas_tool.imports.diffusion_vas import SampleChoice, import_samples
from vas_tool.imports.folders import TABE_FPS, import_sequence_folders, import_tabe
from vas_tool.imports.planned import Imported
from vas_tool.imports.tao_amodal import Choice, import_tao_amodal

USUAL_FPS = 8.0
"""Default frames per second of a clip."""


def _tao_amodal(options: Namespace, progress: Progress) -> Imported:
    choice = Choice(
        videos=tuple(options.video),
        tracks=tuple(options.track),
        categories=tuple(options.category),
        visibility=_band(options.visibility),
        out_of_frame=options.out_of_frame,
    )
    return import_tao_amodal(
        options.source,
        options.projects,
        frames=options.frames,
        choice=choice,
        fps=_rate(options, USUAL_FPS),
        annotated_fps=options.annotated_fps,
        progress=progress,
    )


def _rate(options: Namespace, usual: float) -> float:
    rate: float = usual if options.fps is None else options.fps
    if not (rate > 0 and math.isfinite(rate)):
        raise InputError(f"--fps must be more than 0, got {rate}; leave it out for the format's own")
    return rate


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
        fps=None if options.fps is None else _rate(options, USUAL_FPS),
        with_amodal=options.with_amodal,
        categories=options.categories,
        progress=progress,
    )


def _tabe(options: Namespace, progress: Progress) -> Imported:
    return import_tabe(
        options.source,
        options.projects,
        fps=_rate(options, TABE_FPS),
        label=options.label,
        with_amodal=options.with_amodal,
        mask_values=options.mask_values,
        progress=progress,
    )


def _sequences(options: Namespace, progress: Progress) -> Imported:
    return import_sequence_folders(
        options.source,
        options.projects,
        fps=_rate(options, USUAL_FPS),
        label=options.label,
        mask_values=options.mask_values,
        progress=progress,
    )


IMPORTS: dict[str, Callable[[Namespace, Progress], Imported]] = {
    "tao-amodal": _tao_amodal,
    "diffusion-vas": _diffusion_vas,
    "tabe": _tabe,
    "sequences": _sequences,
}
"""Name of a format -> the function that makes projects from it."""
