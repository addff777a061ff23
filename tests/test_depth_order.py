"""Who is in front of whom: said for spans, suggested by masks and depth, contradictions told, kept and exported."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, rectangle

from vas_tool.errors import PromptError
from vas_tool.exports import export
from vas_tool.formats.verify import verify
from vas_tool.project import Project
from vas_tool.project.depth_order import InFront, add_orders, cycle_in, nearest_first, pairs_on, remove_order
from vas_tool.project.frame_order import OrderFinder
from vas_tool.project.truth import truth_from_json, truth_json
from vas_tool.session import Session
from vas_tool.storage import Stamp
from vas_tool.ui.actions import perform
from vas_tool.ui.views import order_view, state_view

SIZE = (64, 48)
CAR, CAR_WHOLE = rectangle(SIZE, 4, 10, 20, 40), rectangle(SIZE, 4, 10, 40, 40)
BOX = rectangle(SIZE, 20, 2, 36, 46)
FAR = rectangle(SIZE, 50, 10, 62, 40)


def test_a_later_word_takes_the_frames_of_an_earlier_one_about_the_same_two_objects() -> None:
    orders = add_orders((), [InFront(1, 2, 0, 9), InFront(3, 2, 0, 9)])
    orders = add_orders(orders, [InFront(2, 1, 3, 5)])
    assert [pairs_on(orders, f) for f in (2, 3, 5, 6)] == [
        {(1, 2), (3, 2)},
        {(2, 1), (3, 2)},
        {(2, 1), (3, 2)},
        {(1, 2), (3, 2)},
    ]
    orders = remove_order(orders, (1, 2), range(1, 5))
    assert [sorted(pairs_on(orders, f)) for f in (0, 1, 4, 5)] == [
        [(1, 2), (3, 2)],
        [(3, 2)],
        [(3, 2)],
        [(2, 1), (3, 2)],
    ]


def test_circles_are_found_and_everything_else_is_sorted() -> None:
    assert cycle_in({(1, 2), (2, 3), (1, 3)}) == []
    assert sorted(cycle_in({(4, 1), (1, 2), (2, 3), (3, 1)})) == [1, 2, 3]
    assert nearest_first({(2, 1)}, [1, 2, 3], {1: 0.9, 2: 0.1, 3: 0.5}) == [3, 2, 1]
    assert nearest_first({(2, 1), (1, 2)}, [1, 2], {}) == [1, 2]


def scene(project: Project, *, box_depth: float = 0.8) -> None:
    """A car behind a box, on frames 1 to 3; an object apart from both, on all."""
    annotate(project, "car", modal=dict.fromkeys(range(1, 5), CAR), amodal=dict.fromkeys(range(1, 4), CAR_WHOLE))
    annotate(project, "box", modal=dict.fromkeys(range(5), BOX))
    annotate(project, "far", modal=dict.fromkeys(range(5), FAR))
    depth = np.full(SIZE[::-1], 0.1, np.float32)
    depth[CAR], depth[BOX], depth[FAR] = 0.5, box_depth, 0.2
    for f in range(5):
        project.depth.put(f, depth, Stamp("measured"))


def test_masks_and_depth_suggest_an_order(small_project: Project) -> None:
    scene(small_project, box_depth=0.4)
    order = OrderFinder(small_project).on(2)
    assert order.ids == (2, 1, 3) and order.links == {(2, 1): "masks"} and order.problems == ()
    assert order.nearness == {1: 0.5, 2: pytest.approx(0.4), 3: pytest.approx(0.2)}
    assert OrderFinder(small_project).on(4).ids == (1, 2, 3)  # nothing is hidden: the nearest first
    assert OrderFinder(small_project).on(0).ids == (2, 3)


def test_what_is_said_holds_where_the_two_meet_and_can_be_undone(small_project: Project) -> None:
    scene(small_project)
    session = Session(small_project)
    answer = perform(session, "in_front", {"pairs": [[2, 1]], "frame": 2, "first": None, "last": None})
    assert answer == {"why": "box in front of car, frames 1-4"}
    perform(session, "in_front", {"pairs": [[1, 3]], "frame": 2, "first": 0, "last": 4})
    assert state_view(session, None)["in_front"] == [[1, 3, 0, 4], [2, 1, 1, 4]]
    perform(session, "not_in_front", {"objects": [1, 2], "first": 2, "last": 2})
    assert small_project.truth.in_front == (InFront(1, 3, 0, 4), InFront(2, 1, 1, 1), InFront(2, 1, 3, 4))
    for _ in range(2):
        session.undo()
    assert small_project.truth.in_front == (InFront(2, 1, 1, 4),)
    session.delete_object(1)
    assert small_project.truth.in_front == ()
    session.undo()
    session.close()
    project = Project.open(small_project.folder)
    assert project.truth.in_front == (InFront(2, 1, 1, 4),)
    project.close()


@pytest.mark.parametrize(
    ("pairs", "span", "words"),
    [
        ([[1, 1]], (0, 4), "not in front of itself"),
        ([[1, 9]], (0, 4), "there is no object 9"),
        ([[1, 2]], (0, 5), "frame 5 is not in the clip"),
        ([[1, 2]], (3, 2), "ends at or after its first"),
        ([], (0, 4), "at least two objects"),
    ],
)
def test_what_cannot_be_is_refused(
    small_project: Project, pairs: list[list[int]], span: tuple[int, int], words: str
) -> None:
    scene(small_project)
    session = Session(small_project)
    with pytest.raises(PromptError, match=words):
        perform(session, "in_front", {"pairs": pairs, "frame": 0, "first": span[0], "last": span[1]})
    with pytest.raises(PromptError, match="nothing is said"):
        perform(session, "not_in_front", {"objects": [1, 2], "first": 0, "last": 4})


def test_circles_and_contradictions_are_told_on_the_page_and_by_verify(small_project: Project) -> None:
    scene(small_project)
    session = Session(small_project)
    session.order.say([(1, 2)], 2)
    session.order.say([(3, 1), (2, 3)], 2, span=range(1, 3))
    problems = order_view(session, 2)["problems"]
    assert problems == (
        "in a circle, each in front of the next: car (1), box (2), far (3), car (1)",
        "car (1) is said to be in front of box (2), but box (2) is seen where car (1) is hidden",
        "car (1) is said to be in front of box (2), but is farther away by its depth",
        "far (3) is said to be in front of car (1), but is farther away by its depth",
    )
    session.close()
    listed = verify(small_project.folder).problems
    assert "frames 1-2: " + problems[0] in listed and "frames 1-4: " + problems[2] in listed


def test_a_project_from_before_and_one_with_an_unknown_object() -> None:
    data = {"canvas": [0, 0, 0, 0], "objects": [], "next_object_id": 1, "engines": {}, "seed": 0}
    truth = truth_from_json(data, SIZE)
    assert truth.in_front == () and truth_json(truth)["in_front"] == []
    with pytest.raises(PromptError, match="no object 1"):
        truth_from_json({**data, "in_front": [[1, 2, 0, 3]]}, SIZE)


def test_exports_hold_what_was_said(make_project: Callable[..., Project], tmp_path: Path) -> None:
    project = make_project(3, SIZE)
    whole = dict.fromkeys(range(3), CAR_WHOLE)
    annotate(project, "car", modal=whole, amodal=whole)  # seen over the box, by its masks
    annotate(project, "box", modal=dict.fromkeys(range(3), BOX & ~CAR_WHOLE), amodal=dict.fromkeys(range(3), BOX))
    annotate(project, "far", modal=dict.fromkeys(range(3), FAR), amodal=dict.fromkeys(range(3), FAR))
    session = Session(project)
    session.order.say([(2, 1)], 1, span=range(1, 2))
    session.order.say([(3, 1)], 1, span=range(0, 3))  # their masks do not overlap: neither hides the other

    def written(name: str) -> list[dict[str, object]]:
        (path,) = export([project], name, tmp_path / f"{name}.json").paths
        assert verify(path).ok
        items: list[dict[str, object]] = json.loads(path.read_text())["annotations"]
        return items

    coco = written("coco")
    hiding = [[a["occluder_ids"] for a in coco if a["obj_id"] == i] for i in (1, 2, 3)]
    assert hiding == [[[], [2], []], [[1], [], [1]], [[], [], []]]
    kins = written("kins")
    assert [a["ico_id"] for a in kins if a["obj_id"] == 1] == [1, 2, 1]
    pictures = written("cocoa")
    assert [p["depth_constraint"] for p in pictures] == ["1-2"] * 3
    assert [[r["obj_id"] for r in p["regions"]][:2] for p in pictures] == [[1, 2], [2, 1], [1, 2]]  # type: ignore[attr-defined]
