"""What a person should know of a run that went well: heard by the job and the command line, else logged."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from conftest import square_at, write_images
from fake_engines import FlatDepth, use_fake_engines

from vas_tool.cli import main
from vas_tool.project import Project
from vas_tool.run_warnings import collected_warnings, warn
from vas_tool.session import Session
from vas_tool.types import Click
from vas_tool.wording import counted

SIZE = (64, 48)


def test_each_thing_is_said_once_with_its_frames() -> None:
    with collected_warnings() as heard:
        for frame_index in (9, 3, 4, 9, 5):
            warn("too near", frame_index=frame_index, detail="by this much")
        warn("half full")
        warn("half full")
        warn("odd", frame_index=7)
    assert heard.words == ("frames 3-5, 9: too near", "half full", "frame 7: odd")
    assert heard.texts == ("too near", "half full", "odd")


def test_what_nobody_hears_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with collected_warnings() as heard:
        other = Thread(target=warn, args=("elsewhere",))
        other.start()
        other.join()
        with collected_warnings() as inner:
            warn("inside")
    warn("too near", frame_index=3, detail="twice")
    assert heard.words == () and inner.words == ("inside",)
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warned == ["elsewhere", "frame 3: too near (twice)"]


@pytest.fixture
def remarking(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)
    estimate: Callable[..., Iterator[tuple[int, Any]]] = FlatDepth.estimate

    def remarked(self: FlatDepth, clip: Any, frame_indices: range, **more: Any) -> Iterator[tuple[int, Any]]:
        for index, depth in estimate(self, clip, frame_indices, **more):
            if index in (1, 2):
                warn("its depth is clipped", frame_index=index)
            yield index, depth

    monkeypatch.setattr(FlatDepth, "estimate", remarked)


@pytest.mark.usefixtures("remarking")
def test_the_outcome_of_a_job_says_it(make_project: Callable[..., Project]) -> None:
    session = Session(make_project(num_frames=4))
    rows, columns = square_at(0, SIZE)
    session.prompts.click(Click(0, columns.start + 4, rows.start + 4))
    session.prompts.settle()
    session.runs.track(1, 0)
    assert (tracked := session.runs.wait()) is not None and tracked.warnings == ()
    session.runs.complete(1)
    completed = session.runs.wait()
    assert completed is not None and completed.error is None
    assert completed.warnings == ("frames 1-2: its depth is clipped",)
    session.close()


@pytest.mark.usefixtures("remarking")
def test_the_command_line_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, columns = square_at(0, SIZE)
    click = f"0,{columns.start + 4},{rows.start + 4}"
    images = write_images(tmp_path / "clip", 4, SIZE)
    assert main(["run", str(images), "--project", str(tmp_path / "p"), "--click", click]) == 0
    assert "\nframes 1-2: its depth is clipped.\n" in capsys.readouterr().out


def test_one_thing_is_told_as_one() -> None:
    assert [counted(n, "problem") for n in (0, 1, 2)] == ["0 problems", "1 problem", "2 problems"]
    assert counted(2, "hypothesis", "hypotheses") == "2 hypotheses"
