"""What the page is told of parameters, hypotheses and costs, and what it can ask for."""

from collections.abc import Callable, Iterator

import pytest
from conftest import square_at
from fake_engines import SAMPLED, use_fake_engines

from vas_tool.errors import VasToolError
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Click
from vas_tool.ui.actions import perform
from vas_tool.ui.choice_views import cost_view, hypotheses_view
from vas_tool.ui.views import state_view

SIZE = (64, 48)


@pytest.fixture
def session(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    session = Session(make_project(num_frames=4))
    rows, columns = square_at(0, SIZE)
    session.prompts.click(Click(0, columns.start + 4, rows.start + 4))
    session.prompts.settle()
    session.runs.track(1, 0)
    session.runs.wait()
    yield session
    session.close()


def amodal_engine(session: Session) -> dict[str, object]:
    return next(e for e in state_view(session, None)["engines"] if e["stage"] == "amodal")


def test_the_engine_in_use_shows_its_parameters_with_default_and_reason(session: Session) -> None:
    perform(session, "parameter", {"stage": "amodal", "name": "stretch", "value": "3"})
    stretch, size = amodal_engine(session)["parameters"]  # type: ignore[misc]
    assert (stretch["value"], stretch["default"], stretch["allowed"]) == (3, 1, "a whole number from 1 to 8")
    assert stretch["reason"].startswith("Pixels further") and size["choices"] == ["small", "large"]
    perform(session, "parameter", {"stage": "amodal", "name": "stretch", "value": None})
    assert amodal_engine(session)["parameters"][0]["value"] == 1  # type: ignore[index]
    with pytest.raises(VasToolError, match="from 1 to 8"):
        perform(session, "parameter", {"stage": "amodal", "name": "stretch", "value": "9"})


def test_what_another_version_had_is_shown_and_can_be_taken_back(session: Session) -> None:
    truth = session.project.truth.setting("amodal", "fake-sampled", {"gone": 3})
    session.project.edit("from elsewhere", truth)
    strange = amodal_engine(session)["parameters"][-1]  # type: ignore[index]
    assert (strange["name"], strange["value"]) == ("gone", 3) and "taken back" in strange["reason"]
    session.runs.complete()
    job = session.runs.wait()
    assert job is not None and "no parameter gone" in (job.error or "")
    perform(session, "parameter", {"stage": "amodal", "name": "gone", "value": None})
    assert [p["name"] for p in amodal_engine(session)["parameters"]] == ["stretch", "size"]  # type: ignore[index]


def test_hypotheses_are_asked_for_shown_and_picked(session: Session) -> None:
    obj = state_view(session, None)["objects"][0]
    assert (obj["differ"], obj["picks"]) == ("", [])
    assert cost_view(session, 1, 3) == {"words": "depth 4 frames, amodal 4 frames; not yet timed at this size"}
    perform(session, "hypotheses", {"object": 1, "count": 3})
    session.runs.wait()
    shown = hypotheses_view(session, 1, 2)
    assert [(h["seed"], h["holds"]) for h in shown["hypotheses"]] == [(0, True), (1, True), (2, True)]
    areas = [sum(b - a for a, b in zip(h["runs"][::2], h["runs"][1::2], strict=True)) for h in shown["hypotheses"]]
    assert areas[0] < areas[1] < areas[2] and shown["picked"] is None
    level = int(state_view(session, None)["objects"][0]["differ"][4:6], 16)
    assert (level - 1) / 254 == pytest.approx(shown["disagreement"], abs=0.01)

    pick = {"object": 1, "how": "majority", "seeds": [2, 0, 1], "first": 1, "last": 2}
    perform(session, "pick", pick)
    session.runs.wait()
    assert hypotheses_view(session, 1, 2)["picked"] == {"how": "majority", "seeds": [0, 1, 2]}
    assert state_view(session, None)["objects"][0]["picks"] == [[1, 2, "majority", [0, 1, 2]]]
    session.set_parameter("amodal", "stretch", 2)
    assert not hypotheses_view(session, 1, 2)["hypotheses"][0]["holds"]


def test_what_completing_would_cost_is_told_by_the_last_run(session: Session) -> None:
    assert "not yet timed" in cost_view(session, None, None)["words"]
    session.runs.complete()
    session.runs.wait()
    assert cost_view(session, 1, None) == {"words": ""}
    assert cost_view(session, 99, None) == cost_view(session, 99, 3) == {"words": ""}, "deleted in the meantime"
    session.set_parameter("amodal", "size", "large")
    assert (
        cost_view(session, 1, None)["words"] == "amodal 4 frames, content 4 frames: about 1 s for what was timed here"
    )
