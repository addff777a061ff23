"""Runs the stages for the rows of one clip, in the process that calls it. An error of a row ends that row alone.

The project's plan says which results are missing or out of date, so finished results are not made again. The project is
the batch's only checkpoint.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vas_tool.batch.batch_options import BatchOptions
from vas_tool.batch.deaths import FOLDER, noted
from vas_tool.batch.entering import ensure_project, enter_row, open_project, require_same_source, with_options
from vas_tool.batch.manifest import ClipTask
from vas_tool.batch.outcome import RowOutcome, outcome_of
from vas_tool.batch.rows import Row
from vas_tool.errors import Cancelled, InputError, VasToolError
from vas_tool.pipeline import execute
from vas_tool.planning.plan import Request, costs_of, plan
from vas_tool.planning.setup import chosen_engine
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.project import Project
from vas_tool.project_store import ProjectStore
from vas_tool.run_warnings import collected_warnings
from vas_tool.types import Stage

logger = logging.getLogger(__name__)

ENTER, LOOK = "enter", "look"
"""Names of the steps before the stages (the project is made, the prompts are entered) and after them (the outcome is
read).
"""


@dataclass(frozen=True)
class Failure:
    """A row that failed, with the stage and the reason."""

    row_id: str
    stage: str
    reason: str


@dataclass(frozen=True)
class StageDone:
    """A finished stage of a row: the frames and windows that it made."""

    row_id: str
    stage: str
    frames: int
    windows: int
    """Number of windows; 0 for an engine without windows."""
    seconds: float
    warnings: tuple[str, ...] = ()


Made = tuple[int, int, float, tuple[str, ...]]
"""Number of frames, number of windows, seconds, and warnings of a stage."""

Event = Failure | StageDone | RowOutcome
OnEvent = Callable[[Event], None]
"""A function that is called with every event of a row, in order."""


@dataclass
class ClipState:
    """The state of a clip between two stages. It is pickled and sent to the next process."""

    task: ClipTask
    object_ids: dict[str, int] = field(default_factory=dict)
    """Row id -> object id, for the rows that were entered and have not failed."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """Row id -> its failure."""

    @property
    def rows(self) -> list[Row]:
        """The rows that have not failed."""
        return [row for row in self.task.rows if row.id not in self.failures]

    def fail(self, row: Row, stage: str, error: BaseException) -> Failure:
        """Record that a row failed at a stage, and return the failure."""
        known = isinstance(error, VasToolError)
        reason = " ".join(str(error).split()) if known else f"{type(error).__name__}: {' '.join(str(error).split())}"
        self.object_ids.pop(row.id, None)
        failure = self.failures[row.id] = Failure(row.id, stage, reason)
        if not known:
            logger.exception("row %s, stage %s", row.id, stage)
        return failure


@dataclass(frozen=True)
class ClipWork:
    """The work on every clip of a batch."""

    options: BatchOptions
    notes: Path
    """Folder of the notes on work in progress (see ``deaths``)."""

    @classmethod
    def of(cls, options: BatchOptions, projects: Path) -> ClipWork:
        """Return the work of a batch with its projects in the folder ``projects``."""
        return cls(options, projects / FOLDER)

    def enter(self, state: ClipState, on_event: OnEvent) -> None:
        """Make the clip's project, and enter its rows as objects. Errors become failures of rows."""
        first = time.monotonic()
        try:
            with noted(self.notes, f"making {state.task.folder.name}"):
                ensure_project(state.task)
        except Exception as error:  # whatever one source does, the others go on
            self._fail_all(state, ENTER, error, on_event=on_event)
            return
        with self._project(state, ENTER, on_event) as project:
            if project is None:
                return
            truth = with_options(project.truth, self.options)
            if truth != project.truth:
                project.edit("engines of the batch", truth)
            for row in state.rows:
                try:
                    require_same_source(project, row)
                    state.object_ids[row.id] = enter_row(project, row)
                    on_event(StageDone(row.id, ENTER, len(project.clip), 0, time.monotonic() - first))
                    first = time.monotonic()
                except Exception as error:
                    on_event(state.fail(row, ENTER, error))

    def run(self, state: ClipState, stages: Sequence[Stage], on_event: OnEvent, *, last: bool) -> None:
        """Run stages for all rows, one stage after the other, so that the rows share depth.

        ``last`` says that no other stages follow: the outcome of each row is read and sent. Errors become failures of
        rows.
        """
        if not state.rows:
            return
        with self._project(state, stages[0] if stages else LOOK, on_event) as project:
            if project is None:
                return
            for stage in stages:
                for row in state.rows:
                    self._stage(project, state, (row, stage), on_event=on_event)
            for row in state.rows if last else ():
                self._look(project, state, row, on_event=on_event)

    def _stage(self, project: Project, state: ClipState, what: tuple[Row, Stage], *, on_event: OnEvent) -> None:
        row, stage = what
        try:
            with noted(self.notes, work_of(row.id, stage)):
                done = self._tried(project, state.object_ids[row.id], stage)
        except Cancelled:
            raise
        except Exception as error:  # whatever one row does, the others go on
            on_event(state.fail(row, stage, error))
        else:
            on_event(StageDone(row.id, stage, *done))

    def _tried(self, project: Project, object_id: int, stage: Stage) -> Made:
        """Run a stage, and try it again after errors other than InputError. Finished frames and windows are kept."""
        for tries_left in range(self.options.retries, -1, -1):
            try:
                chosen_engine(project.truth, stage)  # an unknown engine is told before anything is planned
                return _run_stage(project, requests_of(object_id, stage, self.options))
            except (InputError, Cancelled):
                raise
            except Exception as error:
                if not tries_left:
                    raise
                logger.warning("object %s of %s, stage %s: %s; trying again", object_id, project.name, stage, error)
            gc.collect()  # the arrays of the failed try, before the next needs the memory
        raise AssertionError("the last try returns or raises")

    def _look(self, project: Project, state: ClipState, row: Row, *, on_event: OnEvent) -> None:
        try:
            on_event(outcome_of(project, row.id, state.object_ids[row.id]))
        except Exception as error:
            on_event(state.fail(row, LOOK, error))

    @contextmanager
    def _project(self, state: ClipState, stage: str, on_event: OnEvent) -> Iterator[Project | None]:
        """Yield the open project; None, with all rows failed, if it cannot be opened."""
        with ExitStack() as closing:
            try:
                project = closing.enter_context(
                    open_project(state.task.folder, patience_seconds=self.options.patience_seconds)
                )
            except Exception as error:
                self._fail_all(state, stage, error, on_event=on_event)
                yield None
                return
            yield project

    def _fail_all(self, state: ClipState, stage: str, error: Exception, *, on_event: OnEvent) -> None:
        for row in state.rows:
            on_event(state.fail(row, stage, error))


def work_of(row_id: str, stage: str) -> str:
    """Return the text for one stage of a row in notes."""
    return f"the stage {stage} of row {row_id}"


def requests_of(object_id: int, stage: Stage, options: BatchOptions) -> list[Request]:
    """Return the requests for one stage of an object: what is missing or outdated, and what other engines than the
    batch's made, if the batch names one.
    """
    missing = Request((object_id,), (stage,), ask=stage == "segment")
    return [missing, Request((object_id,), (stage,), again=True)] if stage in options.engines else [missing]


def _run_stage(project: Project, requests: Sequence[Request]) -> Made:
    """Run what requests for one object need. Return numbers of frames and windows, seconds, and warnings."""
    first, frames, windows = time.monotonic(), 0, 0
    with collected_warnings() as heard:
        for request in requests:
            planned = plan(snapshot_of(project, request.object_ids, priced=True), request)
            if not any(run.makes_any for run in planned):
                continue
            for cost in costs_of(planned):
                frames, windows = frames + cost.num_frames, windows + (cost.num_windows or 0)
            execute(planned, ProjectStore(project, _edit_id(project)))
    return frames, windows, time.monotonic() - first, heard.words


def _edit_id(project: Project) -> int:
    """Return the edit that the batch's results belong to. It is the same for a whole batch, so that one undo reverts
    it.
    """
    newest = project.last_edit_id
    return newest if newest is not None and project.undo_label == "batch" else project.edit("batch")
