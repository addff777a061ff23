"""When each coded picture of a video is shown: pure functions over the times that its container tells.

What a container tells is not always so. Some have decode times only, clocks are set anew in the middle of a file, and
single time stamps are wild. All of a file's times are looked at before the first frame is decoded, for one alone does
not show what it is.
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
"""The time of a picture of which the container tells none."""
CREDIBLE = 1 << 60
"""Ticks. Larger numbers come from damaged headers, and sums of them would overflow."""
CLOCK_RESTART = Fraction(1, 2)
"""Seconds. Pictures that step back by less are out of order; by more, the source's clock was set anew."""
REORDERED = 20
"""Pictures that a coder may move one forward by: 16 in H.264 and HEVC, and a few to spare."""
WILD_RUN = 32
"""A clock that goes forward and comes back within so many pictures was wild meanwhile."""
STEADY = 50
"""A step of fewer than so many usual ones is a pause of the source, never a jump of its clock."""
HELD = 4
"""A picture that is shown for more than so many usual intervals is held; holds do not count into the rate."""
NEAR = 0.03
"""A declared rate this near to the measured one is the exact one (30000/1001); one further off is a guess."""
ASSUMED_RATE = Fraction(25)
"""Frames a second of a source that says nothing; FFmpeg assumes the same for raw streams."""


@dataclass(frozen=True)
class Told:
    """What a container tells of the pictures of one video, in the order in which they lie in the file."""

    pts: Ticks
    """(N,) when each is shown; UNKNOWN where that is not said."""
    dts: Ticks
    """(N,) when each is decoded; UNKNOWN likewise."""
    base: Fraction
    """Seconds of a tick."""
    rates: tuple[Fraction, ...] = ()
    """Frames a second that the file declares in one place or the other, the best first."""
    reorders: bool = False
    """Whether the decoder gives the pictures in another order than they lie in the file."""


@dataclass(frozen=True, order=True)
class Jump:
    """A place at which the clock of a file was not believed."""

    index: int
    """Of the coded picture, in file order."""
    seconds: float
    """How far it went there."""


@dataclass(frozen=True)
class Timeline:
    """When the coded pictures of a video are shown, jumps of its clock taken out."""

    ticks: Ticks
    """(N,) by coded picture in file order, or by output (below). UNKNOWN: one interval after the frame before."""
    base: Fraction
    rate: Fraction
    """Frames a second while it moves: holds and jumps do not count."""
    by_output: bool
    """The container has decode times only: the k-th picture that the decoder gives is shown at the k-th time."""
    jumps: tuple[Jump, ...]

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def interval(self) -> Fraction:
        """Seconds from one frame to the next, usually."""
        return 1 / self.rate

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last."""
        known = self.ticks[self.ticks != UNKNOWN]
        if len(known) < 2:
            return len(self) * self.interval
        return (int(known.max()) - int(known.min())) * self.base + self.interval

    def time(self, index: int) -> Fraction | None:
        """Seconds on the source's clock; None when it is not known."""
        if not 0 <= index < len(self) or self.ticks[index] == UNKNOWN:
            return None
        return int(self.ticks[index]) * self.base


def timeline(told: Told, *, patience: Fraction, discarded: Flags | None = None) -> Timeline:
    """The times at which the pictures are shown.

    The clock is followed in decode order, in which it never steps back. Where it does, by more than
    ``CLOCK_RESTART``, or goes forward by more than ``patience`` seconds (and ``STEADY`` usual steps), or goes forward
    and comes back, it counts on from there with a usual step. A picture whose time is nowhere near the clock has none.
    ``discarded`` pictures are decoded and not shown.
    """
    pts, dts = _credible(told.pts), _credible(told.dts)
    strict = 2 * int((dts != UNKNOWN).sum()) > len(dts)
    clock = dts if strict else np.where(dts != UNKNOWN, dts, pts)
    known = np.flatnonzero(clock != UNKNOWN)
    steps = np.diff(clock[known])
    usual = _usual(steps) or max(1, round(1 / (_declared(told) * told.base)))
    jumped = _jumped(steps, told, patience=patience, usual=usual, strict=strict)
    offset = _offsets(steps, jumped, usual=usual, places=np.searchsorted(known, np.arange(len(clock)), "right") - 1)
    shown, counted = _moved(pts, offset), _moved(clock, offset)
    bound = max(float(1 / told.base), 2.0 * REORDERED * usual) + int(steps[~jumped].max(initial=0))
    wild = _wild(shown, counted, bound=bound)
    shown[wild] = UNKNOWN
    by_output = told.reorders and _in_file_order(shown)
    # Where all times of decoding are told, those of showing were made up from them.
    ticks = counted if by_output and (dts != UNKNOWN).all() else shown
    if not told.reorders:
        ticks = _filled(ticks, usual)
    if discarded is not None:
        ticks[discarded] = UNKNOWN
    places = zip(known[1:][jumped], steps[jumped], strict=True)
    jumps = [Jump(int(place), float(int(step) * told.base)) for place, step in places]
    jumps += [Jump(int(place), float(int(pts[place] - dts[place]) * told.base)) for place in np.flatnonzero(wild)]
    return Timeline(ticks, told.base, _rate(ticks, told), by_output, tuple(sorted(jumps)))


def _credible(ticks: Ticks) -> Ticks:
    return np.where((ticks > -CREDIBLE) & (ticks < CREDIBLE), ticks, UNKNOWN)


def _moved(ticks: Ticks, offset: Ticks) -> Ticks:
    return np.where(ticks == UNKNOWN, UNKNOWN, ticks + np.where(ticks == UNKNOWN, 0, offset))


def _usual(steps: Ticks) -> int:
    """The usual one of the steps forward; 0 when there is none."""
    forward = np.sort(steps[steps > 0])
    return int(forward[(len(forward) - 1) // 2]) if len(forward) else 0


def _declared(told: Told) -> Fraction:
    return told.rates[0] if told.rates else ASSUMED_RATE


def _jumped(steps: Ticks, told: Told, *, patience: Fraction, usual: int, strict: bool) -> Flags:
    """Which steps of the clock are jumps; it is ``strict`` when all of its times are decode times."""
    back = max(float(CLOCK_RESTART / told.base), 0.0 if strict else float(REORDERED * usual))
    jumped: Flags = (steps > max(float(patience / told.base), float(STEADY * usual))) | (steps < -back)
    for place in np.flatnonzero(steps < -back):
        run = steps[max(0, place - WILD_RUN) : place]
        returned = np.abs(run + steps[place]) <= 2 * usual * (len(run) - np.arange(len(run)) + 1)
        if len(there := np.flatnonzero(returned & (run > back))):
            jumped[place - len(run) + there[-1]] = True
    return jumped


def _offsets(steps: Ticks, jumped: Flags, *, usual: int, places: Ticks) -> Ticks:
    """What is added to the time of every picture, for the clock to count on at each jump."""
    taken_out = np.concatenate([[0], np.cumsum(np.where(jumped, usual - steps, 0))]).astype(np.int64)
    offset: Ticks = taken_out[np.maximum(places, 0)]
    return offset


def _wild(shown: Ticks, clock: Ticks, *, bound: float) -> Flags:
    """Which pictures have a time that is further than ``bound`` from the clock, so that it cannot be theirs."""
    known = (shown != UNKNOWN) & (clock != UNKNOWN)
    ahead = known & (shown - clock > bound)
    # The clock of decoding lags behind: of a hold at the end of the file it knows nothing yet. What is shown after a
    # hold lies behind it in the file, but for as many pictures as are moved forward elsewhere.
    times, earlier = np.where(known, shown, CREDIBLE), np.zeros(len(shown), int)
    for ahead_by in range(1, min(REORDERED, len(times))):
        earlier[:-ahead_by] += times[ahead_by:] < times[:-ahead_by]
    moved = earlier[known & ~ahead].max(initial=0)
    wild: Flags = (ahead & (earlier > moved)) | (known & (shown - clock < -bound))
    return wild


def _in_file_order(shown: Ticks) -> bool:
    """Whether the pictures claim to be shown as they lie in the file, or say nothing."""
    known = shown[shown != UNKNOWN]
    return not len(known) or (2 * len(known) >= len(shown) and bool((np.diff(known) >= 0).all()))


def _filled(ticks: Ticks, usual: int) -> Ticks:
    """Pictures without a time stand evenly between their neighbours."""
    known = np.flatnonzero(ticks != UNKNOWN)
    if not len(known):
        return ticks
    places = np.arange(len(ticks))
    first, last = int(known[0]), int(known[-1])
    filled = np.interp(places, known, ticks[known]).round().astype(np.int64)
    filled[known] = ticks[known]
    filled += np.minimum(places - first, 0) * usual + np.maximum(places - last, 0) * usual
    return filled


def _rate(ticks: Ticks, told: Told) -> Fraction:
    steps = np.diff(np.unique(ticks[ticks != UNKNOWN]))
    usual = _usual(steps)
    if not usual:
        return _declared(told)
    moving = steps[(steps > 0) & (steps <= HELD * usual)]
    measured = len(moving) / (int(moving.sum()) * told.base)
    for rate in (measured, 1 / (usual * told.base)):
        nearest = min(told.rates, key=lambda declared: abs(declared - rate), default=rate)
        if abs(nearest - rate) <= NEAR * rate:
            return nearest
    return measured
