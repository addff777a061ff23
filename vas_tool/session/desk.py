"""What changed and what was saved: the ground under a session."""

from __future__ import annotations

import time
from dataclasses import dataclass

from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject, Truth

CHANGES_KEPT = 512
"""Of the log of changed frames; who is further behind is told that everything changed."""


@dataclass(frozen=True)
class Saved:
    """What was last written to disk, and when."""

    what: str
    at_seconds: float
    """Since the epoch."""


class Desk:
    """A project, the number of its last change, and which frames changed when. Thread-safe."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.version = 0
        self.saved = Saved("opened", time.time())
        self._changes: list[tuple[int, frozenset[int] | None]] = []

    def changes_since(self, version: int) -> set[int] | None:
        """The frames whose pictures changed after ``version``; None when any may have."""
        with self.project.mutex:
            if version > self.version or (self._changes and version < self._changes[0][0] - 1):
                return None
            later = [frames for number, frames in self._changes if number > version]
            return None if None in later else {f for frames in later if frames for f in frames}

    def _log(self, frames: frozenset[int] | None) -> None:
        with self.project.mutex:
            self.version += 1
            self._changes = [*self._changes[-CHANGES_KEPT:], (self.version, frames)]

    def _everything_changed(self) -> None:
        self._log(None)

    def _frame_changed(self, frame_index: int) -> None:
        self._log(frozenset({frame_index}))

    def _edit(self, what: str, thing: AnnotatedObject) -> int:
        return self._store(what, self.project.truth.with_object(thing))

    def _store(self, what: str, truth: Truth | None) -> int:
        """One undoable edit, on disk when this returns; gives its id."""
        edit_id = self.project.edit(what, truth)
        self._note(what)
        self._log(frozenset())
        return edit_id

    def _note(self, what: str) -> None:
        self.saved = Saved(what, time.time())

    def _object_or_new(self, object_id: int | None) -> AnnotatedObject:
        return self._fresh(None) if object_id is None else self.project.truth.object(object_id)

    def _fresh(self, label: str | None) -> AnnotatedObject:
        number = self.project.truth.next_object_id
        return AnnotatedObject(number, label or f"object {number}")
