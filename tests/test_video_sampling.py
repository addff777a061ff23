"""Which source frames make the clip: properties of the pure functions."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vas_tool.errors import VideoError
from vas_tool.video.sampling import Sampling, presentation_times, sample

INTERVAL = Fraction(1, 25)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

rates = st.sampled_from([Fraction(n) for n in (1, 5, 8, 12, 15, 24, 25, 30, 50, 60, 240)] + [Fraction(30000, 1001)])
gaps = st.lists(st.fractions(min_value=Fraction(1, 250), max_value=2, max_denominator=1000), max_size=60)
samplings = st.builds(
    lambda fps, start, length: Sampling(fps, start, None if length is None else start + length),
    fps=st.sampled_from([1.0, 2.5, 8.0, 10.0, 29.97]),
    start=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    length=st.none() | st.floats(min_value=0.01, max_value=10),
)


def from_gaps(gaps: list[Fraction]) -> list[Fraction]:
    times = [Fraction(0)]
    for gap in gaps:
        times.append(times[-1] + gap)
    return times


def chosen(times: list[Fraction], sampling: Sampling, interval: Fraction = INTERVAL) -> list[int]:
    return [index for _, index in sample(((time, i) for i, time in enumerate(times)), sampling, interval=interval)]


def targets(sampling: Sampling, until: Fraction) -> Iterator[Fraction]:
    k = 0
    while (target := sampling.target(k)) is not None and target <= until:
        yield target
        k += 1


@unhurried
@given(gaps=gaps, sampling=samplings)
def test_it_is_what_looking_at_all_frames_gives(gaps: list[Fraction], sampling: Sampling) -> None:
    times = from_gaps(gaps)
    end = times[-1] + (times[-1] - times[-2] if gaps else INTERVAL) / 2
    expected: list[int] = []
    for target in targets(sampling, end):
        nearest = min(range(len(times)), key=lambda i: (abs(times[i] - target), i))
        if nearest not in expected:
            expected.append(nearest)
    assert chosen(times, sampling) == expected


@unhurried
@given(gaps=gaps, sampling=samplings)
def test_frames_come_in_order_and_never_twice(gaps: list[Fraction], sampling: Sampling) -> None:
    indices = chosen(from_gaps(gaps), sampling)
    assert all(a < b for a, b in pairwise(indices))


@unhurried
@given(rate=rates.filter(lambda r: r >= 8), num=st.integers(1, 200))
def test_a_faster_source_is_within_half_a_frame_of_every_target(rate: Fraction, num: int) -> None:
    times = [i / rate for i in range(num)]
    indices = chosen(times, Sampling(8), 1 / rate)
    wanted = list(targets(Sampling(8), times[-1] + 1 / rate / 2))
    assert len(indices) == len(wanted)
    assert all(abs(times[i] - t) <= 1 / rate / 2 for i, t in zip(indices, wanted, strict=True))


@unhurried
@given(rate=rates.filter(lambda r: r <= 8), num=st.integers(1, 50))
def test_a_slower_source_gives_every_frame_once(rate: Fraction, num: int) -> None:
    assert chosen([i / rate for i in range(num)], Sampling(8), 1 / rate) == list(range(num))


@unhurried
@given(gaps=gaps.filter(lambda g: len(g) > 2), sampling=samplings)
def test_one_frame_ahead_is_all_that_is_read(gaps: list[Fraction], sampling: Sampling) -> None:
    times = from_gaps(gaps)
    read: list[Fraction] = []

    def source() -> Iterator[tuple[Fraction, None]]:
        for time in times:
            read.append(time)
            yield time, None

    for time, _ in sample(source(), sampling, interval=INTERVAL):
        assert len(read) <= times.index(time) + 2
    if sampling.end_seconds is not None:
        assert len([t for t in read if t > sampling.end_seconds + 2 * max(gaps)]) == 0


def test_ties_go_to_the_earlier_frame() -> None:
    assert chosen([Fraction(0), Fraction(1, 12), Fraction(2, 12)], Sampling(8)) == [0, 1]


def test_nothing_in_nothing_out() -> None:
    assert chosen([], Sampling(8)) == []
    assert chosen([Fraction(0)], Sampling(8)) == [0]
    assert chosen([Fraction(0)], Sampling(8, start_seconds=1)) == []


@pytest.mark.parametrize(
    ("fps", "start", "end", "says"),
    [
        (0, 0, None, "more than 0"),
        (-8, 0, None, "more than 0"),
        (float("nan"), 0, None, "more than 0"),
        (float("inf"), 0, None, "more than 0"),
        (8, -1, None, "0 or more"),
        (8, float("nan"), None, "0 or more"),
        (8, 2, 2, "later than the start"),
        (8, 2, 1, "later than the start"),
        (8, 0, float("nan"), "later than the start"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(fps: float, start: float, end: float | None, says: str) -> None:
    with pytest.raises(VideoError, match=says):
        Sampling(fps, start, end)


reported = st.lists(st.none() | st.fractions(min_value=-100, max_value=100, max_denominator=1000), max_size=40)


@unhurried
@given(times=reported)
def test_times_start_at_zero_and_rise(times: list[Fraction | None]) -> None:
    out = [t for t, _ in presentation_times(((t, None) for t in times), interval=INTERVAL)]
    assert out[:1] == ([0] if times else [])
    assert all(a < b for a, b in pairwise(out))


@pytest.mark.parametrize(
    ("given_times", "expected"),
    [
        ([1.5, 1.75, 2.0], [(0, 0), (0.25, 1), (0.5, 2)]),  # the first frame is at 0
        ([None, None, None], [(0, 0), (0.5, 1), (1, 2)]),  # by the average rate
        ([0, None, 1.25], [(0, 0), (0.5, 1), (1.25, 2)]),
        ([0, 0.25, 0.25, 0.125, 0.5], [(0, 0), (0.25, 1), (0.5, 4)]),  # never shown: left out
        ([100, 101, 0, 0.25], [(0, 0), (1, 1), (1.5, 2), (1.75, 3)]),  # a second recording joined on
    ],
)
def test_times_by_example(given_times: list[float | None], expected: list[tuple[float, int]]) -> None:
    source = ((None if t is None else Fraction(t), i) for i, t in enumerate(given_times))
    assert list(presentation_times(source, interval=Fraction(1, 2))) == expected
