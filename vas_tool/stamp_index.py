"""All stamps of a layer in one file beside its pictures, so that opening a large project reads no picture.

A cache: a row holds for the file of that size and time of change, and for no other. What has no row is read from its
picture. Deleting the file costs time at the next opening.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

from vas_tool.errors import ProjectError
from vas_tool.files import PART, read_plain, write_atomically
from vas_tool.stamps import CHECKS, DEFAULTS, Stamp, stamps_of
from vas_tool.types import SizeWH

INDEX = ".stamps.json"
"""Its name in the layer's folder."""

VERSION = 1

WORTH_IT = 64
"""Pictures of a layer from which on there is an index: fewer are read as fast."""

PICTURE = re.compile(r"(\d{5}|[1-9]\d{5,8})\.png", re.ASCII)

NAMES = tuple(CHECKS)


class Row(NamedTuple):
    """One picture as it lies there."""

    mtime_ns: int
    num_bytes: int
    size_wh: SizeWH
    """Of the picture, in pixels."""
    stamp: Stamp


def found_in(folder: Path, leftovers: list[Path]) -> dict[int, os.stat_result]:
    """frame_index -> what the system says of its picture; links are not followed. Adds to what a kill left over."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return {}
    found = {}
    try:
        for name in os.listdir(descriptor):
            if name.endswith(".png") and (match := PICTURE.fullmatch(name)):
                try:
                    found[int(match[1])] = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except FileNotFoundError:  # gone meanwhile
                    continue
            elif name.startswith(".") and PART.fullmatch(name):
                leftovers.append(folder / name)
    finally:
        os.close(descriptor)
    return found


def is_file(there: os.stat_result) -> bool:
    """Whether it is an ordinary file."""
    return stat.S_ISREG(there.st_mode)


def read_index(folder: Path) -> dict[int, Row]:
    """frame_index -> row; empty when there is no index, or one that does not read."""
    try:
        return _rows(json.loads(read_plain(folder / INDEX)))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _rows(data: Any) -> dict[int, Row]:
    if data["version"] != VERSION:
        return {}
    numbers: list[list[int]] = [data[name] for name in ("frames", "mtime_ns", "bytes", "width", "height")]
    count = len(numbers[0])
    if any(len(column) != count or set(map(type, column)) - {int} for column in numbers):
        return {}
    columns: dict[str, list[Any]] = data["stamps"]
    if "engine" not in columns or not all(_is_right(name, columns[name], count) for name in columns):
        return {}
    values = [column if len(column) == count else list(repeat(column[0], count)) for column in columns.values()]
    stamps = stamps_of(tuple(columns), zip(*values, strict=True))
    frames, times, sizes, widths, heights = numbers
    return {
        frame_index: Row(time, size, (width, height), stamp)
        for frame_index, time, size, width, height, stamp in zip(
            frames, times, sizes, widths, heights, stamps, strict=True
        )
    }


def _is_right(name: str, column: list[Any], count: int) -> bool:
    """Whether a column holds one value a row, or one for all, each of its kind."""
    check, kinds = CHECKS[name], set(map(type, column))
    if len(column) not in (1, count):
        return False
    if kinds <= {str, type(None)}:  # texts are all alike
        return all(map(check, set(column)))
    if kinds == {int}:
        return check(min(column)) and check(max(column))
    if name == "box" and kinds <= {list, type(None)}:
        boxes = [box for box in column if box is not None]
        return set(map(len, boxes)) <= {4} and set(map(type, chain.from_iterable(boxes))) <= {int}
    return all(map(check, column))


def write_index(folder: Path, rows: Mapping[int, Row]) -> None:
    """Write the index. A disk that refuses costs time at the next opening, not a word."""
    columns: dict[str, list[Any]] = {}
    for name in NAMES:
        column = [getattr(row.stamp, name) for row in rows.values()]
        alike = all(value == column[0] for value in column)
        if not alike or name not in DEFAULTS or column[0] != DEFAULTS[name]:
            columns[name] = column[:1] if alike else column
    data = {
        "version": VERSION,
        "frames": list(rows),
        "mtime_ns": [row.mtime_ns for row in rows.values()],
        "bytes": [row.num_bytes for row in rows.values()],
        "width": [row.size_wh[0] for row in rows.values()],
        "height": [row.size_wh[1] for row in rows.values()],
        "stamps": columns,
    }
    with suppress(ProjectError):
        write_atomically(folder / INDEX, json.dumps(data, separators=(",", ":")).encode(), durable=False)
