"""Training from the page: what is offered, a run on copies in a process of its own, and what it gained."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from annotating import annotate, rectangle

from vas_tool.engines.tuned import register
from vas_tool.errors import PromptError
from vas_tool.project import Project
from vas_tool.session import training_runs
from vas_tool.session.training_runs import TrainingRuns

SIZE = (64, 48)
POPEN = subprocess.Popen


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Iterator[Project]:
    """One with three accepted frames, beside another with two."""
    masks = {f: rectangle(SIZE, 8, 8, 30, 30) for f in range(5)}
    beside = make_project(name="beside")
    annotate(beside, modal=masks, amodal=masks, accepted=(1, 2))
    beside.close()
    own = make_project(name="own")
    annotate(own, modal=masks, amodal=masks, accepted=(0, 1, 2))
    return own


def started(monkeypatch: pytest.MonkeyPatch, code: str) -> list[list[str]]:
    """Let the run be this Python in place of the training; the arguments it would have had."""
    told = list[list[str]]()

    def popen(command: list[str], **how: object) -> object:
        told.append(command)
        return POPEN([sys.executable, "-c", code], **how)  # type: ignore[call-overload]

    monkeypatch.setattr(training_runs.subprocess, "Popen", popen)
    return told


def ended(runs: TrainingRuns) -> training_runs.TrainingState:
    for _ in range(200):
        state = runs.state()
        assert state is not None
        if not state.runs:
            return state
        time.sleep(0.05)
    raise AssertionError("it runs on")


def test_offers_tell_commands_costs_and_what_is_in_the_way(
    project: Project, make_project: Callable[..., Project]
) -> None:
    runs = TrainingRuns(project)
    learned, amodal = runs.offers()
    assert "5 accepted frames of 2 projects" in learned.cost and "minutes" in learned.cost and not learned.why_not
    assert learned.command.startswith(f"vas-tool train learned --data {project.folder} ")
    assert str(project.folder.parent / "beside") in learned.command
    assert "TFLOP" in amodal.cost and "25 accepted frames in a row" in amodal.why_not
    empty = TrainingRuns(make_project(name="lonely/clip"))
    assert "nothing is accepted" in empty.offers()[0].why_not
    with pytest.raises(PromptError, match="nothing is accepted"):
        empty.start("learned")
    assert empty.state() is None


def test_a_run_learns_from_copies_and_tells_what_it_gained(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    told = started(monkeypatch, "pass")
    runs = TrainingRuns(project)
    runs.start("learned")
    (command,) = told
    copies = [Path(part) for part in command[command.index("--data") + 1 : command.index("--out")]]
    assert [path.name for path in copies] == ["own", "beside"]
    for path in copies:
        copy = Project.open(path)  # nobody has it open: the person's own project stays open
        assert copy.truth.objects[0].accepted and len(copy.amodal(1)) == 5
        copy.close()
    out = Path(command[-1])
    ended(runs)
    score = {"name": "beside 1", "hidden": 0.5, "whole": 0.9, "num_frames": 2}
    card = {
        "engine": "learned",
        "stage": "amodal",
        "steps": 300,
        "before": [score],
        "after": [score | {"hidden": 0.75}],
    }
    (out / "final").mkdir()
    (out / "final" / "vas_tool.json").write_text(json.dumps(card))
    register(out / "final", "own-learned")
    state = TrainingRuns(project).state()  # as another page would ask
    assert state is not None and state.engine == "tuned-own-learned" and not state.error
    assert state.scores == (("beside 1", 2, 0.5, 0.75),)
    runs.start("learned")  # the one before is kept beside
    assert out.with_name(f"{out.name}-before-1").is_dir()
    ended(runs)


def test_progress_failures_and_stops_are_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = TrainingRuns(project)
    started(monkeypatch, "import time; time.sleep(60)")
    runs.start("learned")
    out = project.folder.parent / "runs" / "own-learned"
    (out / "metrics.jsonl").write_text('{"step": 10, "loss": 1, "seconds": 0.5}\n{"step": 1')
    state = runs.state()
    assert state is not None and state.runs and state.step == 10 and state.seconds_left == pytest.approx(70)
    with pytest.raises(PromptError, match="runs already"):
        runs.start("learned")
    runs.stop()
    assert "--resume" in ended(runs).error
    started(monkeypatch, "print('vas-tool: 3 accepted frames hide a part'); raise SystemExit(1)")
    runs.start("learned")
    assert ended(runs).error == "vas-tool: 3 accepted frames hide a part"
