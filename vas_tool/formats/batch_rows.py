"""Reads and writes ``rows.json`` of a project: from which row of a batch's manifest each object was made. Exports write
the ids of the rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vas_tool.errors import ProjectDamaged
from vas_tool.files import read_plain, write_atomically

ROWS = "rows.json"
"""Name of the file in the project's folder."""


@dataclass(frozen=True)
class BatchRow:
    """The object that one row of a manifest became."""

    object_id: int
    """Id of the object in the project."""
    entered: str = ""
    """Hash of the row's content when it was copied into the project; "" until the copy is complete."""
    ids: Mapping[str, Any] = field(default_factory=dict)
    """Ids that the manifest gives the row."""


def write_rows(folder: Path, rows: Mapping[str, BatchRow]) -> None:
    """Write ``rows.json`` (row id -> row) into a project's folder. Raises ProjectError when the disk refuses."""
    write_atomically(folder / ROWS, json.dumps({i: asdict(row) for i, row in rows.items()}).encode())


def read_rows(folder: Path) -> dict[str, BatchRow]:
    """Read ``rows.json``: row id -> row; empty when there is no such file. Raises ProjectDamaged when it is
    unreadable.
    """
    file = folder / ROWS
    if not file.exists():
        return {}
    try:
        data: dict[str, dict[str, Any]] = json.loads(read_plain(file))
        return {
            str(i): BatchRow(int(row["object_id"]), str(row["entered"]), dict(row["ids"])) for i, row in data.items()
        }
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProjectDamaged(
            f"{file} does not read ({type(error).__name__}: {error}); take it out: a batch then enters its rows again"
        ) from error


def row_ids(folder: Path) -> dict[int, dict[str, Any]]:
    """Return object id -> the keys that an export writes for it: ``row_id``, and ``row_ids`` if the row has its own."""
    return {
        row.object_id: {"row_id": row_id, **({"row_ids": dict(row.ids)} if row.ids else {})}
        for row_id, row in read_rows(folder).items()
    }
