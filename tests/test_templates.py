"""Templates: outlines of a clear frame, placed where the object is hidden, and fitted to the visible edge."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.errors import PromptError
from vas_tool.project.template_fit import fitted
from vas_tool.project.templates import Pose, Template, changed, covered, template_from_json
from vas_tool.types import Canvas, Mask

FRAME = (160, 120)
CANVAS = Canvas(FRAME, 20, 10, 20, 10)


def shape(canvas: Canvas = CANVAS) -> Mask:
    """An outline without symmetry, with a hole."""
    mask = np.zeros(canvas.size_wh[::-1], np.uint8)
    corners = np.array([[40, 40], [100, 35], [112, 70], [84, 62], [78, 92], [48, 88]]) + (canvas.pad_left, canvas.pad_top)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    cv2.circle(mask, (60 + canvas.pad_left, 55 + canvas.pad_top), 6, 0, cv2.FILLED)
    return mask.astype(bool)


def template() -> Template:
    return Template.taken(shape(), CANVAS, 3)


def test_at_its_own_place_a_template_equals_the_mask_that_was_taken() -> None:
    taken = template()
    assert np.array_equal(taken.placed(taken.poses[0], CANVAS), shape())


def test_a_move_by_whole_pixels_moves_the_mask_also_beyond_the_picture() -> None:
    taken = template()
    start = taken.poses[0]
    moved = Pose(9, start.x - 55, start.y + 4)
    expected = np.roll(shape(), (4, -55), (0, 1))
    assert np.array_equal(taken.placed(moved, CANVAS), expected)
    wider = Canvas(FRAME, 40, 30, 40, 30)
    assert np.array_equal(taken.placed(moved, wider)[20:-20, 20:-20], expected)


def test_a_quarter_turn_is_clockwise_on_the_screen() -> None:
    square = Canvas((101, 101))
    mask = np.zeros((101, 101), bool)
    mask[40:60, 30:80] = mask[20:60, 30:40] = True  # an L that lies on its side
    taken = Template.taken(mask, square, 0)
    start = taken.poses[0]
    turned = taken.placed(Pose(0, start.x, start.y, 90), square)
    inner = mask[20:60, 30:80]
    assert np.array_equal(turned[turned.any(1)][:, turned.any(0)], np.rot90(inner, -1))


def test_twice_the_scale_is_four_times_the_area() -> None:
    taken = template()
    large = taken.placed(Pose(0, 80, 60, 0, 1.5), Canvas(FRAME, 200, 200, 200, 200))
    assert large.sum() == pytest.approx(2.25 * shape().sum(), rel=0.02)


@given(st.floats(-180, 180), st.floats(-180, 180), st.floats(0.1, 4), st.integers(1, 8))
def test_between_key_frames_a_pose_moves_evenly_and_turns_the_shorter_way(
    a: float, b: float, scale: float, step: int
) -> None:
    taken = template().posed(Pose(3, 10, 20, a, 1)).posed(Pose(12, 19, 2, b, scale))
    pose = taken.pose_on(3 + step)
    assert pose is not None
    t = step / 9
    assert (pose.x, pose.y, pose.scale) == pytest.approx((10 + 9 * t, 20 - 18 * t, 1 + (scale - 1) * t))
    turned = abs(math.remainder(pose.angle - a, 360))
    assert turned <= 180 * t + 1e-9 and -180 <= pose.angle <= 180
    assert taken.pose_on(2) is None and taken.pose_on(13) is None


def test_it_comes_back_from_json_and_damage_is_refused() -> None:
    taken = template().posed(Pose(7, 50.5, 40, -12, 1.1))
    assert template_from_json(taken.json()) == taken
    for damage in ({"poses": []}, {"poses": [[5, 1, 1, 0, 1], [5, 2, 2, 0, 1]]}, {"counts": "0"}, {"box": [0, 0, 9, 9]}):
        with pytest.raises(ValueError, match="template"):
            template_from_json({**taken.json(), **damage})
    with pytest.raises(PromptError, match="scaled by"):
        Pose(0, 0, 0, 0, 0)


def test_a_cut_keeps_what_lies_on_every_frame() -> None:
    taken = template().posed(Pose(13, 90, 50, 20, 2))
    before, after = taken.part(8, later=False), taken.part(8, later=True)
    assert before and after and covered([before]) == set(range(3, 8)) and covered([after]) == set(range(8, 14))
    for part in (before, after):
        for frame in part.span:
            assert vars(part.pose_on(frame)) == pytest.approx(vars(taken.pose_on(frame)))
    assert taken.part(3, later=False) is None and taken.part(14, later=True) is None


def test_changed_names_the_frames_that_look_otherwise() -> None:
    taken = template().posed(Pose(6, 80, 60))
    later = taken.posed(Pose(9, 90, 60))
    assert changed([taken], [later]) == {7, 8, 9}
    assert changed([taken], [taken, later.part(9, later=True) or later]) == {9}


@pytest.mark.parametrize("hidden", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("reach", [14.0, math.inf])
def test_the_fit_finds_where_the_object_is_behind_an_occluder(hidden: str, reach: float) -> None:
    taken = template()
    start = taken.poses[0]
    true = Pose(8, start.x + 6.4, start.y - 4.7, 5, 1.06)
    whole = taken.placed(true, CANVAS)
    seen, y, x = whole[CANVAS.window].copy(), round(true.y), round(true.x)
    part = {"left": np.s_[:, :x], "right": np.s_[:, x:], "top": np.s_[:y], "bottom": np.s_[y:]}[hidden]
    seen[part] = False
    found = fitted(taken, taken.nearest(8), seen, reach=reach)
    assert found is not None and found.frame_index == 8
    placed = taken.placed(found, CANVAS)
    hidden_part, answer = whole[CANVAS.window] & ~seen, placed[CANVAS.window] & ~seen
    assert (hidden_part & answer).sum() / (hidden_part | answer).sum() > 0.9


def test_borders_of_other_objects_and_of_the_frame_are_no_edge() -> None:
    taken = template()
    start = taken.poses[0]
    true = Pose(8, start.x + 5, start.y, 0, 1)
    whole = taken.placed(true, CANVAS)[CANVAS.window]
    other = np.zeros_like(whole)
    other[:, 70:90] = True
    found = fitted(taken, taken.nearest(8), whole & ~other, other=other, reach=10)
    assert found is not None and math.hypot(found.x - true.x, found.y - true.y) < 0.7


def test_where_too_little_is_seen_there_is_no_fit() -> None:
    taken = template()
    seen = np.zeros(FRAME[::-1], bool)
    assert fitted(taken, taken.nearest(8), seen, reach=math.inf) is None
    seen[5:7, 5:8] = True
    assert fitted(taken, taken.nearest(8), seen, reach=math.inf) is None
