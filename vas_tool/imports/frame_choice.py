"""Chooses the files of a clip from a folder of frames of which only some are annotated. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median

from vas_tool.errors import InputError

SLOWER = 0.98
"""A clip is slower than requested if its rate is below this share of the requested rate."""


def seconds_of(frame_indices: Sequence[int | None], *, annotated_fps: float) -> list[float]:
    """Return the times of the annotated frames in seconds; the first is 0.

    ``frame_indices`` count at the video's own rate. The usual step between annotated frames lasts ``1 / annotated_fps``
    seconds. Without indices, every step lasts that long. Raises InputError.
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
    """Return (place, seconds) of the clip's frames: every annotated frame, and those between that fit the clip's rate
    best.

    ``places`` are the indices of the annotated frames among all files, ascending. Files between two of them are evenly
    spaced in time. No file is taken twice. Files at the places ``broken`` are replaced by others.
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
    """Return the frames per second of the clip: the requested rate, or the average rate if that is lower."""
    if len(seconds) < 2:
        return fps
    average = (len(seconds) - 1) / (seconds[-1] - seconds[0])
    return average if average < SLOWER * fps else fps
