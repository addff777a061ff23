"""Reads a manifest (JSON lines, CSV or parquet; one row for each object), and groups its rows by clip."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vas_tool.batch.rows import Row, row_of
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import text_in_place
from vas_tool.imports.planned import folder_name
from vas_tool.planning.fingerprint import digest_of
from vas_tool.project.head import is_project
from vas_tool.video.source import clip_name

LIST_SUFFIX = ".clip.json"
"""Suffix of a file with a list of frames (``listed_clips``)."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read."""

    id: str
    """The row's id, or its number in the manifest as text."""
    reason: str


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest that can be used, and those that cannot."""

    rows: tuple[Row, ...]
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True)
class ClipTask:
    """The rows of one clip. They share one project, which one process at a time opens."""

    folder: Path
    """The project's folder."""
    rows: tuple[Row, ...]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest (``.jsonl``, ``.csv`` or ``.parquet``). Rows with errors are listed with the reason.

    Relative paths in it start at its folder. Raises FormatError if the file cannot be read, has no row that can be
    used, or is parquet and pyarrow is not installed.
    """
    rows: dict[str, Row] = {}
    bad: list[BadRow] = []
    for number, values in enumerate(_records(path), 1):
        try:
            if isinstance(values, str):
                raise FormatError(values)
            row = row_of(values, number=number, folder=path.parent.absolute())
            if row.id in rows:
                raise FormatError(f"its id {row.id} is that of an earlier row; give every row one of its own")
            rows[row.id] = row
        except FormatError as error:
            named = values.get("id") if isinstance(values, Mapping) else None
            bad.append(BadRow(str(named or number), f"row {number}: {error}"))
    if not rows:
        raise FormatError(f"{path} has no row that can be used" + (f"; {bad[0].reason}" if bad else ""))
    return Manifest(tuple(rows.values()), tuple(bad))


def write_manifest(records: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write records as JSON lines, replacing an existing file, and return their number."""
    count = 0
    with text_in_place(path) as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def _records(path: Path) -> Iterator[Mapping[str, Any] | str]:
    """Yield each record; for a line that cannot be parsed, the reason as text."""
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                yield from csv.DictReader(file)
            elif path.suffix in (".jsonl", ".ndjson"):
                yield from (_parsed(line) for line in file if line.strip())
            else:
                raise FormatError(f"{path} is no manifest; name a .jsonl, .csv or .parquet file")
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} cannot be read ({error}); store it as UTF-8") from error


def _parsed(line: str) -> Mapping[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({error}); a manifest of JSON lines has one object a line"
    return record if isinstance(record, dict) else "it is no JSON object"


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise FormatError(f"{path} needs pyarrow; run: pip install 'vas-tool[batch]'") from error
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise FormatError(f"{path} is no parquet file ({error}); write it again") from error


def clip_tasks(rows: Sequence[Row], projects: Path) -> list[ClipTask]:
    """Return one task for each project, in the order of the manifest.

    A row whose source is a project belongs to that project. Any other row belongs to a project in the folder
    ``projects`` with the row's ``project`` name, or else the name of its source. If two clips would get the same name,
    a digest of the source is added to each, so that names do not depend on the order of the rows.
    """
    by_clip: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        there = is_project(row.source)
        by_clip.setdefault((str(row.source.resolve()),) if there else row.clip_key, []).append(row)
    by_name: dict[str, list[tuple[Any, ...]]] = {}
    tasks: dict[tuple[Any, ...], ClipTask] = {}
    for key, (first, *_) in by_clip.items():
        if is_project(first.source):
            tasks[key] = ClipTask(first.source.resolve(), tuple(by_clip[key]))
        else:
            by_name.setdefault(first.project or folder_name(_clip_name(first.source)), []).append(key)
    for name, keys in by_name.items():
        for key in keys:
            own = name if len(keys) == 1 else f"{name}_{digest_of(key)[:8]}"
            tasks[key] = ClipTask(projects / own, tuple(by_clip[key]))
    return [tasks[key] for key in by_clip]


def _clip_name(source: Path) -> str:
    return source.name.removesuffix(LIST_SUFFIX) if source.name.endswith(LIST_SUFFIX) else clip_name(source)


def chosen_rows(manifest: Manifest, ids: Sequence[str]) -> Manifest:
    """Return the manifest with only the rows of these ids. Raises FormatError if an id is unknown."""
    wanted = set(ids)
    rows = tuple(row for row in manifest.rows if row.id in wanted)
    bad = tuple(row for row in manifest.bad if row.id in wanted)
    if missing := wanted.difference([row.id for row in rows], [row.id for row in bad]):
        raise FormatError(f"no row has the id {', '.join(sorted(missing))}")
    return replace(manifest, rows=rows, bad=bad)
