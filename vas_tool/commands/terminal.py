"""Shows progress on a terminal as one line with the time left, which is overwritten."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from vas_tool.time_left import TimeLeft

BAR_WIDTH = 24
REDRAW_SECONDS = 0.1


class ProgressBar:
    """A ``Progress`` that prints to a terminal. It prints nothing when the stream is not a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._what = ""
        self._time_left = TimeLeft()
        self._drawn = 0.0

    def __call__(self, done: int, total: int, what: str, /) -> None:
        """Show ``done`` of ``total`` steps of ``what``."""
        if not self._shown:
            return
        now = time.monotonic()
        left = self._time_left.seconds(done, total, now=now)
        if what != self._what:
            self.close()
            self._what, self._drawn = what, 0.0
        if now - self._drawn >= REDRAW_SECONDS or done == total:
            self._drawn = now
            self._stream.write(f"\r\x1b[K{self._line(done, total, left)}")
            self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._shown and self._what:
            self._stream.write("\n")
        self._what = ""

    def _line(self, done: int, total: int, left_seconds: float | None) -> str:
        if not total:
            return f"{self._what}: {done}"
        filled = round(BAR_WIDTH * min(1.0, done / total))
        left = "" if left_seconds is None else f", {left_seconds:.0f} s left"
        return f"{self._what}  [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done}/{total}{left}"
