"""Pixels of a hidden part that nothing can hide: found, kept, told in marks, and listed by ``verify``."""

from dataclasses import replace

import numpy as np
from annotating import annotate, pad, rectangle

from vas_tool.cli import main
from vas_tool.formats.verify import verify
from vas_tool.masks import from_runs
from vas_tool.planning.review import FrameState, review_of
from vas_tool.project import Project
from vas_tool.project.frame_facts import needs_look
from vas_tool.project.mask_measurements import MeasurementCache
from vas_tool.project.nothing_in_front import NothingInFront, nothing_in_front
from vas_tool.session import Session
from vas_tool.session.prompt_edits import stroke_of
from vas_tool.storage import Stamp
from vas_tool.types import Depth
from vas_tool.ui.views import open_view, state_view

SIZE = (64, 48)
SEEN = rectangle(SIZE, 8, 8, 24, 40)
WHOLE = rectangle(SIZE, 8, 8, 40, 40)
FRONT = rectangle(SIZE, 24, 0, 32, 48)
"""A bar in front of half of the hidden part: 256 of 512 pixels."""


def with_depth(project: Project, frame_index: int, *, bar: float = 0.9, engine: str = "measured") -> None:
    depth: Depth = np.full(SIZE[::-1], 0.2, np.float32)
    depth[SEEN], depth[FRONT] = 0.5, bar
    project.depth.put(frame_index, depth, Stamp(engine))


def test_what_is_nearer_in_depth_can_hide_and_what_is_farther_cannot(small_project: Project) -> None:
    annotate(small_project, modal={0: SEEN, 1: SEEN}, amodal={0: WHOLE, 1: WHOLE})
    with_depth(small_project, 0)
    assert nothing_in_front(small_project, 1) == {0: (256, 512)}  # nothing is known of frame 1
    assert needs_look(small_project, 1) == {0: "50% of the hidden part has nothing in front"}


def test_guessed_depth_needs_a_larger_difference(small_project: Project) -> None:
    annotate(small_project, modal={0: SEEN}, amodal={0: WHOLE})
    with_depth(small_project, 0, bar=0.45)
    assert nothing_in_front(small_project, 1)[0][0] == 512
    with_depth(small_project, 0, bar=0.45, engine="builtin")
    assert nothing_in_front(small_project, 1)[0][0] == 256


def test_another_object_and_the_edge_of_the_frame_can_hide(small_project: Project) -> None:
    canvas = pad(small_project, 0.25)
    whole = canvas.to_canvas(WHOLE)
    whole[:, : canvas.pad_left] = True
    annotate(small_project, modal={0: SEEN}, amodal={0: whole})
    annotate(small_project, "bar", modal={0: rectangle(SIZE, 24, 0, 40, 48)})
    with_depth(small_project, 0, bar=0.2)
    assert nothing_in_front(small_project, 1) == {}


def test_numbers_are_kept_and_follow_everything_they_come_from(small_project: Project) -> None:
    annotate(small_project, modal={0: SEEN}, amodal={0: WHOLE})
    annotate(small_project, "other")
    with_depth(small_project, 0)
    assert review_of(small_project, 1).open_parts == {0: (256, 512)}
    measured: MeasurementCache[int] = small_project.layers(1).measured
    before = measured.changes
    assert nothing_in_front(small_project, 1) == {0: (256, 512)} and measured.changes == before
    small_project.layers(2).modal.put(0, rectangle(SIZE, 32, 0, 40, 24), Stamp("fake"))
    assert review_of(small_project, 1).open_parts == {0: (128, 512)}
    with_depth(small_project, 0, bar=0.2)
    assert review_of(small_project, 1).open_parts == {0: (384, 512)}
    small_project.edit("accepted", small_project.truth.with_object(small_project.truth.object(1).accepting(0, True)))
    assert not review_of(small_project, 1).states[0] & FrameState.NEEDS_LOOK


def test_many_unmeasured_frames_are_left_for_later_when_there_is_a_limit(small_project: Project) -> None:
    annotate(small_project, modal=dict.fromkeys(range(5), SEEN), amodal=dict.fromkeys(range(5), WHOLE))
    for f in range(5):
        with_depth(small_project, f)
    finder, hidden = NothingInFront(small_project, 1), dict.fromkeys(range(5), 512)
    assert finder.areas(hidden, until=0.0) == ({}, 5)
    assert finder.areas(hidden) == (dict.fromkeys(range(5), 256), 0)
    assert finder.areas(hidden, until=0.0) == (dict.fromkeys(range(5), 256), 0)


def test_a_stroke_is_counted_at_once_and_the_page_gets_the_pixels(small_project: Project) -> None:
    annotate(small_project, modal={0: SEEN}, amodal={0: WHOLE})
    with_depth(small_project, 0)
    session = Session(small_project)
    runs = open_view(session, 1, 0)["runs"]
    assert np.array_equal(from_runs(runs, SIZE) & WHOLE, WHOLE & ~(SEEN | FRONT))
    session.prompts.stroke(stroke_of("amodal", 0, adds=False, radius=4, points=[[36, 0], [36, 47]]), object_id=1)
    assert state_view(session, None)["objects"][0]["nothing_in_front"] == {}
    assert open_view(session, 1, 1)["runs"] is open_view(session, 9, 0)["runs"] is None


def test_verify_lists_the_frames_of_a_project(small_project: Project) -> None:
    annotate(small_project, modal={0: SEEN, 1: SEEN}, amodal={0: WHOLE, 1: WHOLE & (SEEN | FRONT)})
    for f in range(2):
        with_depth(small_project, f)
    folder = small_project.folder
    small_project.close()
    report = verify(folder)
    assert (report.kind, report.num_images, report.num_annotations) == ("project", 5, 2)
    (problem,) = report.problems
    assert problem == "car (object 1), frame 0: 50% of the hidden part (256 of 512 pixels) has nothing in front"
    assert main(["verify", str(folder)]) == 1
    project = Project.open(folder)
    obj = replace(
        project.truth.object(1), strokes=(stroke_of("amodal", 0, adds=False, radius=4, points=[[36, 0], [36, 47]]),)
    )
    project.edit("mended", project.truth.with_object(obj))
    project.close()
    assert verify(folder).ok and main(["verify", str(folder)]) == 0
