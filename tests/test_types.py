import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.errors import PromptError
from vas_tool.types import ArrayClip, Box, Canvas, Click, Clip, Prompts, Stroke

PADS = st.tuples(*[st.integers(0, 9)] * 4)
SIZES = st.tuples(st.integers(1, 20), st.integers(1, 20))


@given(SIZES, PADS, st.integers(0, 3))
def test_onto_the_canvas_and_back(frame_wh: tuple[int, int], pads: tuple[int, int, int, int], channels: int) -> None:
    canvas = Canvas(frame_wh, *pads)
    shape = (frame_wh[1], frame_wh[0], channels) if channels else frame_wh[::-1]
    frame = np.random.default_rng(0).integers(1, 255, shape, np.uint8)
    placed = canvas.to_canvas(frame)
    assert placed.shape[:2] == canvas.size_wh[::-1] and placed.dtype == frame.dtype
    assert np.array_equal(canvas.to_frame(placed), frame)
    assert placed.sum(dtype=int) == frame.sum(dtype=int)


@given(SIZES, PADS)
def test_the_canvas_is_the_frame_and_its_padding(frame_wh: tuple[int, int], pads: tuple[int, int, int, int]) -> None:
    canvas = Canvas(frame_wh, *pads)
    left, top, right, bottom = pads
    assert canvas.size_wh == (frame_wh[0] + left + right, frame_wh[1] + top + bottom)
    filled = canvas.to_canvas(np.zeros(frame_wh[::-1], np.uint8), fill=7)
    assert (filled == 0).sum() == frame_wh[0] * frame_wh[1]
    assert (filled[:top] == 7).all() and (filled[:, :left] == 7).all()


def test_frame_coordinates_shift_by_the_left_and_top_padding() -> None:
    canvas = Canvas((4, 3), 2, 1, 0, 0)
    mask = np.zeros((3, 4), bool)
    mask[2, 3] = True
    assert np.argwhere(canvas.to_canvas(mask)).tolist() == [[3, 5]]


def test_padding_by_a_fraction() -> None:
    assert Canvas.padded((1280, 720), 0.25) == Canvas((1280, 720), 320, 180, 320, 180)
    assert Canvas.padded((1280, 720), 0).size_wh == (1280, 720)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Click(-1, 0, 0),
        lambda: Click(0, math.nan, 0),
        lambda: Click(0, 0, math.inf),
        lambda: Box(-1, 0, 0, 1, 1),
        lambda: Box(0, 5, 0, 5, 1),
        lambda: Box(0, 0, 3, 5, 2),
        lambda: Box(0, 0, 0, math.inf, 2),
        lambda: Stroke(-1, layer="modal", adds=True, radius=1, points=((0, 0),)),
        lambda: Stroke(0, layer="modal", adds=True, radius=0, points=((0, 0),)),
        lambda: Stroke(0, layer="modal", adds=True, radius=math.nan, points=((0, 0),)),
        lambda: Stroke(0, layer="modal", adds=True, radius=1, points=()),
        lambda: Stroke(0, layer="modal", adds=True, radius=1, points=((0, 0), (math.nan, 0))),
        lambda: Stroke(0, layer="depth", adds=True, radius=1, points=((0, 0),)),  # type: ignore[arg-type]
        lambda: Canvas((0, 5)),
        lambda: Canvas((5, 5), pad_left=-1),
        lambda: ArrayClip(np.zeros((2, 3, 4), np.uint8)),
        lambda: ArrayClip(np.zeros((2, 3, 4, 3), np.float32)),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_refused_at_birth(make: Any) -> None:
    with pytest.raises(PromptError, match=r"need|must be"):
        make()


def test_prompts_name_their_frames() -> None:
    prompts = Prompts(
        (Click(3, 1, 1), Click(1, 1, 1)), (Box(5, 0, 0, 1, 1),), {1: np.zeros((2, 2), bool), 9: np.ones((2, 2), bool)}
    )
    assert prompts.frame_indices == [1, 3, 5, 9] and Prompts().frame_indices == []


def test_an_array_is_a_clip() -> None:
    frames = np.arange(4 * 3 * 5 * 3, dtype=np.uint8).reshape(4, 3, 5, 3)
    clip: Clip = ArrayClip(frames, fps=12)
    assert isinstance(clip, Clip) and len(clip) == 4 and clip.size_wh == (5, 3) and clip.fps == 12
    assert (
        np.array_equal(clip[2], frames[2])
        and np.array_equal(clip[1:3], frames[1:3])
        and np.array_equal(clip[-1], frames[3])
    )
