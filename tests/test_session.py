"""A person at work, without a browser: everything that can be done, taken back, and found again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import SQUARE, square_at
from fake_engines import SAMPLED, use_fake_engines
from waiting import until

from vas_tool.errors import EngineError, PromptError
from vas_tool.formats.coco import write_coco
from vas_tool.formats.notes import worded
from vas_tool.formats.videos import unreviewed
from vas_tool.masks import box_xyxy
from vas_tool.planning.review import FrameState, frame_states, review_of
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Box, Click, Stroke

SIZE = (64, 48)
AREA = SQUARE * SQUARE


@pytest.fixture
def session(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    use_fake_engines(monkeypatch)
    session = Session(make_project(num_frames=8))
    yield session
    session.close()


def on_square(frame_index: int, *, positive: bool = True) -> Click:
    rows, columns = square_at(frame_index, SIZE)
    return Click(frame_index, columns.start + 4, rows.start + 4, positive)


def tracked(session: Session) -> int:
    """An object clicked on frame 0 and tracked through the clip."""
    object_id = session.prompts.click(on_square(0))
    session.prompts.settle()
    session.runs.track(object_id, 0)
    session.runs.wait()
    return object_id


def dot(frame_index: int, layer: str = "modal", *, adds: bool = True) -> Stroke:
    return Stroke(frame_index, layer=layer, adds=adds, radius=3, points=((60.0, 44.0),))  # type: ignore[arg-type]


def area(session: Session, object_id: int, frame_index: int) -> int:
    return int(session.project.modal(object_id)[frame_index].sum())


def test_a_click_makes_an_object_with_a_mask(session: Session) -> None:
    object_id = session.prompts.click(on_square(0))
    assert abs(area(session, object_id, 0) - AREA) < 20
    assert session.project.truth.object(object_id).clicks == (on_square(0),)


def test_a_click_outside_the_picture_is_refused_and_changes_nothing(session: Session) -> None:
    with pytest.raises(PromptError, match="outside the picture"):
        session.prompts.click(Click(0, 64, 5))
    assert session.project.truth.objects == ()


def test_undo_takes_a_wrong_click_back_with_its_mask(session: Session) -> None:
    object_id = session.prompts.click(on_square(0))
    session.prompts.settle()
    before = session.project.modal(object_id)[0]
    session.prompts.click(on_square(0, positive=False), object_id=object_id)
    session.prompts.settle()
    assert area(session, object_id, 0) < before.sum()
    assert session.undo() == f"negative click on object {object_id}, frame 0"
    assert np.array_equal(session.project.modal(object_id)[0], before)
    session.redo()
    assert area(session, object_id, 0) < before.sum()


def test_undoing_everything_and_redoing_it_is_the_identity(session: Session) -> None:
    object_id = tracked(session)
    session.prompts.stroke(dot(3), object_id=object_id)
    session.accept(object_id, 2)
    session.rename(object_id, "car")
    session.runs.complete()
    session.runs.wait()
    truth = session.project.truth
    masks = {f: m.copy() for f, m in session.project.amodal(object_id).items()}
    steps = 0
    while session.undo():
        steps += 1
    assert session.project.truth.objects == () and not list(session.project.folder.glob("objects/*/*/*.png"))
    for _ in range(steps):
        session.redo()
    assert session.project.truth == truth
    assert all(np.array_equal(session.project.amodal(object_id)[f], m) for f, m in masks.items())


def test_tracking_fills_every_frame_and_is_undone_as_one(session: Session) -> None:
    object_id = tracked(session)
    assert sorted(session.project.modal(object_id)) == list(range(8))
    session.undo()
    assert sorted(session.project.modal(object_id)) == [0]


def test_a_click_on_a_tracked_frame_corrects_its_mask_and_taking_it_away_brings_that_back(session: Session) -> None:
    object_id = tracked(session)
    was = session.project.modal(object_id)[5]
    session.prompts.click(on_square(5, positive=False), object_id=object_id)
    session.prompts.settle()
    assert area(session, object_id, 5) < was.sum()
    session.prompts.remove_click(object_id, 1)
    assert np.array_equal(session.project.modal(object_id)[5], was)
    assert session.project.truth.object(object_id).given == ()


def test_a_second_track_touches_only_what_the_new_click_can_change(session: Session) -> None:
    object_id = tracked(session)
    session.prompts.click(on_square(2), object_id=object_id)
    session.prompts.click(on_square(4), object_id=object_id)
    session.prompts.settle()
    session.runs.track(object_id, 0)
    session.runs.wait()
    session.prompts.click(on_square(5, positive=False), object_id=object_id)
    session.prompts.settle()
    stale = [f for f, s in enumerate(frame_states(session.project, object_id)) if FrameState.STALE in s]
    assert stale == [6, 7]  # nothing lies between 4 and 5, and 0 to 4 do not follow from frame 5


def test_tracking_again_with_nothing_new_says_so(session: Session) -> None:
    object_id = tracked(session)
    with pytest.raises(PromptError, match="up to date"):
        session.runs.track(object_id, 0)


def test_tracking_without_a_mask_says_what_to_do(session: Session) -> None:
    with pytest.raises(PromptError, match="click it"):
        session.runs.track(session.new_object(), 0)


def test_accepted_frames_are_left_alone(session: Session) -> None:
    object_id = tracked(session)
    session.accept(object_id, 6)
    was = session.project.layers(object_id).modal.path(6).read_bytes()
    session.prompts.click(on_square(4), object_id=object_id)
    session.prompts.settle()
    session.runs.track(object_id, 4)
    session.runs.wait()
    assert session.project.layers(object_id).modal.path(6).read_bytes() == was


def test_changing_an_accepted_frame_opens_it_again(session: Session) -> None:
    object_id = tracked(session)
    session.accept(object_id, 3)
    session.prompts.stroke(dot(3), object_id=object_id)
    assert session.project.truth.object(object_id).accepted == ()


def test_strokes_mend_modal_and_amodal_masks_and_survive_a_new_run(session: Session) -> None:
    object_id = tracked(session)
    session.prompts.stroke(dot(2), object_id=object_id)
    session.runs.complete()
    session.runs.wait()
    session.prompts.stroke(dot(4, "amodal"), object_id=object_id)
    assert session.project.modal(object_id)[2][44, 60]
    assert session.project.amodal(object_id)[4][44, 60] and not session.project.modal(object_id)[4][44, 60]
    session.prompts.click(on_square(0), object_id=object_id)
    session.prompts.settle()
    session.runs.complete()
    session.runs.wait()
    assert session.project.modal(object_id)[2][44, 60] and session.project.amodal(object_id)[4][44, 60]


def test_an_eraser_cannot_make_the_whole_object_smaller_than_what_is_seen(session: Session) -> None:
    object_id = tracked(session)
    session.runs.complete()
    session.runs.wait()
    rows, columns = square_at(1, SIZE)
    session.prompts.stroke(
        Stroke(1, "amodal", adds=False, radius=20, points=((columns.start, rows.start),)), object_id=object_id
    )
    amodal, modal = session.project.amodal(object_id)[1], session.project.modal(object_id)[1]
    assert (amodal & modal).sum() == modal.sum() and amodal.sum() == modal.sum()


def test_a_cancelled_job_keeps_what_is_finished(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fake_engines(monkeypatch, step_seconds=0.05)
    session = Session(make_project(num_frames=40))
    object_id = session.prompts.click(on_square(0))
    session.runs.track(object_id, 0)
    until(lambda: len(session.project.modal(object_id)) >= 4)
    session.runs.cancel()
    status = session.runs.wait()
    made = len(session.project.modal(object_id))
    assert status is not None and status.cancelled and status.error is None
    assert 4 <= made < 40
    session.runs.track(object_id, 0)
    assert session.runs.wait() and len(session.project.modal(object_id)) == 40
    session.close()


def test_a_click_while_tracking_is_not_overwritten(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fake_engines(monkeypatch, step_seconds=0.02)
    session = Session(make_project(num_frames=20))
    object_id = session.prompts.click(on_square(0))
    session.runs.track(object_id, 0)
    session.prompts.click(on_square(15, positive=False), object_id=object_id)
    session.runs.wait()
    session.prompts.settle()
    stamp = session.project.layers(object_id).modal.stamp(15)
    assert stamp is not None and area(session, object_id, 15) < area(session, object_id, 14)
    session.close()


def test_completion_makes_depth_amodal_and_content_once(session: Session) -> None:
    object_id = tracked(session)
    session.runs.complete()
    status = session.runs.wait()
    assert status is not None and status.error is None
    layers = session.project.layers(object_id)
    assert len(session.project.depth) == len(layers.amodal) == len(layers.content) == 8
    states = frame_states(session.project, object_id)
    assert all(FrameState.OCCLUDED in s and FrameState.STALE not in s for s in states)
    times = {p: p.stat().st_mtime_ns for p in session.project.folder.rglob("*.png")}
    session.runs.complete()
    session.runs.wait()
    assert times == {p: p.stat().st_mtime_ns for p in session.project.folder.rglob("*.png")}


def test_a_stroke_hatches_its_own_frame_and_a_new_run_uses_it_everywhere(session: Session) -> None:
    object_id = tracked(session)
    session.runs.complete()
    session.runs.wait()
    session.prompts.stroke(dot(2), object_id=object_id)
    states = frame_states(session.project, object_id)
    assert all(FrameState.AMODAL in s for s in states)
    assert [f for f, s in enumerate(states) if FrameState.STALE in s] == [2]
    assert review_of(session.project, object_id).gains == {"segment": 6, "amodal": 7, "content": 7}  # 0 was clicked
    session.runs.track(object_id, 0)
    session.runs.wait()
    session.runs.complete()
    session.runs.wait()
    assert review_of(session.project, object_id).gains == {}
    assert not any(FrameState.STALE in s for s in frame_states(session.project, object_id))


def test_a_box_can_be_set_replaced_and_removed(session: Session) -> None:
    rows, columns = square_at(0, SIZE)
    box = Box(0, columns.start, rows.start, columns.stop, rows.stop)
    object_id = session.prompts.box(box)
    session.prompts.box(Box(0, 0, 0, 500, 500), object_id=object_id)
    assert session.project.truth.object(object_id).boxes == (Box(0, 0, 0, 64, 48),)
    session.prompts.remove_box(object_id, 0)
    assert 0 not in session.project.modal(object_id)


def test_deleting_an_object_is_undone_with_its_masks_and_its_id_is_not_reused(session: Session) -> None:
    object_id = tracked(session)
    session.delete_object(object_id)
    assert session.new_object() == object_id + 1
    session.undo(), session.undo()
    assert len(session.project.modal(object_id)) == 8


def test_the_next_frame_that_needs_a_look_says_why(session: Session) -> None:
    object_id = tracked(session)
    session.prompts.stroke(Stroke(6, "modal", adds=False, radius=40, points=((30.0, 20.0),)), object_id=object_id)
    assert session.next_look(0, object_id=object_id) is None  # the person has just been there
    layers = session.project.layers(object_id)
    stamp = layers.modal.stamp(2)
    assert stamp is not None
    layers.modal.put(2, np.zeros((48, 64), bool), stamp)
    found = session.next_look(4)
    assert found is not None and found[:2] == (object_id, 2) and "nothing is seen" in found[2]


def test_a_frame_marked_for_later_is_found_exported_so_and_taken_back(session: Session, tmp_path: Path) -> None:
    object_id = tracked(session)
    session.accept_all(object_id)
    session.mark(object_id, 5)
    states = frame_states(session.project, object_id)
    assert FrameState.NEEDS_LOOK in states[5] and FrameState.ACCEPTED not in states[5]
    found = session.next_look(0)
    assert found is not None and found[:2] == (object_id, 5) and "marked as needing work" in found[2]
    session.prompts.click(Click(5, 30.0, 20.0), object_id=object_id)  # being at work on it does not finish it
    assert session.accept_all(object_id) == 7 and session.project.truth.object(object_id).needs_work == (5,)
    summary = write_coco([session.project], tmp_path / "out.json")
    written = {a["frame_index"]: a for a in json.loads((tmp_path / "out.json").read_text())["annotations"]}
    assert written[5]["review"] == "needs_work" and "marked" in written[5]["needs_work"]
    assert {a["review"] for f, a in written.items() if f != 5} == {"accepted"}
    assert any("1 frame in need of work (5)" in line for line in map(worded, summary.unreviewed))
    session.accept(object_id, 5)
    assert session.next_look(0) is None and session.project.truth.object(object_id).needs_work == ()
    assert session.undo() is not None and session.project.truth.object(object_id).needs_work == (5,)
    session.mark(object_id, 5, needs_work=False)
    assert session.next_look(0) is None
    with pytest.raises(PromptError, match="frame 99"):
        session.mark(object_id, 99)


def test_a_frame_without_a_mask_can_be_marked(session: Session, tmp_path: Path) -> None:
    object_id = session.prompts.click(Click(0, 30.0, 20.0))
    session.mark(object_id, 3)
    found = session.next_look(0)
    assert found is not None and found[1] == 3
    assert any("in need of work (3)" in line for line in map(worded, unreviewed(session.project)))
    summary = write_coco([session.project], tmp_path / "o.json")
    assert any("in need of work (3)" in line for line in map(worded, summary.unreviewed))


def test_a_parameter_is_set_and_undone_and_refused_when_wrong(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    session.set_parameter("amodal", "stretch", "4")
    session.set_parameter("amodal", "size", "large")
    session.set_parameter("amodal", "stretch", None)
    truth = session.project.truth
    assert truth.settings_of("amodal", "fake-sampled") == {"size": "large"}
    assert session.undo() == "amodal stretch: default"
    assert session.project.truth.settings_of("amodal", "fake-sampled") == {"stretch": 4, "size": "large"}
    for stage, name, value in (("amodal", "stretch", 0), ("amodal", "steps", None), ("depth", "stretch", 1)):
        with pytest.raises(EngineError):
            session.set_parameter(stage, name, value)
    assert session.project.undo_label == "amodal size: large"


def test_changes_are_told_by_version(session: Session) -> None:
    known = session.changes.version
    object_id = session.prompts.click(on_square(3))
    session.prompts.settle()
    assert session.changes.since(known) == {3}
    assert session.changes.since(session.changes.version) == set()
    session.undo()
    assert session.changes.since(known) is None
    assert session.changes.since(session.changes.version + 7) is None
    assert object_id == 1


def test_reopening_brings_everything_back_and_undo_goes_on(session: Session) -> None:
    object_id = tracked(session)
    session.set_place({"frame": 5, "object": object_id})
    session.close()
    again = Session(Project.open(session.project.folder))
    assert again.place == {"frame": 5, "object": object_id}
    assert len(again.project.modal(object_id)) == 8
    assert again.undo() == "track object 1"
    assert sorted(again.project.modal(object_id)) == [0]
    again.close()


def test_a_click_whose_mask_was_lost_in_a_crash_is_answered_at_the_next_start(session: Session) -> None:
    object_id = session.prompts.click(on_square(0))
    session.close()
    session.project.layers(object_id).modal.path(0).unlink()
    again = Session(Project.open(session.project.folder))
    again.prompts.settle()
    assert abs(area(again, object_id, 0) - AREA) < 20
    again.close()


def test_the_canvas_grows_under_amodal_masks_and_does_not_shrink(session: Session) -> None:
    object_id = tracked(session)
    session.set_canvas(0.25)
    session.runs.complete()
    session.runs.wait()
    project = session.project
    small, box = project.amodal(object_id)[0], project.amodal(object_id).box(0)
    colours = project.layers(object_id).content[0]
    assert small.shape == (48 + 24, 64 + 32) and box is not None
    session.accept(object_id, 0)
    session.set_canvas(0.5)
    grown = project.amodal(object_id)[0]
    assert grown.shape == (96, 128) and np.array_equal(grown[12:84, 16:112], small) and grown.sum() == small.sum()
    assert project.amodal(object_id).box(0) == (box[0] + 16, box[1] + 12, box[2] + 16, box[3] + 12) == box_xyxy(grown)
    assert np.array_equal(project.layers(object_id).content[0][12:84, 16:112], colours)
    stale = {f for f, state in enumerate(frame_states(project, object_id)) if FrameState.STALE in state}
    assert stale == set(range(1, 8))  # all but the accepted one can be made anew
    with pytest.raises(PromptError, match="would cut amodal masks"):
        session.set_canvas(0.25)
    session.close()
    again = Session(Project.open(project.folder))
    assert np.array_equal(again.project.amodal(object_id)[0], grown)
    again.runs.complete()
    again.runs.wait()
    assert again.project.layers(object_id).amodal.png(1) == again.project.layers(object_id).amodal.path(1).read_bytes()
    for _ in range(2):
        again.undo()
    assert np.array_equal(again.project.amodal(object_id)[0], small) and again.project.amodal(object_id).box(0) == box
    again.close()


def test_the_saved_line_calls_the_work_area_so(session: Session) -> None:
    session.set_canvas(0.25)
    assert session.changes.saved.what == "work area + 25%"
