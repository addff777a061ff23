"""Computes when each coded picture of a video is shown: pure functions of the times in its container.

A container's times can be wrong. Some containers have only decode times, some clocks restart in the middle of a file,
and single time stamps can be far off. All times of a file are examined before the first frame is decoded, because a
single time does not show whether it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ticks: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

UNKNOWN = int(np.iinfo(np.int64).min)
"""Time of a picture for which the container has none."""
CREDIBLE = 1 << 60
"""Ticks: larger times come from damaged headers, and their sums would overflow."""
CLOCK_RESTART = Fraction(1, 2)
"""Seconds: a smaller step back means pictures out of order, a larger one means that the source's clock restarted."""
REORDERED = 20
"""Most positions by which a coder reorders a picture: 16 in H.264 and HEVC, plus a margin."""
WILD_RUN = 32
"""Times are wrong if the clock jumps forward and returns within this many pictures."""
STEADY = 50
"""A step shorter than this many usual steps is a pause of the source, never a jump of its clock."""
HELD = 4
"""A picture that is shown for more than this many usual intervals is held. Holds do not count for the rate."""
NEAR = 0.03
"""A declared rate is taken as exact (30000/1001) if it differs from the measured rate by less than this share."""
ASSUMED_RATE = Fraction(25)
"""Frames per second of a source without times. FFmpeg assumes the same for raw streams."""


@dataclass(frozen=True)
class PacketTimes:
    """The container's times of the pictures of one video, in file order."""

    pts: Ticks
    """(N,) presentation time of each picture, in ticks; UNKNOWN where there is none."""
    dts: Ticks
    """(N,) decode time of each picture, in ticks; UNKNOWN where there is none."""
    base: Fraction
    """Seconds per tick."""
    rates: tuple[Fraction, ...] = ()
    """Frames per second that the file declares in different places, the most reliable first."""
    reorders: bool = False
    """Whether the decoder returns the pictures in another order than that of the file."""


@dataclass(frozen=True, order=True)
class Jump:
    """A place where the times of a file are corrected."""

    index: int
    """Index of the coded picture, in file order."""
    seconds: float
    """Length of the jump."""


@dataclass(frozen=True)
class Timeline:
    """The times at which the coded pictures of a video are shown, without jumps of its clock."""

    ticks: Ticks
    """(N,) times by coded picture in file order, or by output (``by_output``). UNKNOWN: one interval after the
    frame before."""
    base: Fraction
    rate: Fraction
    """Frames per second, without holds and jumps."""
    by_output: bool
    """True when the container has only decode times: the k-th picture from the decoder is shown at the k-th time."""
    jumps: tuple[Jump, ...]

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def interval(self) -> Fraction:
        """Usual seconds between two frames."""
        return 1 / self.rate

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last frame."""
        known = self.ticks[self.ticks != UNKNOWN]
        if len(known) < 2:
            return len(self) * self.interval
        return (int(known.max()) - int(known.min())) * self.base + self.interval

    def time(self, index: int) -> Fraction | None:
        """Return the time of a picture on the source's clock, in seconds; None when it is unknown."""
        if not 0 <= index < len(self) or self.ticks[index] == UNKNOWN:
            return None
        return int(self.ticks[index]) * self.base


def timeline(packets: PacketTimes, *, patience: Fraction, discarded: Flags | None = None) -> Timeline:
    """Return the times at which the pictures are shown.

    The clock is read in decode order, in which it must not step back. At a jump it continues with a usual step. A jump
    is a step back by more than ``CLOCK_RESTART``, a step forward by more than ``patience`` seconds and ``STEADY`` usual
    steps, or a step forward that is undone soon. A picture whose time is far from the clock gets no time. ``discarded``
    marks pictures that are decoded and not shown.
    """
    pts, dts = _credible(packets.pts), _credible(packets.dts)
    strict = 2 * int((dts != UNKNOWN).sum()) > len(dts)
    clock = dts if strict else np.where(dts != UNKNOWN, dts, pts)
    known = np.flatnonzero(clock != UNKNOWN)
    steps = np.diff(clock[known])
    usual = _usual(steps) or max(1, round(1 / (_declared(packets) * packets.base)))
    jumped = _jumped(steps, packets, patience=patience, usual=usual, strict=strict)
    offset = _offsets(steps, jumped, usual=usual, places=np.searchsorted(known, np.arange(len(clock)), "right") - 1)
    shown, counted = _moved(pts, offset), _moved(clock, offset)
    bound = max(float(1 / packets.base), 2.0 * REORDERED * usual) + int(steps[~jumped].max(initial=0))
    wild = _wild(shown, counted, bound=bound)
    shown[wild] = UNKNOWN
    by_output = packets.reorders and _in_file_order(shown)
    # If all decode times are present, the presentation times were derived from them.
    ticks = counted if by_output and (dts != UNKNOWN).all() else shown
    if not packets.reorders:
        ticks = _filled(ticks, usual)
    if discarded is not None:
        ticks[discarded] = UNKNOWN
    places = zip(known[1:][jumped], steps[jumped], strict=True)
    jumps = [Jump(int(place), float(int(step) * packets.base)) for place, step in places]
    jumps += [Jump(int(place), float(int(pts[place] - dts[place]) * packets.base)) for place in np.flatnonzero(wild)]
    return Timeline(ticks, packets.base, _rate(ticks, packets), by_output, tuple(sorted(jumps)))


def _credible(ticks: Ticks) -> Ticks:
    return np.where((ticks > -CREDIBLE) & (ticks < CREDIBLE), ticks, UNKNOWN)


def _moved(ticks: Ticks, offset: Ticks) -> Ticks:
    return np.where(ticks == UNKNOWN, UNKNOWN, ticks + np.where(ticks == UNKNOWN, 0, offset))


def _usual(steps: Ticks) -> int:
    """Return the usual step forward; 0 when there is none."""
    forward = np.sort(steps[steps > 0])
    return int(forward[(len(forward) - 1) // 2]) if len(forward) else 0


def _declared(packets: PacketTimes) -> Fraction:
    return packets.rates[0] if packets.rates else ASSUMED_RATE


def _jumped(steps: Ticks, packets: PacketTimes, *, patience: Fraction, usual: int, strict: bool) -> Flags:
    """Return which steps of the clock are jumps. ``strict`` is True when all times are decode times."""
    back = max(float(CLOCK_RESTART / packets.base), 0.0 if strict else float(REORDERED * usual))
    jumped: Flags = (steps > max(float(patience / packets.base), float(STEADY * usual))) | (steps < -back)
    for place in np.flatnonzero(steps < -back):
        run = steps[max(0, place - WILD_RUN) : place]
        returned = np.abs(run + steps[place]) <= 2 * usual * (len(run) - np.arange(len(run)) + 1)
        if len(there := np.flatnonzero(returned & (run > back))):
            jumped[place - len(run) + there[-1]] = True
    return jumped


def _offsets(steps: Ticks, jumped: Flags, *, usual: int, places: Ticks) -> Ticks:
    """Return the offset that is added to the time of every picture, so that the clock continues at each jump."""
    taken_out = np.concatenate([[0], np.cumsum(np.where(jumped, usual - steps, 0))]).astype(np.int64)
    offset: Ticks = taken_out[np.maximum(places, 0)]
    return offset


def _wild(shown: Ticks, clock: Ticks, *, bound: float) -> Flags:
    """Return which pictures have a time that differs from the clock by more than ``bound`` and is therefore wrong."""
    known = (shown != UNKNOWN) & (clock != UNKNOWN)
    ahead = known & (shown - clock > bound)
    # Decode times lag behind, so they do not show a hold at the end of the file. Pictures that are shown after a
    # hold come after it in the file, except as many as the coder moves forward.
    times, earlier = np.where(known, shown, CREDIBLE), np.zeros(len(shown), int)
    for ahead_by in range(1, min(REORDERED, len(times))):
        earlier[:-ahead_by] += times[ahead_by:] < times[:-ahead_by]
    moved = earlier[known & ~ahead].max(initial=0)
    wild: Flags = (ahead & (earlier > moved)) | (known & (shown - clock < -bound))
    return wild


def _in_file_order(shown: Ticks) -> bool:
    """Return whether the presentation times are in file order, or unknown."""
    known = shown[shown != UNKNOWN]
    return not len(known) or (2 * len(known) >= len(shown) and bool((np.diff(known) >= 0).all()))


def _filled(ticks: Ticks, usual: int) -> Ticks:
    """Return the times, with evenly spaced times for pictures that have none."""
    known = np.flatnonzero(ticks != UNKNOWN)
    if not len(known):
        return ticks
    places = np.arange(len(ticks))
    first, last = int(known[0]), int(known[-1])
    filled = np.interp(places, known, ticks[known]).round().astype(np.int64)
    filled[known] = ticks[known]
    filled += np.minimum(places - first, 0) * usual + np.maximum(places - last, 0) * usual
    return filled


def _rate(ticks: Ticks, packets: PacketTimes) -> Fraction:
    steps = np.diff(np.unique(ticks[ticks != UNKNOWN]))
    usual = _usual(steps)
    if not usual:
        return _declared(packets)
    moving = steps[(steps > 0) & (steps <= HELD * usual)]
    measured = len(moving) / (int(moving.sum()) * packets.base)
    for rate in (measured, 1 / (usual * packets.base)):
        nearest = min(packets.rates, key=lambda declared: abs(declared - rate), default=rate)
        if abs(nearest - rate) <= NEAR * rate:
            return nearest
    return measured
