"""Measurements of masks, stored beside them, so that a large project opens without reading pixels.

A number is kept with the state of the masks that it was measured on, and holds for that state alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from vas_tool.errors import ProjectError
from vas_tool.files import read_plain, write_atomically

Measure = TypeVar("Measure")

WORTH_IT = 64
"""The least number of measurements that are written. Fewer are measured again as fast."""


class MeasurementCache(Generic[Measure]):
    """Measurements by kind and frame. ``is_right`` returns whether a value from a file has the right kind."""

    def __init__(self, file: Path, is_right: Callable[[Any], bool]) -> None:
        self.file = file
        self.changes = 0
        """Grows with every number that is measured."""
        self._unwritten = 0
        self._kept: dict[tuple[str, int], tuple[str, Measure]] = {}
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            for what, frame_index, state, written in json.loads(read_plain(file)):
                value: Any = tuple(written) if isinstance(written, list) else written
                if type(what) is type(state) is str and type(frame_index) is int and is_right(value):
                    self._kept[what, frame_index] = state, value

    def known(self, what: str, frame_index: int, state: str) -> Measure | None:
        """Return the measurement in a state; None when there is none."""
        kept = self._kept.get((what, frame_index))
        return kept[1] if kept is not None and kept[0] == state else None

    def get(self, what: str, frame_index: int, *, state: str, measure: Callable[[], Measure]) -> Measure:
        """Return the stored measurement in ``state``, or that of ``measure()``, which is stored."""
        kept = self._kept.get((what, frame_index))
        if kept is None or kept[0] != state:
            kept = state, measure()
            self._kept[what, frame_index] = kept
            self._unwritten += 1
            self.changes += 1
        return kept[1]

    def flush(self) -> None:
        """Write the measurements. If the disk refuses, nothing happens: the next opening measures again."""
        if self._unwritten and len(self._kept) >= WORTH_IT and self.file.parent.is_dir():
            rows = [[what, f, state, value] for (what, f), (state, value) in list(self._kept.items())]
            with suppress(ProjectError):
                write_atomically(self.file, json.dumps(rows, separators=(",", ":")).encode(), durable=False)
        self._unwritten = 0
