"""Where the builtin segmenter looks, and what that brings small objects."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import Scene, make_scene

from vas_tool.engines.builtin.answers import obeying
from vas_tool.engines.builtin.close_up import (
    FOLLOWED_SHOWN,
    MARGIN,
    MOST_ENLARGED,
    close_up,
    followed,
    next_view,
    view_of,
)
from vas_tool.engines.builtin.region_graph import disk
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.engines.builtin.small_frames import LONGEST_SIDE, SmallFrames
from vas_tool.engines.builtin.view import View, whole
from vas_tool.errors import PromptError
from vas_tool.masks import box_xyxy, centre_of, iou
from vas_tool.types import ArrayClip, Box, Click, Mask, Prompts

FRAME_WH = 1280, 720
EVERYTHING = whole(FRAME_WH)


def ball(x: float, y: float, radius: int) -> Mask:
    return disk(FRAME_WH[::-1], (x, y), radius)


def box_of(mask: Mask) -> tuple[float, float, float, float]:
    box = box_xyxy(mask)
    assert box is not None
    return box


@pytest.mark.parametrize("frame_wh", [(1280, 720), (333, 1001), (64, 48), (1, 1), (1920, 60)])
def test_all_of_a_frame_is_as_small_as_elsewhere(frame_wh: tuple[int, int]) -> None:
    clip = ArrayClip(np.random.default_rng(0).integers(0, 255, (1, *frame_wh[::-1], 3), np.uint8))
    assert whole(frame_wh).size_wh == SmallFrames(clip).size_wh
    assert np.array_equal(whole(frame_wh).frame(clip[0]), SmallFrames(clip).frame(0))


@given(
    st.tuples(st.integers(1, 2000), st.integers(1, 1200)),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.integers(0, 12),
)
def test_a_close_up_lies_in_the_frame_and_shows_what_it_is_for(
    frame_wh: tuple[int, int], sides: tuple[float, ...], at: tuple[float, float], told: int
) -> None:
    width, height = frame_wh
    mask = np.zeros((height, width), bool)
    columns, rows = (sorted(round(s * (n - 1)) for s in pair) for pair, n in ((sides[:2], width), (sides[2:], height)))
    mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    click = Click(0, round(at[0] * (width - 1)), round(at[1] * (height - 1)))
    view = next_view(mask, click, whole(frame_wh), told=told)
    assert view.holds(click) and not view.cuts(mask)
    assert 0 <= view.x0 <= width - view.width and 0 <= view.y0 <= height - view.height
    assert min(view.size_wh) >= 1 and max(view.size_wh) <= LONGEST_SIDE and view.scale <= MOST_ENLARGED * 1.5
    small = view.click(click)
    assert 0 <= small.x < view.size_wh[0] and 0 <= small.y < view.size_wh[1]
    assert next_view(mask, click, view, told=told).holds(click)


def test_a_close_up_stays_until_object_or_click_leave_it() -> None:
    view = view_of(ball(600, 300, 60))
    assert view.size == (430, 242), "twice what it spans down, which is more of the frame than across"
    inside, outside = Click(0, 640, 300), Click(0, 100, 650)
    assert next_view(ball(610, 310, 50), inside, view, told=5) == view
    assert next_view(ball(610, 310, 20), inside, view, told=5) != view, "it can be seen closer"
    assert next_view(ball(view.x0 + 10, 310, 30), inside, view, told=5) != view, "it touches the side"
    assert next_view(ball(610, 310, 50), outside, view, told=5).holds(outside)
    assert next_view(ball(610, 310, 300), inside, view, told=5) == EVERYTHING


def test_the_less_is_told_the_more_is_shown() -> None:
    spans = [view_of(ball(600, 300, 40), told=told).width for told in (1, 2, 3, 4)]
    assert spans[0] > spans[1] > spans[2] == spans[3]


def test_what_a_view_shows_is_laid_where_it_was() -> None:
    mask = ball(600, 300, 60)
    view = view_of(mask)
    assert iou(view.enlarged(view.mask(mask), np.zeros_like(mask)), mask) > 0.99
    elsewhere = ball(100, 100, 20)
    assert np.array_equal(view.enlarged(view.mask(mask), elsewhere) & elsewhere, elsewhere)
    left, top, right, bottom = view.box(view.mask(mask)) or (0, 0, 0, 0)
    assert np.allclose((left, top, right, bottom), box_of(mask), atol=1.5)


@pytest.mark.parametrize("shape", [(slice(40, 41), slice(20, 90)), (slice(50, 51), slice(50, 51))])
def test_a_line_or_a_dot_of_small_pixels_is_not_smoothed_away(shape: tuple[slice, slice]) -> None:
    width, height = EVERYTHING.size_wh
    small = np.zeros((height, width), bool)
    small[shape] = True
    found = EVERYTHING.enlarged(small, np.zeros((FRAME_WH[1], FRAME_WH[0]), bool))
    assert iou(EVERYTHING.mask(found), small) > 0.9


@pytest.mark.parametrize("other", [EVERYTHING, close_up((560, 280, 620, 330), FRAME_WH, shown=2)])
def test_a_view_shows_another_ones_mask_in_its_place(other: View) -> None:
    mask = ball(600, 300, 30)
    view = close_up((540, 260, 660, 340), FRAME_WH, shown=3)
    seen = view.seen_in(other, other.soft(mask)) >= 0.5
    assert iou(seen, view.mask(mask)) > 0.93
    assert iou(view.seen_in(view, view.soft(mask)) >= 0.5, view.mask(mask)) == 1


def test_an_object_that_is_tracked_stays_well_inside() -> None:
    view = close_up(box_of(ball(200, 200, 40)), FRAME_WH, shown=FOLLOWED_SHOWN)
    views = [view]
    for x in range(200, 1240, 15):
        box = box_of(ball(x, 200 + x / 4, 40))
        view = followed(box, view, FRAME_WH)
        assert not view.near_side(box, FRAME_WH, margin=MARGIN * view.width)
        views.append(view)
    changes = sum(one != other for one, other in pairwise(views))
    assert 3 <= changes <= 20, "it moves now and then, not every time"


def test_an_object_that_grows_or_shrinks_is_looked_at_from_elsewhere() -> None:
    near, far = (box_of(ball(600, 300, radius)) for radius in (200, 20))
    assert followed(near, close_up(far, FRAME_WH, shown=2), FRAME_WH) == EVERYTHING
    assert followed(far, EVERYTHING, FRAME_WH) == close_up(far, FRAME_WH, shown=FOLLOWED_SHOWN)
    tiny = box_of(ball(600, 300, 2))
    least = close_up(tiny, FRAME_WH, shown=2)
    assert max(least.size) == LONGEST_SIDE / MOST_ENLARGED and followed(tiny, least, FRAME_WH) == least


@pytest.fixture(scope="module")
def far_away() -> Scene:
    """The scene, small in a large frame of other things."""
    inner = make_scene(6, bar=None)
    height, width = inner.clip.frames.shape[1:3]
    random = np.random.default_rng(3)
    ground = cv2.resize(random.integers(40, 200, (45, 80, 3), np.uint8), FRAME_WH, interpolation=cv2.INTER_CUBIC)
    frames = np.stack([ground] * len(inner))
    frames[:, 300 : 300 + height, 500 : 500 + width] = inner.clip.frames
    modal = {i: np.zeros(FRAME_WH[::-1], bool) for i in range(len(inner))}
    for index, mask in inner.modal.items():
        modal[index][300 : 300 + height, 500 : 500 + width] = mask
    return Scene(ArrayClip(frames), modal, modal, {}, {}, {})


def test_clicks_find_the_pixels_of_a_small_object(far_away: Scene) -> None:
    truth, engine = far_away.modal[0], BuiltinSegmenter()
    centre = centre_of(truth)
    assert centre is not None
    once = engine.segment(far_away.clip, 0, Prompts(clicks=(Click(0, *centre),)))
    assert iou(once, truth) > 0.93
    box = Box(0, *(side + grown for side, grown in zip(box_of(truth), (-4, -4, 4, 4), strict=True)))
    assert iou(engine.segment(far_away.clip, 0, Prompts(boxes=(box,))), truth) > 0.93


@pytest.mark.parametrize("positive", [True, False])
def test_the_clicked_pixel_obeys_at_any_scale(positive: bool) -> None:
    for radius in (35, 50, 60):
        mask = ball(600, 300, radius)
        view = view_of(mask)
        for dx in (0.2, 0.3, 0.49):
            click = Click(0, 601 + dx, 306 + dx, positive=positive)
            assert obeying(mask, (click,), view)[306, 601] == positive
            assert obeying(np.zeros_like(mask), (click,), view)[306, 601] == positive


def test_what_was_asked_before_changes_no_answer(far_away: Scene) -> None:
    x, y = centre_of(far_away.modal[0]) or (0, 0)
    nothing = np.zeros_like(far_away.modal[0])
    plain = Prompts(clicks=(Click(0, x, y),))
    engine = BuiltinSegmenter()
    engine.segment(far_away.clip, 0, Prompts(clicks=plain.clicks, masks={0: nothing}))
    answers = [e.segment(far_away.clip, 0, plain) for e in (engine, BuiltinSegmenter())]
    assert np.array_equal(*answers)


def test_a_given_mask_of_another_size_is_refused(far_away: Scene) -> None:
    prompts = Prompts(clicks=(Click(0, 5, 5),), masks={0: np.ones((360, 640), bool)})
    with pytest.raises(PromptError, match="640 x 360, the clip 1280 x 720"):
        BuiltinSegmenter().segment(far_away.clip, 0, prompts)


def test_a_quick_answer_does_not_wait_for_a_close_up(far_away: Scene) -> None:
    truth, engine = far_away.modal[0], BuiltinSegmenter()
    x, y = centre_of(truth) or (0, 0)
    clicks = Click(0, x, y), Click(0, x + 4, y)
    engine.prepare(far_away.clip, 0)
    for count in (1, 2):
        engine.segment(far_away.clip, 0, Prompts(clicks=clicks[:count]), quick=True)
    assert [view for *_, view in engine._prepared] == [EVERYTHING]
    engine.segment(far_away.clip, 0, Prompts(clicks=clicks[:1]))
    assert len(engine._prepared) == 2, "the full answer makes ready what the next click needs"
    quick = engine.segment(far_away.clip, 0, Prompts(clicks=clicks), quick=True)
    assert iou(quick, truth) > 0.9 and len(engine._prepared) == 2


def test_a_small_object_is_tracked(far_away: Scene) -> None:
    prompts = Prompts(masks={0: far_away.modal[0]})
    tracked = list(BuiltinSegmenter().track(far_away.clip, prompts, range(len(far_away))))
    assert min(iou(t.mask, far_away.modal[t.frame_index]) for t in tracked) > 0.9


def test_a_small_given_mask_keeps_its_pixels_where_no_click_changes_them(far_away: Scene) -> None:
    given = far_away.modal[0].copy()
    given[310:322, 510:522] = True
    click = Click(0, 516, 316, positive=False)
    mask = BuiltinSegmenter().segment(far_away.clip, 0, Prompts(clicks=(click,), masks={0: given}))
    assert not mask[311:321, 511:521].any()
    far = np.ones_like(given)
    far[300:340, 500:560] = False
    assert np.array_equal(mask[far], given[far])


def test_a_click_beyond_the_last_pixels_middle_is_on_it() -> None:
    clip = make_scene(1).clip
    engine = BuiltinSegmenter()
    on, beyond = (engine.segment(clip, 0, Prompts(clicks=(Click(0, 159 + d, 119 + d),))) for d in (0, 0.49))
    assert np.array_equal(on, beyond) and on[119, 159]
