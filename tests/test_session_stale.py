"""What a run makes again: exactly the windows that a change touches, and what a changed parameter concerns."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from conftest import square_at
from fake_engines import SAMPLED, WINDOWED, SampledAmodal, fake_specs, use_fake_engines

from vas_tool.engines import registry
from vas_tool.engines.settings import Parameter
from vas_tool.planning.review import FrameState, frame_states
from vas_tool.planning.spans import stretches
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Click, Stroke
from vas_tool.work import windows_with

SIZE = (64, 48)
FRAMES = 10


@pytest.fixture
def make_session(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Session]]:
    monkeypatch.setattr(SampledAmodal, "runs", [])
    monkeypatch.setattr(SampledAmodal, "asked", [])
    sessions: list[Session] = []

    def make(engine: object) -> Session:
        use_fake_engines(monkeypatch, first=(engine,))  # type: ignore[arg-type]
        sessions.append(Session(make_project(num_frames=FRAMES)))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def completed(session: Session) -> int:
    rows, columns = square_at(0, SIZE)
    object_id = session.prompts.click(Click(0, columns.start + 4, rows.start + 4))
    session.prompts.settle()
    session.runs.track(object_id, 0)
    session.runs.wait()
    complete(session)
    return object_id


def complete(session: Session) -> None:
    session.runs.complete()
    status = session.runs.wait()
    assert status is not None and status.error is None


def stale(session: Session, object_id: int) -> list[int]:
    return [f for f, s in enumerate(frame_states(session.project, object_id)) if FrameState.STALE in s]


def dot(frame_index: int) -> Stroke:
    return Stroke(frame_index, layer="modal", adds=True, radius=3, points=((60.0, 44.0),))


def test_one_changed_mask_outdates_its_windows_and_a_run_makes_only_them(make_session: Callable[..., Session]) -> None:
    session = make_session(WINDOWED)  # windows 0-3, 3-6, 6-9
    object_id = completed(session)
    assert SampledAmodal.asked == [range(10)]
    session.prompts.stroke(dot(1), object_id=object_id)
    assert stale(session, object_id) == [0, 1, 2, 3]
    complete(session)
    assert SampledAmodal.asked[1:] == [range(0, 4)] and stale(session, object_id) == []
    session.prompts.stroke(dot(6), object_id=object_id)
    assert stale(session, object_id) == [3, 4, 5, 6, 7, 8, 9]
    session.undo()
    assert stale(session, object_id) == []


def test_without_windows_other_frames_hold_but_are_made_again(make_session: Callable[..., Session]) -> None:
    session = make_session(SAMPLED)
    object_id = completed(session)
    session.prompts.stroke(dot(1), object_id=object_id)
    assert stale(session, object_id) == [1]
    complete(session)
    assert SampledAmodal.asked == [range(10), range(10)]


def test_a_changed_parameter_outdates_what_its_engine_made_until_it_is_set_back(
    make_session: Callable[..., Session],
) -> None:
    session = make_session(WINDOWED)
    object_id = completed(session)
    session.accept(object_id, 2)
    session.set_parameter("amodal", "stretch", 5)
    assert stale(session, object_id) == [f for f in range(FRAMES) if f != 2]
    session.set_parameter("amodal", "stretch", 1)
    assert stale(session, object_id) == []  # said outright, but the same as the default
    session.set_parameter("amodal", "size", "large")
    complete(session)
    assert stale(session, object_id) == [] and len(SampledAmodal.asked) == 2


def test_a_changed_parameter_of_the_depth_is_made_again_with_what_follows_from_it(
    make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(WINDOWED)
    depth = replace(fake_specs()[1], parameters=(Parameter("size", 518, "Of the net.", choices=(518, 1036)),))
    monkeypatch.setattr(registry, "ENGINES", (WINDOWED, fake_specs()[0], depth, *fake_specs()[2:]))
    object_id = completed(session)
    before = [session.project.depth.stamp(f) for f in range(FRAMES)]
    session.set_parameter("depth", "size", 1036)
    assert stale(session, object_id) == list(range(FRAMES))
    costs = {cost.stage: cost.num_frames for cost in session.runs.completion_cost(object_id)}
    assert costs == {"depth": FRAMES, "amodal": FRAMES, "content": FRAMES}
    complete(session)
    assert stale(session, object_id) == [] and len(SampledAmodal.asked) == 2
    assert all(session.project.depth.stamp(f) != before[f] for f in range(FRAMES))
    session.undo()
    session.undo()
    assert stale(session, object_id) == []  # the depth belongs to the clip: it stays, and is stale itself
    assert {cost.stage: cost.num_frames for cost in session.runs.completion_cost(object_id)}["depth"] == FRAMES


WINDOWS = [range(0, 4), range(3, 7), range(6, 10)]


@pytest.mark.parametrize(
    "needed, pieces",
    [({1}, [range(1, 2)]), ({0, 3}, [range(0, 4)]), ({0, 9}, [range(0, 1), range(9, 10)]), ({1, 5, 8}, [range(1, 9)])],
)
def test_no_window_is_asked_for_without_need(needed: set[int], pieces: list[range]) -> None:
    assert stretches(needed, WINDOWS) == pieces
    asked = {n for piece in pieces for n in windows_with(piece, WINDOWS)}
    assert asked == set(windows_with(needed, WINDOWS))
    assert stretches(needed, ()) == [range(min(needed), max(needed) + 1)]
