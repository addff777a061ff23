"""``rechecks.json`` in a project: the accepted frames that were asked a second time, and how far the answers agree.

A measure, not a thing that undo goes over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vas_tool.errors import ProjectDamaged
from vas_tool.files import from_json, read_plain, write_atomically

FILE = "rechecks.json"

ByFrame = Mapping[int, float | None]
"""frame_index -> IoU (0..1) of the hidden parts of both answers; None where neither answer hides anything."""


@dataclass(frozen=True)
class Recheck:
    """One annotator's second look at a project."""

    annotator: str
    folder: str
    """Name of the project in which the frames were asked again; it lies beside this one."""
    asked: Mapping[int, tuple[int, ...]]
    """object id -> frames that were asked again."""
    found: Mapping[int, ByFrame] = field(default_factory=dict)
    """object id -> agreement of the frames that were answered."""

    @property
    def num_asked(self) -> int:
        """Number of frames that were asked, over all objects."""
        return sum(map(len, self.asked.values()))

    @property
    def ious(self) -> list[float]:
        """IoU of the hidden parts of every answered frame on which an answer hides anything."""
        return [iou for frames in self.found.values() for iou in frames.values() if iou is not None]

    @property
    def hidden_iou(self) -> float:
        """Mean of ``ious``, 0..1; nan without any."""
        return sum(self.ious) / len(self.ious) if self.ious else math.nan

    @property
    def num_answered(self) -> int:
        """Number of frames that were answered, over all objects."""
        return sum(map(len, self.found.values()))

    def json(self) -> dict[str, Any]:
        """Return the record as the file and the exports hold it."""
        return {
            "annotator": self.annotator,
            "folder": self.folder,
            "asked": {str(i): list(frames) for i, frames in self.asked.items()},
            "hidden_iou": {str(i): {str(f): iou for f, iou in found.items()} for i, found in self.found.items()},
        }


def _from_json(data: Mapping[str, Any]) -> Recheck:
    return Recheck(
        str(data["annotator"]),
        str(data["folder"]),
        {int(i): tuple(map(int, frames)) for i, frames in data["asked"].items()},
        {
            int(i): {int(f): None if iou is None else float(iou) for f, iou in found.items()}
            for i, found in data["hidden_iou"].items()
        },
    )


def read_rechecks(folder: Path) -> tuple[Recheck, ...]:
    """Return the second looks at a project; none without the file. Raises ProjectDamaged when it is unreadable."""
    file = folder / FILE
    if not file.exists():
        return ()
    try:
        return tuple(_from_json(record) for record in from_json(read_plain(file))["rechecks"])
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProjectDamaged(
            f"{file} does not read ({type(error).__name__}: {error}); take it out to go without second looks"
        ) from error


def write_rechecks(folder: Path, rechecks: Iterable[Recheck]) -> None:
    """Write the second looks at a project. Raises ProjectError when the disk refuses."""
    records = [recheck.json() for recheck in rechecks]
    write_atomically(folder / FILE, json.dumps({"rechecks": records}, indent=1).encode())
