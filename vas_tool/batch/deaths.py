"""Counts how many processes died at the same work, so that a row that kills its worker does not stop the others.

A note is in ``<projects>/.batch`` during each stage of a row. It is removed at the end of the stage, also after an
error. A note that remains means that the process died.
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
"""Number of processes that may die at one stage of a row before the row fails. A lost node counts as one."""

FOLDER = ".batch"
"""Folder of the notes, in the folder of the projects."""


@contextmanager
def noted(notes: Path, work: str) -> Iterator[None]:
    """Write a note that ``work`` begins into the folder ``notes``, and remove it at the end of the block.

    Raises EngineError before the block if ``MOST_DEATHS`` processes have died at this work. The count then starts
    again, so that the next batch tries the work once more.
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
    """Return how many processes in a row died at the work of a note."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        return int(json.loads(note.read_bytes())["times"])
    return 0


def _forget(note: Path) -> None:
    with suppress(OSError):
        note.unlink()
