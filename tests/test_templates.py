"""Templates: outlines of a clear frame, placed where the object is hidden, and fitted to the visible edge."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotating import annotate
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.errors import PromptError
from vas_tool.exports import export
from vas_tool.masks import from_runs
from vas_tool.pipeline import execute
from vas_tool.planning.plan import Request, plan
from vas_tool.planning.review import FrameState, review_of
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.project import Project
from vas_tool.project.template_fit import fitted
from vas_tool.project.templates import Pose, Template, changed, covered, template_from_json
from vas_tool.project.truth import object_from_json, object_json
from vas_tool.project_store import ProjectStore
from vas_tool.session import Session
from vas_tool.types import Canvas, Click, Mask, Stroke
from vas_tool.ui.actions import perform
from vas_tool.ui.views import state_view, template_view

CASES = json.loads((Path(__file__).parent / "template_cases.json").read_text())
"""The cases that the page is tested on, too (tests/page/templates.test.js)."""
FRAME = (160, 120)
CANVAS = Canvas(FRAME, 20, 10, 20, 10)


def shape(canvas: Canvas = CANVAS) -> Mask:
    """An outline without symmetry, with a hole."""
    mask = np.zeros(canvas.size_wh[::-1], np.uint8)
    corners = np.array([[40, 40], [100, 35], [112, 70], [84, 62], [78, 92], [48, 88]])
    corners += np.array([canvas.pad_left, canvas.pad_top])
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


@pytest.mark.parametrize("case", CASES["interpolation"])
def test_poses_equal_those_of_the_page(case: dict[str, list[list[float]]]) -> None:
    first, *others = (Pose(int(f), *numbers) for f, *numbers in case["poses"])
    moving = replace(template(), poses=(first, *others))
    for f, *numbers in case["on"]:
        pose = moving.pose_on(int(f))
        assert ([] if pose is None else [pose.x, pose.y, pose.angle, pose.scale]) == numbers


@pytest.mark.parametrize("case", CASES["corners"])
def test_it_is_drawn_where_the_page_shows_it(case: dict[str, list[float]]) -> None:
    width, height = case["size_wh"]
    matrix = replace(template(), size_wh=(int(width), int(height))).matrix(Pose(0, *case["pose"]))
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]])
    assert (corners @ matrix.T + 0.5).ravel() == pytest.approx(np.ravel(case["corners"]), abs=1e-5)


def test_it_comes_back_from_json_and_damage_is_refused() -> None:
    taken = template().posed(Pose(7, 50.5, 40, -12, 1.1))
    assert template_from_json(taken.json()) == taken
    for damage in (
        {"poses": []},
        {"poses": [[5, 1, 1, 0, 1], [5, 2, 2, 0, 1]]},
        {"counts": "0"},
        {"box": [0, 0, 9, 9]},
    ):
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


# --- in a project -----------------------------------------------------------------------------------------------------


@pytest.fixture
def walker(make_project: Callable[..., Project]) -> Project:
    """An object that moves by 4 pixels a frame. It is whole on frame 0, and behind a pole on frames 2 and 3."""
    project = make_project(5, FRAME)
    seen = {f: np.roll(shape(Canvas(FRAME)), 4 * f, 1) for f in range(5)}
    for f in (2, 3):
        seen[f][:, 90:] = False
    annotate(project, "walker", modal=seen)
    return project


def pose_of(f: int, reach: float = 0) -> dict[str, float | None]:
    return {
        "object": 1,
        "index": 0,
        "frame": f,
        "x": 76 + 4 * f,
        "y": 64,
        "angle": 0,
        "scale": 1,
        "reach": reach,
        "key": None,
    }


def test_key_frames_make_the_amodal_masks_between_them(walker: Project) -> None:
    session = Session(walker)
    perform(session, "take_template", {"object": 1, "frame": 0})
    assert list(walker.amodal(1)) == [0]
    (told,) = state_view(session, None)["objects"][0]["templates"]
    assert told["taken_from"] == 0 and told["box"] == [40, 35, 73, 58]
    outline = template_view(session, 1, 0)
    assert outline["key"] == told["key"]
    assert np.array_equal(from_runs(outline["runs"], (73, 58)), shape(Canvas(FRAME))[35:93, 40:113])
    version = session.changes.version
    perform(session, "template", pose_of(4, 0) | {"x": 76.5 + 16, "y": 64})
    assert session.changes.since(version) == {1, 2, 3, 4}
    for f in range(5):
        assert np.array_equal(walker.amodal(1)[f], np.roll(shape(Canvas(FRAME)), 4 * f, 1))
    assert walker.amodal(1).occluded(2) and not walker.amodal(1).occluded(1)
    assert walker.amodal(1).hidden_area(3) == (walker.amodal(1)[3] & ~walker.modal(1)[3]).sum()
    assert walker.amodal(1).hidden_areas()[0][3] == walker.amodal(1).hidden_area(3)
    x0, y0, x1, y1 = walker.amodal(1).box(3) or (0, 0, 0, 0)
    assert (x1 - x0, y1 - y0) == (73, 58)
    assert review_of(walker, 1).states[3] & FrameState.AMODAL


def test_the_outline_of_an_object_can_be_fitted_or_snapped(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    assert session.templates.fit(1, 0, 3) == pytest.approx(0.8, abs=0.05)  # the rest is the pole's edge
    pose = walker.truth.object(1).templates[0].pose_on(3)
    assert pose is not None and math.hypot(pose.x - 76.5 - 12, pose.y - 64) < 0.7
    perform(session, "template", pose_of(2, reach=9) | {"x": 80, "y": 61})
    snapped = walker.truth.object(1).templates[0].pose_on(2)
    session.undo()  # what a fit gives can be stored and read
    session.redo()
    assert snapped is not None and math.hypot(snapped.x - 76.5 - 8, snapped.y - 64) < 0.7
    perform(session, "template", pose_of(2, reach=9) | {"x": 30, "y": 61})  # far from every edge: as it was placed
    assert walker.truth.object(1).templates[0].pose_on(2) == Pose(2, 30, 61, 0, 1)


def test_strokes_lie_on_a_template_and_a_later_change_of_the_clear_frame_leaves_it(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    session.templates.place(1, 0, Pose(2, 76.5 + 8, 64))
    before = walker.amodal(1).state(2)
    session.prompts.stroke(Stroke(2, "amodal", True, 3, ((10, 10),)), object_id=1)
    assert walker.amodal(1)[2][10, 10] and walker.amodal(1).state(2) != before
    session.prompts.stroke(Stroke(0, "modal", False, 90, ((70, 60),)), object_id=1)
    assert walker.amodal(1)[2].sum() > 2000
    for _ in range(3):
        session.undo()
    assert list(walker.amodal(1)) == [0]


def test_frames_whose_mask_changes_are_accepted_no_more(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    for f in (0, 2, 4):
        session.accept(1, f)
    session.templates.place(1, 0, Pose(3, 90, 64))
    assert walker.truth.object(1).accepted == (0, 4)


def test_a_key_frame_and_a_template_can_be_removed(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    session.templates.place(1, 0, Pose(3, 90, 64))
    with pytest.raises(PromptError, match="no key frame"):
        session.templates.remove(1, 0, 2)
    session.templates.remove(1, 0, 3)
    session.templates.remove(1, 0, 0)
    assert walker.truth.object(1).templates == () and list(walker.amodal(1)) == []
    with pytest.raises(PromptError, match="that template is gone"):
        session.templates.place(1, 0, Pose(3, 90, 64))


def test_what_has_no_outline_gives_no_template(walker: Project) -> None:
    session = Session(walker)
    session.prompts.click(Click(1, 5, 5, True), object_id=None)
    with pytest.raises(PromptError, match="nothing is seen"):
        session.templates.take(2, 4)


def test_engines_make_no_amodal_mask_under_a_template(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    session.templates.place(1, 0, Pose(3, 76.5 + 12, 64))
    before = walker.amodal(1)[2]
    planned = plan(snapshot_of(walker, (1,)), Request((1,), ("depth", "amodal", "content")))
    assert [sorted(run.frames) for run in planned if run.frames] == [[0, 1, 2, 3, 4], [4], [0, 1, 2, 3, 4]]
    execute(planned, ProjectStore(walker, walker.edit("complete")))
    assert np.array_equal(walker.amodal(1)[2], before) and sorted(walker.layers(1).amodal) == [4]
    assert sorted(walker.layers(1).content) == [0, 1, 2, 3, 4]
    session.templates.place(1, 0, Pose(3, 76.5 + 13, 64))
    again = plan(snapshot_of(walker, (1,)), Request((1,), ("amodal", "content")))
    assert {run.stage for run in again if run.frames} == {"content"}
    assert all(state & FrameState.STALE for state in list(review_of(walker, 1).states)[1:4])


def test_templates_are_stored_split_and_exported(walker: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    session.templates.place(1, 0, Pose(4, 76.5 + 16, 64))
    obj = walker.truth.object(1)
    assert object_from_json(object_json(obj)) == obj
    file = tmp_path_factory.mktemp("out") / "coco.json"
    export([walker], "coco", file)
    made = [mark["engine"]["amodal"] for mark in json.loads(file.read_text())["annotations"]]
    assert {(each["engine"], each["taken_from"]) for each in made} == {("template", 0)}
    session.identity.split(1, 2)
    assert list(walker.amodal(1)) == [0, 1] and list(walker.amodal(2)) == [2, 3, 4]


# --- taken again, accepted, split, refused ----------------------------------------------------------------------------


def test_a_corrected_clear_frame_gives_its_template_a_new_outline_on_all_key_frames(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    session.templates.place(1, 0, Pose(3, 76.5 + 12, 64, 180, 2))
    session.prompts.stroke(Stroke(0, "modal", False, 12, ((108, 30), (108, 75))), object_id=1)  # its right end goes
    session.templates.take(1, 0)
    (template,) = walker.truth.object(1).templates
    assert template.left + template.size_wh[0] < 100 and template.left == 40
    assert np.array_equal(template.placed(template.poses[0], Canvas(FRAME)), walker.modal(1)[0])
    last = template.poses[1]
    moved = 40 + template.size_wh[0] / 2 - 76.5  # of the outline's centre; turned half round, and twice as large
    assert last.x == pytest.approx(88.5 - 2 * moved) and last.y == pytest.approx(64, abs=2)


def test_what_does_not_change_a_mask_keeps_the_acceptance(walker: Project) -> None:
    session = Session(walker)
    for f in range(5):
        session.accept(1, f)
    session.templates.take(1, 0)
    assert walker.truth.object(1).accepted == (0, 1, 2, 3, 4)
    session.templates.place(1, 0, Pose(2, 76.5 + 8, 64))
    session.templates.place(1, 0, Pose(4, 76.5 + 16, 64))
    for f in range(5):
        session.accept(1, f)
    session.templates.remove(1, 0, 2)  # it lay on the line
    assert walker.truth.object(1).accepted == (0, 1, 2, 3, 4)


def test_a_split_leaves_masks_and_their_states(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    session.templates.place(1, 0, Pose(4, 93.17, 64.31, 7.3, 1.13))
    states = {f: walker.amodal(1).state(f) for f in range(5)}
    session.identity.split(1, 3)
    after = {f: walker.amodal(1 if f < 3 else 2).state(f) for f in range(5)}
    assert after == states


def test_an_action_on_another_template_is_refused(walker: Project) -> None:
    session = Session(walker)
    session.templates.take(1, 0)
    with pytest.raises(PromptError, match="that template is gone"):
        session.templates.remove(1, 0, 0, key="another")
    with pytest.raises(ValueError, match="size 0"):
        template_from_json({**walker.truth.object(1).templates[0].json(), "box": [0, 0, 0, 4], "counts": ""})


def test_a_large_template_is_fitted_on_a_smaller_picture() -> None:
    large = Canvas((1600, 1200))
    mask = cv2.resize(shape(Canvas(FRAME)).astype(np.uint8), large.frame_wh, interpolation=cv2.INTER_NEAREST) > 0
    taken = Template.taken(mask, large, 0)
    start = taken.poses[0]
    seen = taken.placed(Pose(4, start.x + 40, start.y - 20, 4, 1.05), large)
    seen[:, round(start.x) :] = False
    found = fitted(taken, taken.nearest(4), seen, reach=math.inf)
    assert found is not None and math.hypot(found.x - start.x - 40, found.y - start.y + 20) < 6
