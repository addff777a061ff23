"""Chooses the source frames of the clip: pure functions of presentation times.

Times are exact fractions of a second, because rounded times would decide ties at random: at 12 frames per second, every
second target of an 8 FPS clip lies exactly between two frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from vas_tool.errors import VideoError
from vas_tool.video.timeline import CLOCK_RESTART

Item = TypeVar("Item")


@dataclass(frozen=True)
class Sampling:
    """The target times of a clip: start + k / fps, for k = 0, 1, ... before the end."""

    fps: float = 8.0
    start_seconds: float = 0.0
    end_seconds: float | None = None
    """End of the range, in seconds; None for the end of the source."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise VideoError(f"the clip's rate must be more than 0 frames a second, got {self.fps}; 8 is the usual one")
        if not (math.isfinite(self.start_seconds) and self.start_seconds >= 0):
            raise VideoError(f"the start must be 0 or more seconds, got {self.start_seconds}")
        if self.end_seconds is not None and not (
            math.isfinite(self.end_seconds) and self.end_seconds > self.start_seconds
        ):
            raise VideoError(
                f"the end must be later than the start, got start {self.start_seconds} s and end {self.end_seconds} s"
            )

    @property
    def step(self) -> Fraction:
        """Seconds between two targets."""
        return 1 / Fraction(self.fps)

    def target(self, k: int) -> Fraction | None:
        """Return the k-th target in seconds; None beyond the range."""
        time = Fraction(self.start_seconds) + k * self.step
        return time if self.end_seconds is None or time < Fraction(self.end_seconds) else None

    def first_after(self, time: Fraction) -> int:
        """Return the smallest k >= 0 whose target is later than ``time``."""
        return max(0, math.floor((time - Fraction(self.start_seconds)) / self.step) + 1)


def sample(
    frames: Iterable[tuple[Fraction, Item]], sampling: Sampling, *, interval: Fraction
) -> Iterator[tuple[Fraction, Item]]:
    """Yield, from frames in presentation order, those nearest to the targets; of two equally near, the earlier.

    No frame is yielded twice: if the source is slower than the clip, each of its frames is yielded once. The clip ends
    half a frame interval after the last time of the source. ``interval`` (seconds) is that interval if there is only
    one frame. Only one frame is buffered; frames after the range are not read.
    """
    target = sampling.target(0)
    previous: tuple[Fraction, Item] | None = None
    for frame in frames:
        if previous is not None and target is not None:
            interval = frame[0] - previous[0]
            middle = previous[0] + interval / 2
            if target <= middle:
                yield previous
                target = sampling.target(sampling.first_after(middle))
        if target is None:
            return
        previous = frame
    if previous is not None and target is not None and target <= previous[0] + interval / 2:
        yield previous


def presentation_times(
    frames: Iterable[tuple[Fraction | None, Item]], *, interval: Fraction
) -> Iterator[tuple[Fraction, Item]]:
    """Yield strictly increasing times from 0, computed from the times that a decoder reports.

    A frame without a time follows its predecessor by ``interval`` seconds. So does a frame whose time steps back by
    more than ``CLOCK_RESTART`` (joined recordings); the new clock continues from there. A frame whose time steps back
    by less, or does not advance, is left out, because no player shows it.
    """
    latest: Fraction | None = None
    offset: Fraction | None = None
    for reported, item in frames:
        time = Fraction(0) if latest is None else latest + interval
        if reported is not None:
            offset = time - reported if offset is None else offset
            time = reported + offset
            if latest is not None and time < latest - CLOCK_RESTART:
                time = latest + interval
                offset = time - reported
        if latest is None or time > latest:
            latest = time
            yield time, item
