"""A second tracker: where it disagrees the frame needs a look, until its mask changes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import square_at, write_images
from fake_engines import LOST, SECOND, fake_specs, use_fake_engines

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.errors import EngineError, PromptError
from vas_tool.planning.review import FrameState, frame_states
from vas_tool.project import Project
from vas_tool.project.frame_facts import needs_look
from vas_tool.session import Session
from vas_tool.types import Click, Stroke
from vas_tool.ui.actions import perform

NUM_FRAMES = 6


@pytest.fixture(autouse=True)
def two_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)
    monkeypatch.setattr(registry, "ENGINES", (*fake_specs(), SECOND))


def test_the_frame_needs_a_look_until_its_mask_changes(make_project: Callable[..., Project]) -> None:
    session = Session(make_project(num_frames=NUM_FRAMES))
    rows, columns = square_at(0, (64, 48))
    object_id = session.prompts.click(Click(0, columns.start + 5, rows.start + 5))
    with pytest.raises(PromptError, match="nothing to compare"):
        _asked(session, object_id)
    session.runs.track(object_id, 0)
    session.runs.wait(30)
    before = frame_states(session.project, object_id)
    _asked(session, object_id)
    looks = needs_look(session.project, object_id)
    assert looks == dict.fromkeys(LOST, "a second tracker disagrees here (IoU 0%)")
    now = frame_states(session.project, object_id)
    assert {f for f in range(NUM_FRAMES) if (now[f] ^ before[f]) & FrameState.NEEDS_LOOK} == set(LOST)
    session.accept(object_id, 2)
    session.prompts.stroke(Stroke(4, "modal", adds=True, radius=2.0, points=((3.0, 3.0),)), object_id=object_id)
    assert not needs_look(session.project, object_id)
    with pytest.raises(EngineError, match="no segment engine"):
        perform(session, "second_opinion", {"object": object_id, "engine": "third"})
    session.close()


def _asked(session: Session, object_id: int) -> None:
    perform(session, "second_opinion", {"object": object_id, "engine": "second"})
    job = session.runs.wait(30)
    assert job is not None and job.finished
    if job.error:
        raise PromptError(job.error)


def test_the_command_line_names_the_frames_and_a_reopened_project_knows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, folder = write_images(tmp_path / "clip", NUM_FRAMES, (64, 48)), tmp_path / "project"
    rows, columns = square_at(0, (64, 48))
    click = f"0,{columns.start + 5},{rows.start + 5}"
    asked = ["run", str(images), "--project", str(folder), "--click", click, "--stages", "segment"]
    assert main([*asked, "--second-opinion", "third"]) == 1 and not folder.exists()
    assert main([*asked, "--second-opinion", "second"]) == 0
    out = capsys.readouterr().out
    assert "second disagrees on 2 of 5 frames (IoU below 70%): 2, 4; they need a look" in out
    project = Project.open(folder)
    assert set(needs_look(project, 1)) == set(LOST)
    project.layers(1).second.file.write_text("[")
    project.close()
    project = Project.open(folder)
    assert not needs_look(project, 1), "a damaged file counts as no opinion"
    project.close()
