"""The log of changed frames, and the last thing that was saved."""

from __future__ import annotations

import time
from dataclasses import dataclass

from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject, Truth

CHANGES_KEPT = 512
"""Length of the log of changed frames. For older versions, everything counts as changed."""


@dataclass(frozen=True)
class Saved:
    """The last write to disk, with its time."""

    what: str
    at_seconds: float
    """Seconds since the epoch."""


class ChangeLog:
    """The changes of one session to a project: it stores every edit and notes every changed frame. Thread-safe."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.version = 0
        self.saved = Saved("opened", time.time())
        self._changes: list[tuple[int, frozenset[int] | None]] = []

    def since(self, version: int) -> set[int] | None:
        """Return the frames whose pictures changed after ``version``; None when any may have."""
        with self.project.mutex:
            if version > self.version or (self._changes and version < self._changes[0][0] - 1):
                return None
            later = [frames for number, frames in self._changes if number > version]
            return None if None in later else {f for frames in later if frames for f in frames}

    def add(self, frames: frozenset[int] | None) -> None:
        """Note a change of the pictures of these frames (None: of any; empty: of no picture)."""
        with self.project.mutex:
            self.version += 1
            self._changes = [*self._changes[-CHANGES_KEPT:], (self.version, frames)]

    def everything(self) -> None:
        """Note that any frame may have changed."""
        self.add(None)

    def frame(self, frame_index: int) -> None:
        """Note that the pictures of a frame changed."""
        self.add(frozenset({frame_index}))

    def edit(self, what: str, obj: AnnotatedObject) -> int:
        """Store one object as one undoable edit and return the edit's id."""
        return self.store(what, self.project.truth.with_object(obj))

    def store(self, what: str, truth: Truth | None) -> int:
        """Store a truth (None: the present one) as one undoable edit and return its id. It is on disk when this
        returns.
        """
        edit_id = self.project.edit(what, truth)
        self.note(what)
        self.add(frozenset())
        return edit_id

    def note(self, what: str) -> None:
        """Note what was saved."""
        self.saved = Saved(what, time.time())
