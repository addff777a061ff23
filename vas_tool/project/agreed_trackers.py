"""How far a second tracker agrees with an object's modal masks, stored beside the masks.

An IoU is stored with the state of the mask that it was measured on, and holds for that state alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from vas_tool.files import from_json, read_plain, write_atomically

FILE = "second_opinion.json"
"""Name of the file in an object's folder."""


class AgreedTrackers:
    """The answers of the last second tracker for one object."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self.changes = 0
        """Grows with every new opinion."""
        self.engine = ""
        """Name of the engine; empty when none was asked."""
        self._ious: dict[int, tuple[str, float]] = {}
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            read = from_json(read_plain(self.file))
            rows = [(int(f), str(state), float(iou)) for f, state, iou in read["frames"]]
            self.engine = str(read["engine"])
            self._ious = {f: (state, iou) for f, state, iou in rows if math.isfinite(iou)}

    def ious(self, states: Mapping[int, str]) -> dict[int, float]:
        """Return frame_index -> IoU, 0..1, where the modal mask is still in the state that was measured.

        ``states`` is frame_index -> state of the modal mask (``ObjectStamps.seen``).
        """
        return {f: iou for f, (state, iou) in self._ious.items() if states.get(f) == state}

    def put(self, engine: str, ious: Mapping[int, tuple[str, float]]) -> None:
        """Store the answers of an engine, frame_index -> (state, IoU), over earlier ones. Raises ProjectError."""
        rows = [[f, state, round(iou, 4)] for f, (state, iou) in sorted(ious.items())]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.file, json.dumps({"engine": engine, "frames": rows}).encode())
        self.engine, self._ious = engine, dict(ious)
        self.changes += 1
