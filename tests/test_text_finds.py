"""A search by words in a session: found objects wait, and are kept or dropped as one edit."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_engines import fake_specs, use_fake_engines

from vas_tool.engines import registry
from vas_tool.errors import EngineError, PromptError
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.ui.actions import perform
from vas_tool.ui.find_views import find_view, found_picture


@pytest.fixture
def session(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Session:
    use_fake_engines(monkeypatch)
    return Session(make_project(num_frames=4))


def searched(session: Session, text: str, only: int | None = None) -> None:
    perform(session, "find", {"text": text, "only": only})
    job = session.runs.wait(30)
    assert job and job.finished and not job.error


def test_found_objects_wait_and_one_undo_takes_them_back(session: Session) -> None:
    assert find_view(session) == {"engine": "fake", "why": "", "words": [], "found": []}
    searched(session, "ground, square")
    view = find_view(session)
    rows = [(one["number"], one["label"], one["score"], one["frames"]) for one in view["found"]]
    assert rows == [(2, "ground", 0.6, 4), (1, "square", 0.9, 4)]
    assert not session.project.truth.objects, "nothing is in the project before the person keeps it"
    assert found_picture(session, 1).startswith(b"\xff\xd8")
    answer = perform(session, "keep_found", {"numbers": [1, 2]})
    assert answer == {"objects": [1, 2]} and find_view(session)["found"] == []
    assert [obj.label for obj in session.project.truth.objects] == ["ground", "square"]
    assert all(session.project.modal(i).area(3) > 0 for i in (1, 2))
    assert session.undo() == "find ground, square"
    assert not session.project.truth.objects
    session.close()


def test_what_is_not_kept_is_dropped(session: Session) -> None:
    searched(session, "square, ground", only=2)
    assert session.finds.keep([1]) == [1]
    assert session.project.truth.object(1).given == (2,) and list(session.project.modal(1)) == [2]
    searched(session, "square")
    label = session.project.undo_label
    assert session.finds.keep([]) == [] and session.project.undo_label == label, "dropping all is no edit"
    with pytest.raises(PromptError, match="find it again"):
        session.finds.keep([1])
    with pytest.raises(PromptError, match="find it again"):
        found_picture(session, 1)
    searched(session, "unicorn")
    assert find_view(session)["words"] == ["unicorn"] and find_view(session)["found"] == []
    session.close()


def test_without_an_engine_that_finds_the_page_says_why(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    blind = next(replace(spec, name="blind", finds_text=False) for spec in fake_specs() if spec.stage == "segment")
    monkeypatch.setattr(registry, "ENGINES", (*fake_specs(), blind))
    monkeypatch.setattr(registry, "is_present", lambda spec: not spec.finds_text)
    view = find_view(session)
    assert view["engine"] == "" and "Licence: ours" in view["why"]
    with pytest.raises(EngineError, match="Licence"):
        session.finds.start("dog")
    with pytest.raises(PromptError, match="no words"):
        session.finds.start(" , ")
    session.close()
