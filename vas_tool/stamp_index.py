"""A table of all stamps of a layer by column, stored in one file beside its pictures, so that opening a project reads
no picture.

The file is a cache: a row holds for the picture of that size and time of change, and for no other. What has no row is
read from its picture. Deleting the file costs time at the next opening.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from vas_tool.errors import ProjectError
from vas_tool.files import PART, read_plain, write_atomically
from vas_tool.planning.fingerprint import LISTS
from vas_tool.stamps import CHECKS, DEFAULTS, Stamp, stamp_with, values_of
from vas_tool.types import SizeWH

INDEX = ".stamps.json"
"""Name of the index in the layer's folder."""

VERSION = 2

WORTH_IT = 64
"""The least number of pictures of a layer with an index. Fewer are read as fast."""

PICTURE = re.compile(r"(\d{5}|[1-9]\d{5,8})\.png", re.ASCII)

FILE = ("mtime_ns", "num_bytes", "width", "height")
"""Columns about the picture's file: time of change, size in bytes, width and height in pixels."""

TUPLES = frozenset(("box", "seeds", "crop", "given_box", *LISTS))


class Stamps(Mapping[int, Stamp]):
    """frame_index -> stamp of all pictures of a layer. A stamp is made when it is read.

    ``column`` gives one field of all of them: as fast as reading a list. Only the layer that owns the table changes it,
    and never one that it has handed out.
    """

    def __init__(self) -> None:
        self.frames: list[int] = []
        """The frames that have a picture, in no order."""
        self._columns: dict[str, list[Any]] = {}
        """By name, a value a frame, in the order of ``frames``; columns with nothing but the default are absent."""
        self._places: dict[int, int] = {}

    @classmethod
    def of_columns(cls, frames: list[int], columns: dict[str, list[Any]]) -> Stamps:
        """Return a table of columns that are as long as ``frames``."""
        table = cls()
        table.frames, table._columns = frames, columns
        table._places = dict(zip(frames, range(len(frames)), strict=True))
        return table

    def copy(self) -> Stamps:
        """Return a copy that can be changed."""
        return Stamps.of_columns(self.frames.copy(), {name: column.copy() for name, column in self._columns.items()})

    def column(self, name: str) -> list[Any]:
        """Return the values of a field, in the order of ``frames``."""
        found = self._columns.get(name)
        return [DEFAULTS.get(name)] * len(self.frames) if found is None else found

    def by_frame(self, name: str) -> dict[int, Any]:
        """Return frame_index -> the value of a field."""
        return dict(zip(self.frames, self.column(name), strict=True))

    def value(self, frame_index: int, name: str) -> Any:
        """Return a field of one frame that has a picture."""
        found = self._columns.get(name)
        return DEFAULTS[name] if found is None else found[self._places[frame_index]]

    def with_column(self, name: str, column: list[Any]) -> Stamps:
        """Return the table with other values in one field."""
        return Stamps.of_columns(self.frames, {**self._columns, name: column})

    def with_rows(self, frames: Sequence[int], columns: Mapping[str, list[Any]]) -> Stamps:
        """Return the table with new rows on these frames; a column that is absent has the default there."""
        new, count = set(frames), len(frames)
        kept = [place for place, frame_index in enumerate(self.frames) if frame_index not in new]
        merged = {
            name: [*map(self.column(name).__getitem__, kept), *columns.get(name, [DEFAULTS.get(name)] * count)]
            for name in self._columns.keys() | columns.keys()
        }
        return Stamps.of_columns([*map(self.frames.__getitem__, kept), *frames], merged)

    def put(self, frame_index: int, row: Mapping[str, Any]) -> None:
        """Add or replace a row. Absent values have the default."""
        place = self._places.setdefault(frame_index, len(self.frames))
        if place == len(self.frames):
            self.frames.append(frame_index)
            for name, column in self._columns.items():
                column.append(DEFAULTS.get(name))
        for name in row.keys() - self._columns.keys():
            self._columns[name] = [DEFAULTS.get(name)] * len(self.frames)
        for name, column in self._columns.items():
            column[place] = row[name] if name in row else DEFAULTS.get(name)

    def drop(self, frame_index: int) -> None:
        """Remove a row, if it exists."""
        place = self._places.pop(frame_index, None)
        if place is None:
            return
        for column in (self.frames, *self._columns.values()):
            column[place] = column[-1]
            column.pop()
        if place < len(self.frames):
            self._places[self.frames[place]] = place

    def size_wh(self, frame_index: int) -> SizeWH:
        """Return width and height in pixels of a picture, as it was written."""
        return self.value(frame_index, "width"), self.value(frame_index, "height")

    def sizes(self) -> set[SizeWH]:
        """Return the sizes of all pictures."""
        return set(zip(self._columns["width"], self._columns["height"], strict=True)) if self.frames else set()

    def rows(self) -> dict[str, list[Any]]:
        """Return the columns that have other values than the default."""
        return self._columns

    def __getitem__(self, frame_index: int) -> Stamp:
        place = self._places[frame_index]
        return stamp_with({name: column[place] for name, column in self._columns.items()})

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self._places

    def __iter__(self) -> Iterator[int]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)


def row_of(stamp: Stamp, *, mtime_ns: int, num_bytes: int, size_wh: SizeWH) -> dict[str, Any]:
    """Return the row of a picture."""
    return {**values_of(stamp), "mtime_ns": mtime_ns, "num_bytes": num_bytes, "width": size_wh[0], "height": size_wh[1]}


def found_in(folder: Path, leftovers: list[Path]) -> dict[int, os.stat_result]:
    """Return frame_index -> result of ``os.stat`` of its picture, without following links. Appends files that a killed
    process left to ``leftovers``.
    """
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
    """Return whether it is an ordinary file."""
    return stat.S_ISREG(there.st_mode)


def read_index(folder: Path, found: Mapping[int, os.stat_result]) -> Stamps:
    """Return the rows that are valid for the pictures ``found``; none when there is no index or it is damaged."""
    try:
        table = _table(json.loads(read_plain(folder / INDEX)))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Stamps()
    columns = (table.frames, *(table.rows().get(name, []) for name in FILE[:2]))
    lie = [there for there in map(found.get, table.frames) if there is not None]
    if ([s.st_mtime_ns for s in lie], [s.st_size for s in lie]) == columns[1:] and all(map(is_file, lie)):
        return table
    for frame_index, mtime_ns, num_bytes in list(zip(*columns, strict=True)):
        there = found.get(frame_index)
        if there is None or there.st_mtime_ns != mtime_ns or there.st_size != num_bytes or not is_file(there):
            table.drop(frame_index)
    return table


def _table(data: Any) -> Stamps:
    frames, written = data["frames"], data["columns"]
    if data["version"] != VERSION or set(map(type, frames)) - {int} or len(set(frames)) < len(frames):
        return Stamps()
    if not {"engine", *FILE} <= written.keys():
        return Stamps()
    columns = {name: _column(name, *written[name], count=len(frames)) for name in written}
    return Stamps.of_columns(list(frames), columns)


def _column(name: str, values: list[Any], places: list[int] | None, *, count: int) -> list[Any]:
    """Return a column of the index: one value per row, or different values and the position of each row's value among
    them.
    """
    if not _are_right(name, values):
        raise ValueError(f"{name} has other values")
    if name in TUPLES:
        values = [None if value is None else tuple(value) for value in values]
    if places is not None:
        if set(map(type, places)) - {int} or min(places, default=0) < 0:
            raise ValueError(f"{name} has no places")
        values = [values[0]] * count if not places else list(map(values.__getitem__, places))
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} rows")
    return values


def _are_right(name: str, values: list[Any]) -> bool:
    """Return whether each value has the kind of its column."""
    kinds = set(map(type, values))
    if name in FILE:
        return kinds <= {int}
    if kinds == {str}:  # texts are all alike
        return all(map(CHECKS[name], set(values)))
    if kinds == {int}:
        return CHECKS[name](min(values)) and CHECKS[name](max(values))
    if name == "box" and kinds <= {list, type(None)}:
        boxes = [box for box in values if box is not None]
        return set(map(len, boxes)) <= {4} and set(map(type, chain.from_iterable(boxes))) <= {int}
    if kinds == {float}:
        return all(map(math.isfinite, values)) and CHECKS[name](values[0])
    return all(map(CHECKS[name], values))


def write_index(folder: Path, stamps: Stamps) -> None:
    """Write the index. If the disk refuses, nothing happens: the next opening reads the pictures."""
    columns = {name: _written(column) for name, column in stamps.rows().items()}
    data = {"version": VERSION, "frames": stamps.frames, "columns": columns}
    with suppress(ProjectError):
        write_atomically(folder / INDEX, json.dumps(data, separators=(",", ":")).encode(), durable=False)


def _written(column: list[Any]) -> tuple[list[Any], list[int] | None]:
    """Return the values and None; or the different values and the position of each row's value among them, if that is
    shorter.
    """
    places = _places_of(column)
    if len(places) == 1:
        return list(places), []
    return (list(places), [places[value] for value in column]) if 4 * len(places) < len(column) else (column, None)


def _places_of(values: Iterable[Any]) -> dict[Any, int]:
    return {value: place for place, value in enumerate(dict.fromkeys(values))}
