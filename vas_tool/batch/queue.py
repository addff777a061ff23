"""``queue.json`` beside the projects of a batch: the projects in the order in which to look at them, worst first."""

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
    """A project to look at, and where in it."""

    project: str
    """The project's folder."""
    object_id: int
    frame_index: int
    """The first frame that needs a look."""
    why: str


def queue_of(outcomes: Iterable[RowOutcome]) -> list[dict[str, Any]]:
    """Return the entries, as the file holds them, of the projects with frames to look at.

    Those with the largest share of such frames come first. Every project is there once, with its worst object.
    """
    needing = sorted((o for o in outcomes if o.num_looks), key=lambda o: (-o.share_to_look_at, o.project, o.object_id))
    first: dict[str, RowOutcome] = {}
    for outcome in needing:
        first.setdefault(outcome.project, outcome)
    return [asdict(QueueEntry(o.project, o.object_id, *o.looks[0])) for o in first.values()]


def read_queue(projects: Path) -> list[QueueEntry]:
    """Return the queue of a batch whose projects lie in that folder. Raises FormatError when there is none."""
    file = projects / QUEUE
    try:
        return [QueueEntry(**entry) for entry in json.loads(file.read_bytes())]
    except FileNotFoundError as error:
        raise FormatError(f"{projects} has no queue; run a batch with --projects {projects} first") from error
    except (OSError, TypeError, ValueError) as error:
        raise FormatError(f"{file} does not read ({error}); run the batch again, which writes it") from error
