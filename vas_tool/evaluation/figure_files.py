"""Writes tables for other programs: CSV for spreadsheets, LaTeX for papers, JSON for scripts, by the file's ending."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from vas_tool.errors import InputError
from vas_tool.evaluation.tables import Table
from vas_tool.evaluation.text import NOTHING, percent, table_json
from vas_tool.storage import write_atomically

CSV_HEAD = ("table", "row", "measure", "percent", "frames")

LATEX_LETTERS = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "\\": "\\textbackslash{}",
}
"""Characters that LaTeX needs in another form."""


def write_figures(path: Path, tables: Mapping[str, Table]) -> None:
    """Write every table, by its name, to one file. Raises InputError for another ending than .csv, .tex, .json."""
    if path.suffix not in FORMS:
        raise InputError(f"figures are written as {', '.join(FORMS)}; {path} has another ending")
    write_atomically(path, FORMS[path.suffix](tables).encode())


def as_csv(tables: Mapping[str, Table]) -> str:
    """Return CSV with one line per mean: the percent with all digits, empty when no frame counts, and the number of
    frames, empty when it is no mean over frames.
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(CSV_HEAD)
    for name, table in tables.items():
        for row, cells in table.items():
            for measure, cell in cells.items():
                value = "" if math.isnan(cell.mean) else repr(100 * cell.mean)
                lines.writerow((name, row, measure, value, cell.num_frames or (0 if not value else "")))
    return out.getvalue()


def as_latex(tables: Mapping[str, Table]) -> str:
    """Return LaTeX with one ``tabular`` per table, in percent. It needs no package."""
    return "\n".join(line for name, table in tables.items() for line in _tabular(name, table)) + "\n"


def _tabular(name: str, table: Table) -> Iterator[str]:
    measures = list(next(iter(table.values()), {}))
    yield f"% {' '.join(name.split())}"
    yield f"\\begin{{tabular}}{{l{'r' * len(measures)}}}"
    yield f"\\hline\n & {' & '.join(map(latex, measures))} \\\\\n\\hline"
    for row, cells in table.items():
        values = (percent(cells[m].mean) if m in cells else NOTHING for m in measures)
        yield f"{latex(row)} & {' & '.join(values)} \\\\"
    yield "\\hline\n\\end{tabular}"


def latex(text: str) -> str:
    """Return a text with LaTeX's special characters escaped."""
    return "".join(LATEX_LETTERS.get(letter, letter) for letter in text)


def as_json(tables: Mapping[str, Table]) -> str:
    """Return JSON: table -> row -> measure -> ``mean`` (0..1, null when no frame counts) and ``num_frames``."""
    return json.dumps({name: table_json(table) for name, table in tables.items()}, indent=1)


FORMS: dict[str, Callable[[Mapping[str, Table]], str]] = {".csv": as_csv, ".tex": as_latex, ".json": as_json}
"""Ending -> writer."""
