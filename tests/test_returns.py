"""An object that comes back after it was gone: the question, its answers, and the split into two objects."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from annotating import annotate, rectangle

from vas_tool.errors import PromptError
from vas_tool.hypotheses import Recipe
from vas_tool.planning.review import FrameState, review_of
from vas_tool.project import Project
from vas_tool.project.depth_order import InFront
from vas_tool.project.frame_facts import needs_look
from vas_tool.project.returns import returns, split, split_orders
from vas_tool.project.truth import AnnotatedObject, Pick, object_from_json, object_json
from vas_tool.session import Session
from vas_tool.storage import Stamp
from vas_tool.types import AmodalBox, Box, Click, NoBox, Stroke
from vas_tool.ui.actions import perform
from vas_tool.ui.views import state_view

SIZE = (64, 48)
SEEN, BACK = rectangle(SIZE, 4, 4, 20, 20), rectangle(SIZE, 30, 10, 50, 30)
NOTHING = np.zeros(SIZE[::-1], bool)


@pytest.mark.parametrize(
    ("areas", "found"),
    [
        ([9, 0, 0, 9], {3: 0}),
        ([9, 0, 9, 9], {}),  # one frame: a blink
        ([0, 0, 9, 9], {}),  # it was not there before
        ([9, None, None, 9], {}),  # never tracked
        ([9, 0, None, 0, 0, 9], {}),
        ([9, 0, 0, 0, 9, 0, 0, 9], {4: 0, 7: 4}),
    ],
)
def test_an_object_comes_back_after_frames_on_which_it_is_gone(areas: list[int | None], found: dict[int, int]) -> None:
    assert returns({f: area for f, area in enumerate(areas) if area is not None}) == found


@pytest.fixture
def gone(make_project: Callable[..., Project]) -> Project:
    """An object on frames 0 and 1, gone on 2 and 3, back from 4 on; with amodal masks and content where it is seen."""
    project = make_project(7, SIZE)
    masks = dict(enumerate([SEEN, SEEN, NOTHING, NOTHING, BACK, BACK, BACK]))
    seen = {f: mask for f, mask in masks.items() if mask.any()}
    annotate(project, "car", modal=masks, amodal=seen)
    content = np.zeros((*SIZE[::-1], 4), np.uint8)
    for f in seen:
        project.layers(1).content.put(f, content, Stamp("fake"))
        project.layers(1).hypothesis(7).put(f, seen[f], Stamp("fake", seed=7))
    return project


def test_its_first_frame_asks_until_somebody_answers(gone: Project) -> None:
    session = Session(gone)
    assert needs_look(gone, 1) == {4: "it comes back after 2 frames: is it the same one?"}
    assert review_of(gone, 1).states[4] & FrameState.NEEDS_LOOK
    (told,) = state_view(session, None)["objects"][0]["returns"]
    assert told == {"frame": 4, "last_seen": 1, "box": (30, 10, 50, 30), "box_before": (4, 4, 20, 20)}
    perform(session, "same", {"object": 1, "frame": 4})
    assert gone.truth.object(1).same == (4,) and needs_look(gone, 1) == {}
    assert object_from_json(object_json(gone.truth.object(1))) == gone.truth.object(1)
    session.undo()
    assert list(needs_look(gone, 1)) == [4]
    session.accept(1, 4)
    assert needs_look(gone, 1) == {} and state_view(session, None)["objects"][0]["returns"] == []
    with pytest.raises(PromptError, match="does not come back"):
        session.identity.same(1, 5)


def test_another_one_becomes_an_object_of_its_own_and_undo_puts_it_back(gone: Project) -> None:
    session = Session(gone)
    before = {layer.folder.name: {f: layer[f].tobytes() for f in layer} for layer in gone.layers(1).every()}
    assert perform(session, "split", {"object": 1, "frame": 4}) == {"object": 2}
    first, later = gone.truth.objects
    assert (first.label, later.label, later.given) == ("car", "car", (4,))
    assert sorted(gone.modal(1)) == [0, 1, 2, 3] and sorted(gone.modal(2)) == [4, 5, 6]
    assert np.array_equal(gone.modal(2)[5], BACK) and np.array_equal(gone.layers(2).given[4], BACK)
    for name in ("amodal", "content"):
        assert (list(getattr(gone.layers(1), name)), list(getattr(gone.layers(2), name))) == ([0, 1], [4, 5, 6])
    assert list(gone.layers(2).hypothesis(7)) == [4, 5, 6]
    assert needs_look(gone, 1) == needs_look(gone, 2) == {}
    session.undo()
    after = {layer.folder.name: {f: layer[f].tobytes() for f in layer} for layer in gone.layers(1).every()}
    assert after == before and [o.id for o in gone.truth.objects] == [1]
    session.redo()
    assert sorted(gone.modal(2)) == [4, 5, 6] and sorted(gone.modal(1)) == [0, 1, 2, 3]
    for frame_index in (0, 9):
        with pytest.raises(PromptError):
            session.split(1, frame_index)


def test_everything_that_was_said_goes_with_its_frame() -> None:
    stroke = Stroke(5, layer="modal", adds=True, radius=2, points=((1, 1),))
    obj = AnnotatedObject(
        1,
        "car",
        clicks=(Click(0, 1, 1), Click(5, 2, 2)),
        boxes=(Box(4, 1, 1, 9, 9),),
        amodal_boxes=(AmodalBox(0, 0, 0, 10, 10), AmodalBox(8, 8, 8, 18, 18)),
        strokes=(stroke, replace(stroke, frame_index=1)),
        given=(0, 4),
        accepted=(3, 4),
        needs_work=(2, 6),
        picks=(Pick(0, 9, Recipe.of_seed(3)),),
    )
    first, later = split(obj, 4, 9)
    assert (first.clicks, later.clicks) == (obj.clicks[:1], obj.clicks[1:])
    assert (first.boxes, later.boxes) == ((), obj.boxes)
    assert [s.frame_index for s in first.strokes] == [1] and [s.frame_index for s in later.strokes] == [5]
    assert (first.given, first.accepted, first.needs_work) == ((0,), (3,), (2,))
    assert (later.given, later.accepted, later.needs_work) == ((4,), (4,), (6,))
    assert first.amodal_boxes == (AmodalBox(0, 0, 0, 10, 10), AmodalBox(3, 3, 3, 13, 13))
    assert later.amodal_boxes == (AmodalBox(4, 4, 4, 14, 14), AmodalBox(8, 8, 8, 18, 18))
    assert [(p.first, p.last) for p in (*first.picks, *later.picks)] == [(0, 3), (4, 9)]
    ended = replace(obj, amodal_boxes=(AmodalBox(0, 0, 0, 9, 9), NoBox(2), AmodalBox(6, 1, 1, 9, 9)))
    first, later = split(ended, 4, 9)
    assert first.amodal_boxes == ended.amodal_boxes[:2] and later.amodal_boxes == ended.amodal_boxes[2:]


def test_orders_in_depth_are_split_too() -> None:
    orders = (InFront(1, 2, 0, 9), InFront(3, 1, 5, 6), InFront(2, 3, 0, 9))
    assert split_orders(orders, 1, frame_index=4, new_id=8) == (
        InFront(1, 2, 0, 3),
        InFront(2, 3, 0, 9),
        InFront(8, 2, 4, 9),
        InFront(3, 8, 5, 6),
    )
