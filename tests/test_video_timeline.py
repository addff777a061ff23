"""When the coded pictures of a file are shown: the pure functions over what its container tells."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vas_tool.video.timeline import UNKNOWN, PacketTimes, Timeline, timeline

MILLISECOND = Fraction(1, 1000)
STEP = 40
"""Milliseconds: 25 pictures a second."""
EVEN = [STEP * i for i in range(40)]
CODED = [0, 4, 2, 1, 3, 8, 6, 5, 7, 9]
"""Places in the order of showing, in the order of decoding: two B-frames' depth."""


def told(
    pts: Sequence[int | None],
    dts: Sequence[int | None] | None = None,
    *,
    patience: int = 600,
    reorders: bool = False,
    rates: Sequence[int | Fraction] = (25,),
    base: Fraction = MILLISECOND,
) -> Timeline:
    def ticks(times: Sequence[int | None]) -> np.ndarray:
        return np.array([UNKNOWN if time is None else time for time in times], np.int64)

    said = PacketTimes(ticks(pts), ticks(pts if dts is None else dts), base, tuple(map(Fraction, rates)), reorders)
    return timeline(said, patience=Fraction(patience))


def times(line: Timeline) -> list[int | None]:
    return [None if tick == UNKNOWN else int(tick) for tick in line.ticks]


def test_even_times_stay() -> None:
    line = told(EVEN)
    assert times(line) == EVEN and line.rate == 25 and not line.jumps and not line.by_output
    assert line.duration == Fraction(8, 5) and line.time(39) == Fraction(39, 25) and line.time(40) is None


@pytest.mark.parametrize("missing", [False, True])
def test_decode_times_are_those_of_the_output(missing: bool) -> None:
    line = told([None] * 40 if missing else EVEN, EVEN, reorders=True)
    assert line.by_output and times(line) == EVEN and line.rate == 25


def test_true_times_of_reordered_pictures_stay() -> None:
    pts = [STEP * place for place in CODED]
    line = told(pts, [STEP * (i - 2) for i in range(10)], reorders=True)
    assert not line.by_output and times(line) == pts and line.rate == 25


@pytest.mark.parametrize("reach", [3_600_000, -2_000, 2**33 // 90])
@pytest.mark.parametrize("patience", [10, 600])
def test_a_clock_that_is_set_anew_counts_on(reach: int, patience: int) -> None:
    line = told(EVEN[:20] + [time + reach for time in EVEN[20:]], patience=patience)
    assert times(line) == EVEN and line.rate == 25
    assert [(jump.index, jump.seconds) for jump in line.jumps] == [(20, pytest.approx((reach + STEP) / 1000))]
    assert line.duration == Fraction(8, 5)


def test_a_clock_that_is_set_anew_keeps_reordered_pictures_in_order() -> None:
    pts = [STEP * place for place in CODED]
    dts = [STEP * (i - 2) for i in range(10)]
    later = 3_600_000
    line = told([*pts, *(t + later for t in pts)], [*dts, *(t + later for t in dts)], patience=10, reorders=True)
    assert times(line) == [*pts, *(t + 400 for t in pts)] and len(line.jumps) == 1


@pytest.mark.parametrize("reach", [3_000_000, 20_000, 900, -3_000_000])
@pytest.mark.parametrize("run", [1, 2])
def test_wild_times_are_taken_out(reach: int, run: int) -> None:
    wild = [time + (reach if 20 <= i < 20 + run else 0) for i, time in enumerate(EVEN)]
    assert times(told(wild)) == EVEN
    if abs(reach) > 2000:  # further from the times of decoding than any order of pictures explains
        line = told(wild, EVEN)
        assert times(line) == EVEN and len(line.jumps) == run and line.rate == 25


def test_a_wild_time_of_decoding_changes_nothing() -> None:
    line = told(EVEN, [*EVEN[:20], EVEN[20] + 3_000_000, *EVEN[21:]])
    assert times(line) == EVEN


@pytest.mark.parametrize("reorders", [False, True])
def test_a_hold_is_no_jump_and_not_in_the_rate(reorders: bool) -> None:
    held = [time + (60_000 if i >= 20 else 0) for i, time in enumerate(EVEN)]
    line = told(held, rates=[Fraction(40, 62)], reorders=reorders)
    assert times(line) == held and not line.jumps and line.rate == 25


def test_a_hold_before_the_last_picture_is_no_wild_time() -> None:
    # The clock of decoding has not come there yet.
    pts = [STEP * place for place in CODED[:-1]] + [9_000]
    line = told(pts, [STEP * (i - 2) for i in range(10)], reorders=True)
    assert times(line) == pts and not line.jumps


def test_a_picture_a_minute_is_no_jump() -> None:
    slow = [60_000 * i for i in range(10)]
    line = told(slow, patience=10, rates=[25])
    assert times(line) == slow and line.rate == Fraction(1, 60)


def test_pictures_without_a_time_stand_between_their_neighbours() -> None:
    gaps = [None, *EVEN[1:5], None, *EVEN[6:20], None, None, *EVEN[22:39], None]
    assert times(told(gaps)) == EVEN


@pytest.mark.parametrize(
    ("ticks", "rates", "rate"),
    [
        ([round(i * 1001 / 30) for i in range(40)], [Fraction(30000, 1001), 1000], Fraction(30000, 1001)),
        ([round(i * 1000 / 60) for i in range(40)], [1000, 60], 60),
        ([50 * i for i in range(40)], [1000], 20),
        ([50 * i for i in range(40)], [25], 20),  # a guess
        ([0, 40, 5000, 5040, 9000, 9040], [], 25),
        ([0], [30], 30),
        ([], [], 25),
    ],
)
def test_rates(ticks: list[int], rates: list[int], rate: Fraction) -> None:
    assert told(ticks, rates=rates).rate == rate


numbers = st.none() | st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-1000, 10_000)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(numbers, numbers), max_size=40), st.booleans())
def test_any_numbers_give_a_timeline(pairs: list[tuple[int | None, int | None]], reorders: bool) -> None:
    line = told([pts for pts, _ in pairs], [dts for _, dts in pairs], reorders=reorders)
    assert len(line) == len(pairs) and line.rate > 0 and line.duration >= 0
