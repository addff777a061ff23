"""How long work will still take."""

import io

import pytest

from vas_tool.commands.terminal import ProgressBar
from vas_tool.session.jobs import Job, JobStatus
from vas_tool.time_left import RECENT, TimeLeft


def told(left: TimeLeft, reports: list[tuple[float, int]], total: int) -> list[float | None]:
    return [left.seconds(done, total, now=now) for now, done in reports]


def test_it_is_the_pace_times_what_is_left() -> None:
    left = TimeLeft()
    assert told(left, [(10, 0), (11, 1), (12, 2), (16, 4)], 6) == [None, None, 4.0, 3.0]


def test_other_work_starts_anew_and_a_restart_does_too() -> None:
    left = TimeLeft()
    told(left, [(0, 0), (1, 1), (2, 2), (3, 3)], 9)
    assert told(left, [(5, 4), (15, 5), (25, 6)], 12) == [None, None, 60.0]
    assert told(left, [(30, 0), (31, 2)], 12) == [None, 5.0]


def test_steps_that_took_no_time_are_forgotten() -> None:
    left, num = TimeLeft(), 2 * RECENT
    told(left, [(0, 0), (0, num)], 4 * num)
    at_last = told(left, [(step, num + step) for step in range(1, num)], 4 * num)[-1]
    assert at_last == pytest.approx(4 * num - (2 * num - 1))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def windows(report, clock: list[float]) -> None:  # type: ignore[no-untyped-def]
    """Two windows of four steps of ten seconds, up to the first step of the second one."""
    for done, window in ((0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (4, 2), (5, 2)):
        report(done, 8, f"amodal masks, window {window} of 2")
        clock[0] += 10 if (done, window) != (4, 1) else 0


def test_a_job_tells_what_is_left_of_all_windows(clock: list[float]) -> None:
    job = Job(JobStatus("complete", 1, "depth"))
    windows(job.progress, clock)
    assert job.status.left_seconds == pytest.approx(30)


def test_the_command_line_does_too(clock: list[float]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    windows(ProgressBar(terminal), clock)
    assert terminal.getvalue().endswith("5/8, 30 s left")
