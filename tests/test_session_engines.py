"""Choosing engines: undoable, nothing becomes stale by it, and what others made is made again only when asked for."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from conftest import square_at
from fake_engines import use_fake_engines
from waiting import until

from vas_tool.engines import registry
from vas_tool.errors import EngineError, PromptError
from vas_tool.planning import review
from vas_tool.planning.review import FrameState, frame_states, review_of
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.session.jobs import WAITING_SECONDS, LatestOnly
from vas_tool.storage import Stamp
from vas_tool.types import STAGES, Click, Stage
from vas_tool.ui import views
from vas_tool.ui.views import state_view

SIZE = (64, 48)
FRAMES = 8


@pytest.fixture
def session(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    use_fake_engines(monkeypatch)
    fakes = registry.ENGINES
    others = [replace(spec, name="other", note="another fake") for spec in fakes]
    absent = [replace(spec, name="absent", packages=("nowhere",), extra="nowhere") for spec in fakes]
    monkeypatch.setattr(registry, "ENGINES", (*fakes, *others, *absent))
    session = Session(make_project(num_frames=FRAMES))
    yield session
    session.close()


def click_on(session: Session, frame_index: int, object_id: int | None = None) -> int:
    rows, columns = square_at(frame_index, SIZE)
    object_id = session.prompts.click(Click(frame_index, columns.start + 4, rows.start + 4), object_id=object_id)
    session.prompts.settle()
    return object_id


def completed(session: Session) -> int:
    """An object clicked on frame 0, tracked and completed."""
    object_id = click_on(session, 0)
    session.runs.track(object_id, 0)
    session.runs.wait()
    session.runs.complete()
    session.runs.wait()
    return object_id


def engines_of(session: Session, object_id: int, stage: Stage) -> list[str]:
    layers = session.project.layers(object_id)
    by_stage = {"segment": layers.modal, "depth": session.project.depth, "amodal": layers.amodal}
    layer = by_stage.get(stage, layers.content)
    return [stamp.engine for f in range(FRAMES) if (stamp := layer.stamp(f))]


def stale(session: Session, object_id: int) -> list[int]:
    return [f for f, s in enumerate(frame_states(session.project, object_id)) if FrameState.STALE in s]


def engine_views(session: Session) -> dict[str, dict[str, object]]:
    return {view["stage"]: view for view in state_view(session, None)["engines"]}


def test_a_choice_is_stored_and_undone(session: Session) -> None:
    session.choose_engine("amodal", "other")
    assert session.project.truth.engines == {"amodal": "other"}
    session.choose_engine("amodal", "auto")
    assert session.project.truth.engines == {}
    assert session.undo() == "amodal engine: auto" and session.project.truth.engines == {"amodal": "other"}
    assert session.undo() == "amodal engine: other" and session.project.truth.engines == {}


def test_choosing_what_runs_already_is_no_edit(session: Session) -> None:
    session.choose_engine("depth", "auto")
    assert session.project.undo_label is None


@pytest.mark.parametrize(
    ("stage", "name", "says"),
    [
        ("amodal", "nobody", "choose one of fake, other"),
        ("sound", "fake", "segment, depth"),
        ("depth", "absent", "pip"),
    ],
)
def test_an_engine_that_is_not_there_is_refused_with_what_to_do(
    session: Session, stage: str, name: str, says: str
) -> None:
    with pytest.raises(EngineError, match=says):
        session.choose_engine(stage, name)
    assert session.project.truth.engines == {}


def test_another_engine_leaves_what_is_made_as_it_is(session: Session) -> None:
    object_id = completed(session)
    for stage in STAGES:
        session.choose_engine(stage, "other")
    assert stale(session, object_id) == []
    session.runs.complete()
    session.runs.wait()
    assert all(set(engines_of(session, object_id, stage)) == {"fake"} for stage in STAGES)
    assert review_of(session.project, object_id).others == {
        "segment": {"fake": 8},
        "depth": {"fake": 8},
        "amodal": {"fake": 8},
        "content": {"fake": 8},
    }


def test_it_makes_what_is_made_from_now_on(session: Session) -> None:
    session.choose_engine("segment", "other")
    object_id = click_on(session, 2)
    assert engines_of(session, object_id, "segment") == ["other"]


def test_made_again_is_all_but_what_is_accepted(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    object_id = completed(session)
    monkeypatch.setattr("vas_tool.planning.gate.GUESSING_ENGINE", "other")
    session.accept(object_id, 5)
    for stage in STAGES:
        session.choose_engine(stage, "other")
        session.runs.make_again(object_id, stage)
        status = session.runs.wait()
        assert status is not None and status.error is None and status.finished
        wanted = {f: "other" for f in range(FRAMES)} | ({} if stage == "depth" else {5: "fake"})
        assert engines_of(session, object_id, stage) == list(wanted.values())
    assert review_of(session.project, object_id).others == {}
    with pytest.raises(PromptError, match="another content engine"):
        session.runs.make_again(object_id, "content")


@pytest.mark.parametrize("stage", STAGES)
def test_making_again_is_undone_as_one(session: Session, stage: Stage) -> None:
    object_id = completed(session)
    session.choose_engine(stage, "other")
    session.runs.make_again(object_id, stage)
    session.runs.wait()
    assert "other" in engines_of(session, object_id, stage)
    session.undo()
    assert set(engines_of(session, object_id, stage)) == {"fake"} and stale(session, object_id) == []


def test_depths_of_two_engines_are_not_mixed(session: Session) -> None:
    object_id = completed(session)
    session.choose_engine("depth", "other")
    session.project.depth.pop(3)
    session.runs.complete()
    session.runs.wait()
    assert engines_of(session, object_id, "depth") == ["other"] * FRAMES


def test_the_page_is_told_what_runs_and_what_there_is(session: Session) -> None:
    object_id = completed(session)
    assert [engine_views(session)["amodal"][key] for key in ("name", "chosen")] == ["fake", "auto"]
    session.choose_engine("amodal", "other")
    view = engine_views(session)["amodal"]
    assert [view[key] for key in ("name", "chosen")] == ["other", "other"]
    assert [choice["name"] for choice in view["choices"]] == ["auto", "fake", "other"]  # type: ignore[attr-defined]
    [obj] = state_view(session, None)["objects"]
    assert obj["id"] == object_id and obj["others"] == {"amodal": {"fake": 8}}


def test_a_hurried_view_looks_for_engines_only_when_others_were_chosen(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_view(session, None)
    looked: list[Stage] = []
    monkeypatch.setattr(views, "offers", lambda running: looked.append(running.stage) or [])
    click_on(session, 0)
    state_view(session, None, hurried=True)
    assert looked == []
    session.choose_engine("amodal", "other")
    amodal = next(view for view in state_view(session, None, hurried=True)["engines"] if view["stage"] == "amodal")
    assert amodal["chosen"] == "other" and looked == list(STAGES)


def test_better_masks_are_begun_when_the_quick_ones_are_on_their_way() -> None:
    worker, done = LatestOnly("test", pause_seconds=1.0), []
    try:
        worker.put("click", lambda: done.append("first"))
        worker.put("click", lambda: done.append("second"))
        assert worker.busy and done == []
        assert worker.join(30) and done == ["second"]
    finally:
        worker.close()


def test_a_review_is_made_again_only_when_something_it_shows_has_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id = completed(session)
    other = click_on(session, 3)
    made: list[int] = []
    monkeypatch.setattr(review, "LATER_SECONDS", -math.inf)  # nothing is left to be measured later
    make = review.snapshot_of
    monkeypatch.setattr(
        review, "snapshot_of", lambda project, ids, **how: made.extend(ids) or make(project, ids, **how)
    )

    def made_by(act: Callable[[], object]) -> list[int]:
        made.clear()
        act()
        state_view(session, None)
        state_view(session, None)
        return list(made)

    layers, depth = session.project.layers(object_id), session.project.depth
    assert made_by(lambda: None) == [object_id, other]
    assert made_by(lambda: None) == []
    assert made_by(lambda: session.rename(other, "car")) == [other]
    assert made_by(lambda: layers.amodal.put(2, layers.amodal[2], Stamp("fake"))) == [object_id]
    assert made_by(lambda: layers.content.pop(2)) == [object_id]
    assert made_by(lambda: depth.put(2, depth[2], Stamp("fake"))) == [object_id, other]
    assert made_by(lambda: session.choose_engine("content", "other")) == [object_id, other]
    assert made_by(session.undo) == [object_id, other]
    layers.amodal.path(4).unlink()
    assert made_by(lambda: layers.amodal.reread(4)) == [object_id]
    assert FrameState.AMODAL not in frame_states(session.project, object_id)[4]


def test_a_project_that_names_an_unknown_engine_opens_and_says_so(session: Session) -> None:
    completed(session)
    truth = session.project.truth
    session.project.edit("from elsewhere", replace(truth, engines={"content": "gone"}))
    view = engine_views(session)["content"]
    assert view["name"] == "gone" and "choose another" in view["choices"][-1]["note"]  # type: ignore[index]
    session.choose_engine("content", "auto")
    assert engine_views(session)["content"]["name"] == "fake"


@pytest.mark.parametrize(("at_once", "asked"), [(True, [True]), (False, [True, False])])
def test_a_click_is_asked_again_only_where_that_gives_a_better_answer(
    session: Session, monkeypatch: pytest.MonkeyPatch, at_once: bool, asked: list[bool]
) -> None:
    [spec, *others] = registry.ENGINES
    monkeypatch.setattr(registry, "ENGINES", (replace(spec, at_once=at_once), *others))
    quick: list[bool] = []
    engine = type(registry.load("segment").engine)
    segment = engine.segment
    monkeypatch.setattr(engine, "segment", lambda *a, **k: quick.append(k["quick"]) or segment(*a, **k))
    click_on(session, 2)
    assert quick == asked


def test_a_click_that_waits_for_its_turn_says_so(session: Session) -> None:
    """Another session's long work holds the engine; the page asks for the state meanwhile."""
    loaded = registry.load("segment")
    with loaded.lock:
        clicking = threading.Thread(target=click_on, args=(session, 2))
        clicking.start()
        until(lambda: loaded.lock.num_waiting)
        assert not state_view(session, None)["waits"], "too early to say"
        clicking.join(WAITING_SECONDS + 0.05)
        assert state_view(session, None)["waits"]
    clicking.join(30)
    assert not state_view(session, None)["waits"] and engines_of(session, 1, "segment") == ["fake"]
