"""Which files of a folder of frames make the clip, when only some of them are annotated. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median

from vas_tool.errors import InputError

SLOWER = 0.98
"""A clip below this part of the rate asked for is a slower one."""


def seconds_of(frame_indices: Sequence[int | None], *, annotated_fps: float) -> list[float]:
    """When the annotated frames are shown, the first at 0 seconds.

    ``frame_indices`` counts at the video's own rate, and most annotated frames are ``1 / annotated_fps`` seconds
    apart: the usual step between them is that long. Without indices, every step is. Raises InputError.
    """
    if not annotated_fps > 0:
        raise InputError(f"the annotated frames a second must be more than 0, got {annotated_fps}; 1 is the usual one")
    indices = [index for index in frame_indices if index is not None]
    steps = [after - before for before, after in pairwise(indices)]
    if len(indices) < len(frame_indices) or min(steps, default=0) <= 0:
        return [place / annotated_fps for place in range(len(frame_indices))]
    a_second = median(steps) * annotated_fps
    return [(index - indices[0]) / a_second for index in indices]


def between(
    places: Sequence[int], seconds: Sequence[float], *, fps: float, broken: Collection[int] = ()
) -> list[tuple[int, float]]:
    """(place, seconds) of the clip's frames: every annotated one, and those nearest to the clip's rate between them.

    ``places`` are those of the annotated frames among all files, ascending; the files between two of them are taken
    to be evenly spaced in time. No file comes twice; a file at one of the places ``broken`` gives way to another.
    """
    chosen: list[tuple[int, float]] = []
    for (first, last), (start, end) in zip(pairwise(places), pairwise(seconds), strict=True):
        good = [place for place in range(first, last) if place not in broken]
        steps = min(max(1, round((end - start) * fps)), len(good))
        for step in range(steps):
            place = good[round(step * len(good) / steps)]
            chosen.append((place, start + (end - start) * (place - first) / (last - first)))
    return [*chosen, (places[-1], seconds[-1])]


def rate_of(seconds: Sequence[float], *, fps: float) -> float:
    """Frames a second of the clip: what was asked for, or the average when there are fewer frames than that."""
    if len(seconds) < 2:
        return fps
    average = (len(seconds) - 1) / (seconds[-1] - seconds[0])
    return average if average < SLOWER * fps else fps
