"""Runs the stages for the rows of one clip, in the process that calls it. An error costs the row that it is of.

The project's own plan decides what is to be made, so that what is done is not done again; the project is the
checkpoint.
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
from vas_tool.batch.entering import entered, made_project, opened, require_same_source, with_options
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
"""Names of what comes before the stages (the project is made, prompts are entered) and behind them."""


@dataclass(frozen=True)
class Failure:
    """Why a row was given up."""

    row_id: str
    stage: str
    reason: str


@dataclass(frozen=True)
class StageDone:
    """What one stage of a row made."""

    row_id: str
    stage: str
    frames: int
    windows: int
    """0 for engines without windows."""
    seconds: float
    warnings: tuple[str, ...] = ()


Made = tuple[int, int, float, tuple[str, ...]]
"""Frames, windows, seconds and warnings of a stage."""

Event = Failure | StageDone | RowOutcome
Tell = Callable[[Event], None]
"""Told of everything that happened to a row, in its order."""


@dataclass
class ClipState:
    """A clip on its way through the stages."""

    task: ClipTask
    object_ids: dict[str, int] = field(default_factory=dict)
    """row id -> object id, of the rows that were entered and did not fail."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """By row id."""

    @property
    def rows(self) -> list[Row]:
        """The rows that go on."""
        return [row for row in self.task.rows if row.id not in self.failures]

    def fail(self, row: Row, stage: str, error: BaseException) -> Failure:
        """Note that a row is given up."""
        known = isinstance(error, VasToolError)
        reason = " ".join(str(error).split()) if known else f"{type(error).__name__}: {' '.join(str(error).split())}"
        self.object_ids.pop(row.id, None)
        failure = self.failures[row.id] = Failure(row.id, stage, reason)
        if not known:
            logger.exception("row %s, stage %s", row.id, stage)
        return failure


@dataclass(frozen=True)
class ClipWork:
    """What is done with every clip."""

    options: BatchOptions
    notes: Path
    """Folder of the notes on what is worked on (see ``deaths``)."""

    @classmethod
    def of(cls, options: BatchOptions, projects: Path) -> ClipWork:
        """The work of a batch whose projects lie in that folder."""
        return cls(options, projects / FOLDER)

    def enter(self, state: ClipState, tell: Tell) -> None:
        """Make the clip's project and enter its rows."""
        first = time.monotonic()
        try:
            with noted(self.notes, f"making {state.task.folder.name}"):
                made_project(state.task)
        except Exception as error:  # whatever one source does, the others go on
            self._fail_all(state, ENTER, error, tell=tell)
            return
        with self._project(state, ENTER, tell) as project:
            if project is None:
                return
            with_options(project, self.options)
            for row in state.rows:
                try:
                    require_same_source(project, row)
                    state.object_ids[row.id] = entered(project, row)
                    tell(StageDone(row.id, ENTER, len(project.clip), 0, time.monotonic() - first))
                    first = time.monotonic()
                except Exception as error:
                    tell(state.fail(row, ENTER, error))

    def run(self, state: ClipState, stages: Sequence[Stage], tell: Tell, *, last: bool) -> None:
        """Run stages for all rows, one stage after the other, so that what rows share is made once.

        ``last`` adds what the report says of each row.
        """
        if not state.rows:
            return
        with self._project(state, stages[0] if stages else LOOK, tell) as project:
            if project is None:
                return
            for stage in stages:
                for row in state.rows:
                    self._stage(project, state, (row, stage), tell=tell)
            for row in state.rows if last else ():
                self._look(project, state, row, tell=tell)

    def _stage(self, project: Project, state: ClipState, what: tuple[Row, Stage], *, tell: Tell) -> None:
        row, stage = what
        try:
            with noted(self.notes, work_of(row.id, stage)):
                done = self._tried(project, state.object_ids[row.id], stage)
        except Cancelled:
            raise
        except Exception as error:  # whatever one row does, the others go on
            tell(state.fail(row, stage, error))
        else:
            tell(StageDone(row.id, stage, *done))

    def _tried(self, project: Project, object_id: int, stage: Stage) -> Made:
        """Run a stage; after an error that may pass, again. Finished frames and windows are kept in between."""
        for tries_left in range(self.options.retries, -1, -1):
            try:
                return _run_stage(project, object_id, stage)
            except (InputError, Cancelled):
                raise
            except Exception as error:
                if not tries_left:
                    raise
                logger.warning("object %s of %s, stage %s: %s; trying again", object_id, project.name, stage, error)
            gc.collect()  # the arrays of the failed try, before the next needs the memory
        raise AssertionError("the last try returns or raises")

    def _look(self, project: Project, state: ClipState, row: Row, *, tell: Tell) -> None:
        try:
            tell(outcome_of(project, row.id, state.object_ids[row.id]))
        except Exception as error:
            tell(state.fail(row, LOOK, error))

    @contextmanager
    def _project(self, state: ClipState, stage: str, tell: Tell) -> Iterator[Project | None]:
        """The clip's project; None, with all rows failed, when it does not open."""
        with ExitStack() as closing:
            try:
                project = closing.enter_context(
                    opened(state.task.folder, patience_seconds=self.options.patience_seconds)
                )
            except Exception as error:
                self._fail_all(state, stage, error, tell=tell)
                yield None
                return
            yield project

    def _fail_all(self, state: ClipState, stage: str, error: Exception, *, tell: Tell) -> None:
        for row in state.rows:
            tell(state.fail(row, stage, error))


def work_of(row_id: str, stage: str) -> str:
    """Return the words for one stage of a row in notes."""
    return f"the stage {stage} of row {row_id}"


def _run_stage(project: Project, object_id: int, stage: Stage) -> Made:
    """Run a stage of one object as far as it is not done. Gives frames, windows, seconds and warnings."""
    first = time.monotonic()
    chosen_engine(project.truth, stage)  # an unknown engine is told before anything is planned
    request = Request((object_id,), (stage,), ask=stage == "segment")
    planned = plan(snapshot_of(project, (object_id,), priced=True), request)
    if not any(run.makes_any for run in planned):
        return 0, 0, time.monotonic() - first, ()
    costs = costs_of(planned)
    with collected_warnings() as heard:
        execute(planned, ProjectStore(project, _edit_id(project)))
    frames, windows = sum(cost.num_frames for cost in costs), sum(cost.num_windows or 0 for cost in costs)
    return frames, windows, time.monotonic() - first, heard.words


def _edit_id(project: Project) -> int:
    """The edit that results of the batch belong to: one in a row, so that one undo takes a batch back."""
    newest = project.last_edit_id
    return newest if newest is not None and project.undo_label == "batch" else project.edit("batch")
