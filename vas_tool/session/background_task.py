"""One long thing that the page asks for beside the engines' work, such as a copy of a clip: it runs in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vas_tool.engines.base import Progress
from vas_tool.errors import Cancelled, NothingToDo, VasToolError


class BackgroundTask:
    """Runs one function at a time; its progress and its error can be read meanwhile."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._done = (0, 0)
        self.error = ""
        """Why the last run failed; empty when it did not."""

    @property
    def progress(self) -> tuple[int, int] | None:
        """Steps done and their number; None while nothing runs."""
        return self._done if self._thread is not None and self._thread.is_alive() else None

    def start(self, act: Callable[[Progress], object]) -> None:
        """Run ``act`` in the background. Raises NothingToDo while another runs."""
        if self.progress is not None:
            raise NothingToDo("this runs already; wait for its end")
        self._done, self.error = (0, 0), ""
        self._thread = threading.Thread(target=self._run, args=(act,), name=self._name, daemon=True)
        self._thread.start()

    def _run(self, act: Callable[[Progress], object]) -> None:
        try:
            act(self._report)
        except Cancelled:
            pass
        except (VasToolError, OSError) as error:
            self.error = str(error)

    def _report(self, done: int, total: int, what: str, /) -> None:
        if self._stop.is_set():
            raise Cancelled("the project was closed")
        self._done = (done, total)

    def close(self, seconds: float) -> None:
        """Stop what runs, and wait for its end for so many seconds. Nothing runs afterwards."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)
