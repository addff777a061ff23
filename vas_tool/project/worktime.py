"""How long a person worked on each object of a project: seconds between acts, pauses not counted.

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
"""A longer gap between two acts is a pause: nothing of it counts."""

WRITE_SECONDS = 5.0
"""How many seconds of measured work may be lost in a crash."""


class WorkClock:
    """Seconds of work by object id."""

    def __init__(self, folder: Path, *, may_write: Callable[[], object] = lambda: None) -> None:
        """``may_write`` raises ProjectError when nothing may be written in the folder."""
        self._file, self._may_write = folder / FILE, may_write
        self.seconds = work_seconds(folder)
        self._last: float | None = None
        self._unwritten = 0.0

    def tick(self, object_id: int, now_seconds: float) -> None:
        """The person did something about an object: the time since the last act was work on it, unless it was long."""
        last, self._last = self._last, now_seconds
        gap = 0.0 if last is None else max(0.0, now_seconds - last)
        if gap > PAUSE_SECONDS:
            return
        self.seconds[object_id] = self.seconds.get(object_id, 0.0) + gap
        self._unwritten += gap
        if self._unwritten >= WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Put what was measured on disk; a full disk costs the measure, not the work."""
        if self._unwritten:
            text = json.dumps({str(i): round(s, 1) for i, s in sorted(self.seconds.items())})
            with suppress(ProjectError):
                self._may_write()
                write_atomically(self._file, text.encode())
                self._unwritten = 0.0


def work_seconds(folder: Path) -> dict[int, float]:
    """What a project's folder says of the work on it, by object id; nothing when nobody worked or it does not read."""
    try:
        data = from_json(read_plain(folder / FILE))
        seconds = {int(object_id): float(seconds) for object_id, seconds in data.items()}
        return {object_id: s for object_id, s in seconds.items() if 0 <= s < math.inf}
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return {}
