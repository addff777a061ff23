"""Writes the files about a batch's progress into the folder of its projects, for other terminals and the next start.

batch.json      numbers of rows done and failed, rows a minute, time left; rows, frames, windows and seconds by stage
failed.jsonl    one line for each failed row: id, stage, reason, and the command that runs it again
outcomes.jsonl  one line for each row that is done: numbers of masks, and the frames that need a look
queue.json      the projects that need a look, worst first

A second batch on the same folder at the same time writes files of its own (``batch-<pid>.json``, ...).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vas_tool.batch.clip_work import ENTER, Event, Failure, StageDone
from vas_tool.batch.deaths import FOLDER
from vas_tool.batch.outcome import RowOutcome
from vas_tool.batch.queue import QUEUE, queue_of
from vas_tool.errors import FormatError, ProjectBusy
from vas_tool.files import FolderLock, write_atomically

WRITE_SECONDS = 1.0
"""Shortest time between two writes of the files, in seconds."""

OF_A_BATCH = re.compile(r"(batch|failed|outcomes|queue|report)(-\d+)?\.(jsonl?|html)")
"""Matches the names of the files of a batch."""

STATUS, FAILED, OUTCOMES = "batch.json", "failed.jsonl", "outcomes.jsonl"


@dataclass
class StageCount:
    """The work of one stage in this run."""

    rows: int = 0
    """Number of rows that passed the stage, including those that needed no work."""
    frames: int = 0
    windows: int = 0
    seconds: float = 0.0
    """Time in the stage, summed over all processes."""


@dataclass
class Status:
    """The progress of a batch."""

    manifest: str
    total: int
    state: str = "running"
    """``running``, ``finished`` or ``stopped``."""
    workers: str = ""
    """Where the batch runs, as text: ``in this process``, ``on Ray with 8 CPUs ...``."""
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    """Seconds since the start of the batch."""
    stages: dict[str, StageCount] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Number of rows that are neither done nor failed."""
        return self.total - self.done - self.failed

    @property
    def rows_a_minute(self) -> float:
        """Rows done or failed per minute since the start; 0 at the start."""
        return 60 * (self.done + self.failed) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the remaining rows take at this speed; None until a row is done or failed."""
        return 60 * self.left / self.rows_a_minute if self.done + self.failed else None

    def json(self) -> dict[str, Any]:
        """Return the content of ``batch.json``."""
        return {
            **asdict(self),
            "left": self.left,
            "rows_a_minute": round(self.rows_a_minute, 3),
            "seconds_left": self.seconds_left,
            "pid": os.getpid(),
            "written": time.time(),
        }


class BatchFiles:
    """Writes the files of one run of a batch. Not thread-safe: one thread calls it."""

    def __init__(self, projects: Path, status: Status, *, again: Sequence[str]) -> None:
        """Take the folder of the projects.

        ``again`` is the command that runs rows again, without their ids. Raises FormatError if an earlier
        ``failed.jsonl`` or ``outcomes.jsonl`` is damaged.
        """
        self.projects, self.status, self._again = projects, status, again
        (projects / FOLDER).mkdir(parents=True, exist_ok=True)
        self._lock, self._suffix = _lock(projects / FOLDER)
        self.failures = read_failures(projects)
        self.outcomes = read_outcomes(projects)
        self._ended: dict[str, str] = {}
        """Row id -> ``done`` or ``failed``, for the rows of this run that have ended."""
        self._start, self._written = time.monotonic(), 0.0
        self.write()

    def file(self, name: str) -> Path:
        """Return the path of one of this run's files, such as ``batch.json``."""
        stem, _, suffix = name.partition(".")
        return self.projects / f"{stem}{self._suffix}.{suffix}"

    def on_event(self, event: Event) -> None:
        """Record an event of a row, and write the files if ``WRITE_SECONDS`` have passed."""
        if isinstance(event, StageDone):
            count = self.status.stages.setdefault(event.stage, StageCount())
            count.rows, count.frames = count.rows + 1, count.frames + event.frames * (event.stage != ENTER)
            count.windows, count.seconds = count.windows + event.windows, count.seconds + event.seconds
        else:
            self._end(event)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def _end(self, event: Failure | RowOutcome) -> None:
        """Record the end of a row. A row that fails on a lost worker may be done later on another one: ``done``
        replaces ``failed``, never the reverse.
        """
        former = self._ended.get(event.row_id)
        if former == "done" or (former == "failed" and isinstance(event, Failure)):
            return
        self.status.failed -= former == "failed"
        if isinstance(event, Failure):
            self._ended[event.row_id], self.status.failed = "failed", self.status.failed + 1
            self.failures[event.row_id] = {**asdict(event), "again": shlex.join([*self._again, "--row", event.row_id])}
            self.outcomes.pop(event.row_id, None)
        else:
            self._ended[event.row_id], self.status.done = "done", self.status.done + 1
            self.failures.pop(event.row_id, None)
            self.outcomes[event.row_id] = event

    def missing(self, row_ids: Sequence[str]) -> list[str]:
        """Return the rows whose end was not recorded."""
        return [row_id for row_id in row_ids if row_id not in self._ended]

    def write(self) -> None:
        """Write all files in their present state."""
        self.status.seconds = time.monotonic() - self._start
        outcomes, queue = [json.dumps(asdict(o)) for o in self.outcomes.values()], queue_of(self.outcomes.values())
        for name, text in (
            (FAILED, "".join(json.dumps(failure) + "\n" for failure in self.failures.values())),
            (OUTCOMES, "".join(line + "\n" for line in outcomes)),
            (QUEUE, json.dumps(queue)),
            (STATUS, json.dumps(self.status.json(), indent=1)),
        ):
            write_atomically(self.file(name), text.encode(), durable=False)
        self._written = time.monotonic() + min(30.0, len(outcomes) / 1000)  # thousands of lines are written less often

    def close(self, state: str) -> None:
        """Write the files with this final state (``finished`` or ``stopped``), and release the folder for other
        batches.
        """
        self.status.state = state
        self.write()
        if self._lock is not None:
            self._lock.release()


def _lock(folder: Path) -> tuple[FolderLock | None, str]:
    try:
        return FolderLock(folder), ""
    except ProjectBusy:
        return None, f"-{os.getpid()}"


def read_failures(projects: Path) -> dict[str, Mapping[str, Any]]:
    """Return row id -> line of ``failed.jsonl``; empty without the file. Raises FormatError if it is damaged."""
    return {str(line["row_id"]): line for line in _lines(projects / FAILED)}


def read_outcomes(projects: Path) -> dict[str, RowOutcome]:
    """Return row id -> outcome of the row's last success, from ``outcomes.jsonl``; empty if the file does not exist.

    Lines of other versions are left out. Raises FormatError if the file is damaged.
    """
    found: dict[str, RowOutcome] = {}
    for line in _lines(projects / OUTCOMES):
        with suppress(TypeError):  # written by another version
            looks = tuple((int(f), str(why)) for f, why in line["looks"])
            found[line["row_id"]] = RowOutcome(**{**line, "looks": looks})
    return found


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in file.read_text().splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise FormatError(f"{file} does not read ({error}); take it out, the batch writes it again") from error


def read_status(file: Path) -> dict[str, Any]:
    """Return the content of a ``batch.json``. Raises FormatError if it cannot be read."""
    try:
        data: dict[str, Any] = json.loads(file.read_bytes())
        return data
    except (OSError, ValueError) as error:
        raise FormatError(f"{file} does not read ({error}); name the folder of a batch's projects") from error
