"""A clip of any length in windows: their layout, the noise they share, and how their answers become one."""

import weakref
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.engines.diffusion_vas.window_noise import drawn, window_noise
from vas_tool.engines.diffusion_vas.window_plan import (
    clip_windows,
    padded_frames,
    plan_windows,
)
from vas_tool.engines.diffusion_vas.window_runs import run_windows
from vas_tool.planning.setup import reach_of
from vas_tool.work import windows_with

layouts = st.tuples(st.integers(1, 120), st.integers(1, 30), st.integers(0, 29)).filter(lambda one: one[2] < one[1])


def planned(layout: tuple[int, int, int]) -> tuple[range, ...]:
    return plan_windows(layout[0], length=layout[1], overlap=layout[2])


@given(layouts)
def test_windows_cover_the_clip_and_overlap(layout: tuple[int, int, int]) -> None:
    num_frames, length, overlap = layout
    windows = planned(layout)
    assert sorted({i for w in windows for i in w}) == list(range(num_frames))
    assert all(len(w) == min(length, num_frames) for w in windows)
    assert all(a.start < b.start and a.stop - b.start >= overlap for a, b in pairwise(windows))


def test_the_engines_windows() -> None:
    assert clip_windows(0) == ()
    assert clip_windows(7) == (range(7),)
    assert clip_windows(25) == (range(25),)
    assert clip_windows(26) == (range(25), range(1, 26))
    assert clip_windows(65) == (range(25), range(20, 45), range(40, 65))


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_short_window_is_mirrored_until_it_is_full(num_frames: int, length: int) -> None:
    window = range(3, 3 + min(num_frames, length))
    frames = padded_frames(window, length).tolist()
    assert len(frames) == length and frames[: len(window)] == list(window) and set(frames) == set(window)
    assert all(abs(a - b) <= 1 for a, b in pairwise(frames))


def number_answer(windows: tuple[range, ...], ran: list[int]):
    """Every window says of each of its frames which frame it is."""

    def answer(number: int) -> np.ndarray:
        ran.append(number)
        return np.array([[float(i)] for i in windows[number]], np.float32)

    return answer


@given(layouts, st.data())
def test_only_the_windows_that_matter_run_once_and_in_order(layout: tuple[int, int, int], data: st.DataObject) -> None:
    windows, num_frames = planned(layout), layout[0]
    start = data.draw(st.integers(0, num_frames))
    asked = range(start, data.draw(st.integers(start, num_frames)))[:: data.draw(st.sampled_from([1, -1, 3]))]
    ran: list[int] = []
    answers = list(run_windows(windows, asked, number_answer(windows, ran)))
    assert [i for i, _ in answers] == list(asked)
    assert all(said is not None and abs(said[0] - i) < 1e-4 for i, said in answers)
    assert sorted(ran) == windows_with(asked, windows) and len(set(ran)) == len(ran)


@given(layouts, st.data())
def test_a_frame_depends_on_the_windows_that_contain_it_alone(
    layout: tuple[int, int, int], data: st.DataObject
) -> None:
    """Asked alone or with others, before or after: the same answer."""
    windows, index = planned(layout), data.draw(st.integers(0, layout[0] - 1))
    random = np.random.default_rng(0).random((len(windows), layout[1], 2)).astype(np.float32)
    whole = dict(run_windows(windows, range(layout[0]), lambda n: random[n]))
    backwards = dict(run_windows(windows, range(layout[0])[::-1], lambda n: random[n]))
    (_, alone), *_ = run_windows(windows, range(index, index + 1), lambda n: random[n])
    assert np.allclose(whole[index], alone, atol=1e-6) and np.allclose(backwards[index], alone, atol=1e-6)


def test_answers_fade_into_each_other_and_silence_counts_nothing() -> None:
    windows = (range(5), range(3, 8))
    answers = {0: np.zeros((5, 1), np.float32), 1: np.ones((5, 1), np.float32)}
    faded = [float(said[0]) for _, said in run_windows(windows, range(8), answers.get) if said is not None]
    assert faded == pytest.approx([0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1])
    assert [said is None for _, said in run_windows(windows, range(8), {1: answers[1]}.get)] == [True] * 3 + [False] * 5


def test_frames_are_given_as_soon_as_their_windows_are_done() -> None:
    windows = clip_windows(65)
    ran: list[int] = []
    answers = run_windows(windows, range(65), number_answer(windows, ran))
    seen = {index: len(ran) for index, _ in answers}
    assert [seen[i] for i in (0, 19, 20, 39, 40, 64)] == [1, 1, 2, 2, 3, 3]


def test_no_more_than_two_windows_are_held() -> None:
    """Memory does not grow with the clip."""
    windows = clip_windows(500)
    alive: list[weakref.ref[np.ndarray]] = []

    def answer(number: int) -> np.ndarray:
        said = np.zeros((25, 3), np.float32)
        alive.append(weakref.ref(said))
        return said

    most = max(sum(ref() is not None for ref in alive) for _ in run_windows(windows, range(500), answer))
    assert len(alive) == len(windows) == 25 and most <= 2


def test_a_frame_depends_on_the_frames_of_its_windows() -> None:
    reach = reach_of(clip_windows(65), 65)
    assert [reach[i] for i in (0, 22, 64)] == [range(25), range(45), range(40, 65)]


def test_neighbouring_windows_share_the_noise_of_a_frame() -> None:
    windows = plan_windows(11, length=5, overlap=2)
    noises = [window_noise(7, n, windows, length=5, size_hw=(8, 8)) for n in range(len(windows))]
    by_frame: dict[int, list[np.ndarray]] = {}
    for window, noise in zip(windows, noises, strict=True):
        for position, index in enumerate(window):
            by_frame.setdefault(index, []).append(noise.latents[position].numpy())
    assert any(len(same) > 1 for same in by_frame.values())
    assert all(np.array_equal(same[0], other) for same in by_frame.values() for other in same)
    assert len({same[0].tobytes() for same in by_frame.values()}) == 11


def test_the_first_windows_noise_is_the_released_codes() -> None:
    windows = plan_windows(11, length=5, overlap=2)
    first = window_noise(7, 0, windows, length=5, size_hw=(8, 8))
    plain = drawn(7, 0, num_frames=5, size_hw=(8, 8))
    assert all(np.array_equal(getattr(first, name), getattr(plain, name)) for name in ("first", "second", "latents"))
    second_stage = window_noise(7, 0, windows, length=5, size_hw=(8, 8), is_second_stage=True)
    assert not np.array_equal(second_stage.latents, plain.latents)
