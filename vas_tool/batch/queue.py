"""The file ``queue.json`` in the folder of a batch's projects: the projects that need a look, worst first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vas_tool.batch.outcome import RowOutcome
from vas_tool.errors import FormatError

QUEUE = "queue.json"
"""Name of the file."""


@dataclass(frozen=True)
class QueueEntry:
    """A project that needs a look, and the object and frame to look at."""

    project: str
    """Path of the project's folder."""
    object_id: int
    frame_index: int
    """The first frame that needs a look."""
    why: str


def queue_of(outcomes: Iterable[RowOutcome]) -> list[dict[str, Any]]:
    """Return the content of ``queue.json``: the projects with frames that need a look.

    The projects with the largest share of such frames come first. Each project has one entry, with its worst object.
    """
    needing = sorted((o for o in outcomes if o.num_looks), key=lambda o: (-o.share_to_look_at, o.project, o.object_id))
    first: dict[str, RowOutcome] = {}
    for outcome in needing:
        first.setdefault(outcome.project, outcome)
    return [asdict(QueueEntry(o.project, o.object_id, *o.looks[0])) for o in first.values()]


def read_queue(projects: Path) -> list[QueueEntry]:
    """Return the queue of the batch in the folder ``projects``. Raises FormatError if there is none or it cannot be
    read.
    """
    file = projects / QUEUE
    try:
        return [QueueEntry(**entry) for entry in json.loads(file.read_bytes())]
    except FileNotFoundError as error:
        raise FormatError(f"{projects} has no queue; run a batch with --projects {projects} first") from error
    except (OSError, TypeError, ValueError) as error:
        raise FormatError(f"{file} does not read ({error}); run the batch again, which writes it") from error
