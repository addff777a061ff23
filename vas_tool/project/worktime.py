"""The time that a person worked on each object of a project: seconds between actions, without pauses.

Kept in ``work.json`` beside the project: a measure, not a thing that undo goes over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vas_tool.errors import ProjectError
from vas_tool.files import from_json, read_plain, write_atomically

FILE = "work.json"

PAUSE_SECONDS = 30.0
"""A longer gap in seconds between two actions is a pause and does not count."""

WRITE_SECONDS = 5.0
"""The most seconds of measured work that a crash may lose."""


class WorkClock:
    """Seconds of work by object id."""

    def __init__(self, folder: Path, *, may_write: Callable[[], object] = lambda: None) -> None:
        """``may_write`` is a function that raises ProjectError when the folder cannot be written."""
        self._file, self._may_write = folder / FILE, may_write
        self.seconds = work_seconds(folder)
        self._last: float | None = None
        self._unwritten = 0.0

    def tick(self, object_id: int, now_seconds: float) -> None:
        """Record an action on an object. The time since the last action counts as work on it, unless it was a pause."""
        last, self._last = self._last, now_seconds
        gap = 0.0 if last is None else max(0.0, now_seconds - last)
        if gap > PAUSE_SECONDS:
            return
        self.seconds[object_id] = self.seconds.get(object_id, 0.0) + gap
        self._unwritten += gap
        if self._unwritten >= WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the measured seconds. If the disk is full, they are lost and nothing else is."""
        if self._unwritten:
            text = json.dumps({str(i): round(s, 1) for i, s in sorted(self.seconds.items())})
            with suppress(ProjectError):
                self._may_write()
                write_atomically(self._file, text.encode())
                self._unwritten = 0.0


def work_seconds(folder: Path) -> dict[int, float]:
    """Return object id -> seconds of work, from a project's folder; empty when there is none or the file is damaged."""
    try:
        data = from_json(read_plain(folder / FILE))
        seconds = {int(object_id): float(seconds) for object_id, seconds in data.items()}
        return {object_id: s for object_id, s in seconds.items() if 0 <= s < math.inf}
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return {}
