"""Counts how often a process died at the same work, so that a row that kills its worker does not stop the others.

A note lies in ``<projects>/.batch`` while a stage of a row is worked on. It is removed when the work ends, well or
badly; a note that is left says that the process died.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vas_tool.errors import EngineError
from vas_tool.files import write_atomically
from vas_tool.planning.fingerprint import digest_of

MOST_DEATHS = 3
"""So many processes may die at one stage of a row before it counts as failed. A node that goes away counts, too."""

FOLDER = ".batch"
"""Folder of the notes, in the folder of the projects."""


@contextmanager
def noted(notes: Path, work: str) -> Iterator[None]:
    """Note in the folder ``notes`` that ``work`` begins, and remove the note at its end.

    Raises EngineError, before it begins, when ``MOST_DEATHS`` processes died at it; the next time it is tried again.
    """
    note = note_of(notes, work)
    died = _deaths(note)
    if died >= MOST_DEATHS:
        _forget(note)
        raise EngineError(
            f"{died} processes died at {work}, the last perhaps for want of memory; choose another engine or less "
            "costly settings for it, then run it again with --only-failed"
        )
    notes.mkdir(parents=True, exist_ok=True)
    write_atomically(note, json.dumps({"work": work, "times": died + 1}).encode(), durable=False)
    try:
        yield
    finally:
        _forget(note)


def note_of(notes: Path, work: str) -> Path:
    """Return the path of the note on some work."""
    return notes / f"{digest_of(work)}.json"


def _deaths(note: Path) -> int:
    """Return how many processes died at a work one after the other."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        return int(json.loads(note.read_bytes())["times"])
    return 0


def _forget(note: Path) -> None:
    with suppress(OSError):
        note.unlink()
