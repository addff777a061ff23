"""Compares two files of ``evaluate --json`` or ``bench --json``: which means and which frames changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError, InputError
from vas_tool.evaluation.averages import Numbers, clip_mean
from vas_tool.evaluation.records import load_dict
from vas_tool.evaluation.tables import LESS_IS_BETTER, Cell, Table

SAME = 1e-5
"""Numbers that differ by less count as equal: files hold six decimals."""


@dataclass(frozen=True)
class Run:
    """The numbers of the frames in a file of ``--json``, by the strict measures."""

    name: str
    benchmark: str
    hypotheses: tuple[str, ...]
    """Names of the rows that are hypotheses of one method, in their order."""
    keys: tuple[str, ...]
    """Keys of the measured frames, in the order of the truth."""
    clips: Mapping[str, str]
    """Key of a frame -> name of its clip."""
    rows: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Row -> measure -> key of a frame -> number; nan where the frame does not count."""


@dataclass(frozen=True)
class Change:
    """A number of a frame that differs between two runs."""

    row: str
    measure: str
    key: str
    clip: str
    before: float
    """Number of the earlier run, 0..1."""
    after: float
    """Number of the later run, 0..1."""

    @property
    def gain(self) -> float:
        """Difference of the numbers, positive where the later one is better."""
        return (self.before - self.after) if self.measure in LESS_IS_BETTER else (self.after - self.before)


@dataclass(frozen=True)
class Comparison:
    """Two runs, on the frames that both measured."""

    before: str
    after: str
    benchmark: str
    tables: Mapping[str, Table]
    """``before``, ``after``: strict means over clips of the frames that count in both; ``change``: their difference."""
    changes: tuple[Change, ...]
    """The numbers of frames that differ, the largest loss first."""
    num_same: int
    """How many numbers of frames are equal."""
    notes: tuple[str, ...] = ()

    @property
    def worst_fall(self) -> float:
        """The largest fall of a mean, 0..1; 0 when none fell."""
        falls = [
            cell.mean if measure in LESS_IS_BETTER else -cell.mean
            for row in self.tables["change"].values()
            for measure, cell in row.items()
            if not math.isnan(cell.mean)
        ]
        return max(0.0, *falls) if falls else 0.0


def read_run(path: Path) -> Run:
    """Read a file of ``evaluate --json`` or ``bench --json``. Raises FormatError when it is none, or has no numbers of
    frames.
    """
    data = load_dict(path, "figures")
    try:
        frames = data["frames"]
        keys = tuple(str(key) for key in frames["keys"])
        return Run(
            path.stem,
            str(data["benchmark"]),
            tuple(map(str, data["hypotheses"])),
            keys,
            dict(zip(keys, map(str, frames["clips"]), strict=True)),
            {name: _row(row, keys) for name, row in frames["strict"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{path} has no numbers of single frames ({error!r}); make it with `vas-tool evaluate ... --json FILE` "
            "or `vas-tool bench ... --json FILE`"
        ) from error


def _row(row: Mapping[str, Sequence[Any]], keys: Sequence[str]) -> dict[str, dict[str, float]]:
    return {
        measure: {k: math.nan if v is None else float(v) for k, v in zip(keys, values, strict=True)}
        for measure, values in row.items()
    }


def compare_runs(before: Run, after: Run) -> Comparison:
    """Compare every row that both runs have by name, and the first result files of both, whatever their names.

    Raises InputError when the runs are of different benchmarks, or share no frame or no row.
    """
    if before.benchmark != after.benchmark:
        raise InputError(
            f"{before.name} is of {before.benchmark}, {after.name} of {after.benchmark}; compare like runs"
        )
    known = set(after.keys)
    keys = [key for key in before.keys if key in known]
    pairs = _pairs(before, after)
    if not keys or not pairs:
        raise InputError(f"{before.name} and {after.name} share no {'row' if keys else 'frame'}; compare like runs")
    tables: dict[str, Table] = {"before": {}, "after": {}, "change": {}}
    changes, num_same = list[Change](), 0
    own_clips = [before.clips[key] for key in keys]
    clips = _numbered(own_clips)
    for name, first, second in pairs:
        for measure in (m for m in before.rows[first] if m in after.rows[second]):
            old, new = _both(_of(before.rows[first][measure], keys), _of(after.rows[second][measure], keys))
            changed = np.flatnonzero(np.abs(new - old) > SAME)
            changes += (Change(name, measure, keys[i], own_clips[i], float(old[i]), float(new[i])) for i in changed)
            num_same += int((~np.isnan(old)).sum()) - len(changed)
            for table, cell in zip(tables.values(), _cells(old, new, clips), strict=True):
                table.setdefault(name, {})[measure] = cell
    return Comparison(
        before.name,
        after.name,
        before.benchmark,
        tables,
        tuple(sorted(changes, key=lambda c: (c.gain, c.key))),
        num_same,
        tuple(_notes(before, after, len(keys))),
    )


def _pairs(before: Run, after: Run) -> list[tuple[str, str, str]]:
    """Return (name in the tables, name of the row before, name of the row after) for each row of the comparison."""
    shared = [(name, name, name) for name in before.rows if name in after.rows]
    first = (before.hypotheses[:1], after.hypotheses[:1])
    if all(first) and first[0] != first[1] and not set(before.hypotheses) & set(after.hypotheses):
        old, new = first[0][0], first[1][0]
        shared.insert(0, (f"{old} / {new}", old, new))
    return shared


def _of(values: Mapping[str, float], keys: Sequence[str]) -> Numbers:
    return np.array([values[key] for key in keys], np.float64)


def _numbered(names: Sequence[str]) -> npt.NDArray[np.int64]:
    places = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([places[name] for name in names], np.int64)


def _both(old: Numbers, new: Numbers) -> tuple[Numbers, Numbers]:
    """Return the numbers of the frames that count in both runs."""
    counting = ~np.isnan(old) & ~np.isnan(new)
    return np.where(counting, old, np.nan), np.where(counting, new, np.nan)


def _cells(old: Numbers, new: Numbers, clips: npt.NDArray[np.int64]) -> tuple[Cell, Cell, Cell]:
    count = int((~np.isnan(old)).sum())
    before, after = clip_mean(old, clips), clip_mean(new, clips)
    return Cell(before, count), Cell(after, count), Cell(after - before, count)


def _notes(before: Run, after: Run, num_shared: int) -> list[str]:
    alone = [(run.name, len(run.keys) - num_shared) for run in (before, after)]
    return [f"{count} frames are in {name} alone and are not compared." for name, count in alone if count]
