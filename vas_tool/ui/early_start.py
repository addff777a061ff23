"""Work begun before anybody asks for its answer: the first clip is imported while Gradio is still being imported."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from vas_tool.engines.base import Progress
from vas_tool.errors import Cancelled

Answer = TypeVar("Answer")

LOOK_SECONDS = 0.02
"""How often whoever waits passes the progress on: soon enough to open at once, seldom enough to cost nothing."""


class EarlyStart(Generic[Answer]):
    """``make`` runs in a thread of its own from now on; ``result`` waits for it."""

    def __init__(self, make: Callable[[Progress], Answer]) -> None:
        self._make = make
        self._future: Future[Answer] = Future()
        self._stop = threading.Event()
        self._reached: tuple[int, int, str] | None = None
        threading.Thread(target=self._run, daemon=True, name="ahead").start()

    def result(self, progress: Progress) -> Answer:
        """What ``make`` gave or raised. ``progress`` hears how far it is, and stops it by raising."""
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
        except BaseException as error:  # whoever asks for the answer is told
            self._future.set_exception(error)

    def _note(self, done: int, total: int, what: str, /) -> None:
        self._reached = (done, total, what)
        if self._stop.is_set():
            raise Cancelled("stopped")
