"""The squares of a frame that the click network sees."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.engines.builtin.frame_windows import (
    MULTIPLE,
    SMALLEST,
    WHOLE_SIZE,
    Window,
    WindowResult,
    around,
    box_around,
    whole,
)
from vas_tool.masks import box_xyxy, iou
from vas_tool.types import Mask

FRAME_WH = 1280, 720


def ball(x: float, y: float, radius: int) -> Mask:
    out = np.zeros((FRAME_WH[1], FRAME_WH[0]), np.uint8)
    cv2.circle(out, (round(x), round(y)), radius, 1, cv2.FILLED)
    return out > 0


@given(st.tuples(st.integers(1, 2000), st.integers(1, 1200)), st.tuples(*[st.floats(0, 1)] * 4), st.floats(1.01, 5))
def test_a_window_shows_what_it_is_for(frame_wh: tuple[int, int], sides: tuple[float, ...], times: float) -> None:
    width, height = frame_wh
    x0, x1, y0, y1 = (round(s * n) for s, n in zip(sides, (width - 1, width - 1, height - 1, height - 1), strict=True))
    box = min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1
    window = around(box, frame_wh, times=times)
    assert window.holds(box)
    side = min(max(SMALLEST, times * max(box[2] - box[0], box[3] - box[1])), max(frame_wh))
    assert window.box[2] - window.box[0] == pytest.approx(side)
    if side <= min(frame_wh):
        assert Window(0, 0, 1, frame_wh).holds(window.box), "no part of it is wasted"


@pytest.mark.parametrize("window", [whole(FRAME_WH), around((540, 240, 660, 360), FRAME_WH, times=1.4)])
def test_what_a_window_shows_is_laid_where_it_was(window: Window) -> None:
    mask = ball(600, 300, 58)
    assert iou(window.mask(window.soft(mask), FRAME_WH), mask) > 0.96
    frame = np.repeat(255 * mask[..., None], 3, axis=2).astype(np.uint8)
    inside = window.soft(np.ones_like(mask)) >= 0.5
    assert iou((window.picture(frame)[..., 0] > 127) & inside, window.soft(mask) >= 0.5) > 0.98


def test_a_large_picture_is_averaged() -> None:
    """One pixel of five would be a picture of its own."""
    board = np.indices((1300, 1300)).sum(axis=0) % 2 * 255
    shown = whole((1300, 1300)).picture(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    assert shown.shape == (WHOLE_SIZE, WHOLE_SIZE, 3)
    assert (np.abs(shown.astype(int) - 127) < 40).all()


def test_a_window_shows_another_ones_mask_in_its_place() -> None:
    mask = ball(600, 300, 30)
    one, other = (around((570, 270, 631, 331), FRAME_WH, times=times) for times in (1.4, 2.5))
    seen = WindowResult(other, other.soft(mask)).seen(one) >= 0.5
    assert iou(seen, one.soft(mask) >= 0.5) > 0.95


@pytest.mark.parametrize("frame_wh", [(1, 1), (7, 1), (3, 300), (1280, 720)])
def test_any_frame_has_a_window(frame_wh: tuple[int, int]) -> None:
    frame = np.full((frame_wh[1], frame_wh[0], 3), 90, np.uint8)
    window = whole(frame_wh)
    assert not any(side % MULTIPLE for side in window.size_wh)
    middle = window.picture(frame)[window.shape[0] // 2, window.shape[1] // 2]
    assert (middle == 90).all()
    assert window.mask(np.ones(window.shape, np.float32), frame_wh).all()


def test_a_box_is_around_the_mask_and_the_points() -> None:
    assert box_around(ball(600, 300, 10)) == (590, 290, 611, 311)
    assert box_around(ball(600, 300, 10), [(20, 700)]) == (20, 290, 611, 701)
    assert box_around(np.zeros((4, 4), bool)) is None


def test_it_is_known_whether_an_object_goes_on_beyond_a_window() -> None:
    mask = ball(600, 300, 60)
    box = box_xyxy(mask)
    assert box is not None
    for window, wanted in ((around(box, FRAME_WH, times=1.4), False), (around(box, FRAME_WH, times=0.8), True)):
        assert WindowResult(window, window.soft(mask)).goes_on(FRAME_WH) == wanted
    at_side = ball(0, 300, 60)
    window = Window(-80, 220, 1.6)
    assert not WindowResult(window, window.soft(at_side)).goes_on(FRAME_WH)
