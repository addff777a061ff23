"""What a batch writes beside its projects while it goes on, so that another terminal, and the next start, can read it.

batch.json      rows and windows done, rows a minute, time left, by stage
failed.jsonl    a line for each row that failed: id, stage, reason, and the command that runs it again
outcomes.jsonl  a line for each row that is done: counts, and the frames that need a look
queue.json      the projects in the order in which to look at them, worst first

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
"""The files are written at most this often."""

OF_A_BATCH = re.compile(r"(batch|failed|outcomes|queue|report)(-\d+)?\.(jsonl?|html)")
"""Matches the names of these files."""

STATUS, FAILED, OUTCOMES = "batch.json", "failed.jsonl", "outcomes.jsonl"


@dataclass
class StageCount:
    """What a stage made in this run."""

    rows: int = 0
    """Rows that went through it, also those for which nothing was to be made."""
    frames: int = 0
    windows: int = 0
    seconds: float = 0.0
    """Added up over all processes."""


@dataclass
class Status:
    """How far a batch is."""

    manifest: str
    total: int
    state: str = "running"
    """``running``, ``finished``, or ``stopped``."""
    workers: str = ""
    """Where it runs, in words."""
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    """Since the start."""
    stages: dict[str, StageCount] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Rows that are neither done nor failed."""
        return self.total - self.done - self.failed

    @property
    def rows_a_minute(self) -> float:
        """Rows that ended, over the time since the start."""
        return 60 * (self.done + self.failed) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time that the other rows will take at this speed; None before the first row ended."""
        return 60 * self.left / self.rows_a_minute if self.done + self.failed else None

    def json(self) -> dict[str, Any]:
        """As ``batch.json`` holds it."""
        return {
            **asdict(self),
            "left": self.left,
            "rows_a_minute": round(self.rows_a_minute, 3),
            "seconds_left": self.seconds_left,
            "pid": os.getpid(),
            "written": time.time(),
        }


class Book:
    """Writes the files of one run of a batch. Not thread-safe: one thread tells it everything."""

    def __init__(self, projects: Path, status: Status, *, again: Sequence[str]) -> None:
        """``again`` is the command that runs rows again, without their ids."""
        self.projects, self.status, self._again = projects, status, again
        (projects / FOLDER).mkdir(parents=True, exist_ok=True)
        self._lock, self._suffix = _lock(projects / FOLDER)
        self.failures = read_failures(projects)
        self.outcomes = read_outcomes(projects)
        self._ended: dict[str, str] = {}
        """row id -> ``done`` or ``failed``, of the rows of this run that ended."""
        self._start, self._written = time.monotonic(), 0.0
        self.write()

    def file(self, name: str) -> Path:
        """The path of one of this run's files."""
        stem, _, suffix = name.partition(".")
        return self.projects / f"{stem}{self._suffix}.{suffix}"

    def tell(self, event: Event) -> None:
        """Take notice of what happened to a row."""
        if isinstance(event, StageDone):
            count = self.status.stages.setdefault(event.stage, StageCount())
            count.rows, count.frames = count.rows + 1, count.frames + event.frames * (event.stage != ENTER)
            count.windows, count.seconds = count.windows + event.windows, count.seconds + event.seconds
        else:
            self._end(event)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def _end(self, event: Failure | RowOutcome) -> None:
        """Take notice of a row's end. A worker that died may have told one; what was done after it counts more."""
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
        """Return those of the rows of which no end was told."""
        return [row_id for row_id in row_ids if row_id not in self._ended]

    def write(self) -> None:
        """Write the files as things are now."""
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
        """Write the last state, and let another batch have the folder."""
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
    """Return row id -> the line of ``failed.jsonl``; empty when there is no such file."""
    return {str(line["row_id"]): line for line in _lines(projects / FAILED)}


def read_outcomes(projects: Path) -> dict[str, RowOutcome]:
    """Return row id -> what there was of the row when it was last done."""
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
    """Return what ``batch.json`` says. Raises FormatError when it cannot be read."""
    try:
        data: dict[str, Any] = json.loads(file.read_bytes())
        return data
    except (OSError, ValueError) as error:
        raise FormatError(f"{file} does not read ({error}); name the folder of a batch's projects") from error
