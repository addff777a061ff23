"""Starts work in the background before its result is requested: the first clip is imported while Gradio is imported."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from vas_tool.engines.base import Progress
from vas_tool.errors import Cancelled

Answer = TypeVar("Answer")

LOOK_SECONDS = 0.02
"""Seconds between two reports of progress to a waiting caller."""


class EarlyStart(Generic[Answer]):
    """Runs ``make`` in its own thread. ``result`` waits for it."""

    def __init__(self, make: Callable[[Progress], Answer]) -> None:
        self._make = make
        self._future: Future[Answer] = Future()
        self._stop = threading.Event()
        self._reached: tuple[int, int, str] | None = None
        threading.Thread(target=self._run, daemon=True, name="ahead").start()

    def result(self, progress: Progress) -> Answer:
        """Wait for the result of ``make`` and return it, or raise its error.

        ``progress`` is called every ``LOOK_SECONDS``; if it raises, the work stops.
        """
        try:
            while not self._future.done():
                if self._reached:
                    progress(*self._reached)
                self._stop.wait(LOOK_SECONDS)
        except BaseException:
            self._stop.set()
            raise
        return self._future.result()

    def _run(self) -> None:
        try:
            self._future.set_result(self._make(self._note))
        except BaseException as error:  # ``result`` raises it
            self._future.set_exception(error)

    def _note(self, done: int, total: int, what: str, /) -> None:
        self._reached = (done, total, what)
        if self._stop.is_set():
            raise Cancelled("stopped")
