"""Long work in the background: one job at a time per session, with progress and time left; a stop keeps results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from vas_tool.engines.base import Progress
from vas_tool.engines.fair_lock import waiting_seconds
from vas_tool.errors import Cancelled, ProjectDamaged, VasToolError
from vas_tool.run_warnings import RunWarnings, collected_warnings, warn
from vas_tool.time_left import TimeLeft

logger = logging.getLogger(__name__)

JobKind = Literal["track", "complete", "again", "hypotheses", "pick", "find", "second"]

Result = TypeVar("Result")

WAITING_SECONDS = 0.5
"""Shorter waits in seconds, for a click between two steps, are not reported."""


@dataclass(frozen=True)
class JobStatus:
    """The state of a job for the person."""

    kind: JobKind
    object_id: int | None
    what: str
    """Name of the work: ``amodal masks``."""
    done: int = 0
    total: int = 0
    """Number of steps of ``what``."""
    elapsed_seconds: float = 0.0
    left_seconds: float | None = None
    """Estimated seconds until ``what`` is done; None while unknown."""
    waiting: bool = False
    """True while something else uses the engine."""
    finished: bool = False
    cancelled: bool = False
    error: str | None = None
    """The reason why the job failed, for the person."""
    warnings: tuple[str, ...] = ()
    """Warnings about the result of a job that has ended."""


@dataclass
class Job:
    """Long work in its own thread."""

    status: JobStatus
    _stop: threading.Event = field(default_factory=threading.Event)
    _started: float = field(default_factory=time.monotonic)
    _time_left: TimeLeft = field(default_factory=TimeLeft)
    _thread: threading.Thread | None = None

    def start(self, work: Callable[[Progress], None]) -> None:
        """Run ``work(progress)`` in the background; it ends when it returns, raises anything, or is cancelled."""
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True, name=f"job-{self.status.kind}")
        try:
            self._thread.start()
        except RuntimeError as error:
            self._end(
                RunWarnings(), error=f"{self.status.what} did not start ({error}); close other programs, try again"
            )

    def cancel(self) -> None:
        """Ask the job to stop at its next step."""
        self._stop.set()

    def wait(self, timeout_seconds: float | None = None) -> None:
        """Wait until the job has ended."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    @property
    def now(self) -> JobStatus:
        """Return the status, including whether the job waits for an engine."""
        waited = waiting_seconds(self._thread.ident if self._thread is not None else None)
        return replace(self.status, waiting=waited >= WAITING_SECONDS)

    def progress(self, done: int, total: int, what: str) -> None:
        """The ``Progress`` of the engines. Raises Cancelled after ``cancel``."""
        if self._stop.is_set():
            raise Cancelled("stopped; what was finished is kept")
        now = time.monotonic()
        left = self._time_left.seconds(done, total, now=now)
        self.status = replace(
            self.status, what=what, done=done, total=total, elapsed_seconds=now - self._started, left_seconds=left
        )

    def _run(self, work: Callable[[Progress], None]) -> None:
        with collected_warnings() as collected:
            try:
                without_damaged(lambda: work(self.progress))
                self._end(collected)
            except Cancelled:
                self._end(collected, cancelled=True)
            except VasToolError as error:
                self._end(collected, error=str(error))
            except BaseException as error:  # SystemExit, too: a thread that only vanished would be waited for forever
                self._end(collected, error=f"{self.status.what} failed ({_named(error)}); what was finished is kept")
                logger.exception("the job %s failed", self.status.kind)

    def _end(self, collected: RunWarnings, *, cancelled: bool = False, error: str | None = None) -> None:
        self.status = replace(
            self.status,
            finished=True,
            cancelled=cancelled,
            error=error,
            warnings=collected.words,
            elapsed_seconds=time.monotonic() - self._started,
            left_seconds=None,
        )


def without_damaged(work: Callable[[], Result]) -> Result:
    """Return ``work()``. After a damaged picture, which then counts as absent, the work starts again without it."""
    logged: set[str] = set()
    while True:
        try:
            return work()
        except ProjectDamaged as error:
            if str(error) in logged:
                raise
            logged.add(str(error))
            warn(str(error))


def _named(error: BaseException) -> str:
    """Return type and message of an exception, even if its ``__str__`` fails."""
    with suppress(Exception):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


class LatestOnly:
    """A worker that runs the newest task of each key and drops older ones that had not begun."""

    def __init__(self, name: str, *, pause_seconds: float = 0.0) -> None:
        """``pause_seconds`` is the pause before each task, in which the caller can finish."""
        self._tasks: dict[object, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._running = False
        self._closed = False
        self._pause_seconds = pause_seconds
        threading.Thread(target=self._run, daemon=True, name=name).start()

    def put(self, key: object, task: Callable[[], None]) -> None:
        """Run ``task`` soon. It replaces an earlier task of ``key`` that still waits."""
        with self._changed:
            self._tasks[key] = task
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a task runs or waits."""
        with self._changed:
            return self._running or bool(self._tasks)

    def close(self) -> None:
        """Drop waiting tasks and end the thread after the running one."""
        with self._changed:
            self._closed = True
            self._tasks.clear()
            self._changed.notify_all()

    def join(self, timeout_seconds: float) -> bool:
        """Wait until no task runs or waits. Returns False when the time is up first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running and not self._tasks, timeout_seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._tasks))
                if self._pause_seconds:
                    self._changed.wait_for(lambda: self._closed, self._pause_seconds)
                if self._closed:
                    return
                task = self._tasks.pop(next(iter(self._tasks)))
                self._running = True
            try:
                task()
            except BaseException:  # SystemExit, too: whatever an engine raises, the next task is done
                logger.exception("background work failed")
            finally:
                with self._changed:
                    self._running = False
                    self._changed.notify_all()
