"""``vas-tool evaluate tao-amodal-boxes``: TAO-Amodal's own measures of amodal boxes."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from vas_tool.errors import InputError
from vas_tool.evaluation.figure_files import write_figures
from vas_tool.evaluation.tables import Cell, Table
from vas_tool.evaluation.text import columns
from vas_tool.storage import write_atomically
from vas_tool.wording import counted

NOTHING = "-"
"""Printed instead of a number when no annotated box passes the filter."""

ABOUT = (
    "Detection AP over IoU .50 to .95, at most 300 boxes a picture; 3DmAP of whole tracks. In percent.\n"
    "HO: visibility up to .1, PO: .1 to .8, HV: from .8, HP: up to .8, OOF: out of the frame; of tracks, HP: more than "
    "5 boxes below .8.\nThe paper's tables give AP50."
)


def box_figures(options: Namespace) -> int:
    """Run ``vas-tool evaluate tao-amodal-boxes``. Returns 0, or 1 after printing one problem per line.

    Raises FormatError when a file has another form.
    """
    from vas_tool.evaluation.tao_boxes import measure
    from vas_tool.evaluation.tao_boxes.tao_files import read_answers, read_truth

    if not options.predictions:
        raise InputError(
            "tao-amodal-boxes needs --predictions: a list of boxes, see vas-tool export --format tao-amodal"
        )
    truth = read_truth(options.truth)
    problems, figures = list(truth.problems), {}
    for path in options.predictions:
        answers, wrong = read_answers(path, truth)
        problems += wrong
        figures[path.stem] = measure(truth.image_table, truth.boxes, answers)
    pictures, boxes = counted(truth.image_table.num_images, "picture"), counted(len(truth.boxes), "box", "boxes")
    print(f"{options.truth.name}: {pictures}, {boxes}")
    tables = {name: asdict(found) for name, found in figures.items()}
    print("\n".join((*_lines(tables, "detection"), "", *_lines(tables, "tracks"), "", ABOUT)))
    for problem in problems:
        print(problem, file=sys.stderr)
    if options.json:
        content = {"truth": str(options.truth), "figures": tables, "problems": [str(problem) for problem in problems]}
        write_atomically(options.json, json.dumps(content, indent=1).encode())
    for path in options.figures:
        write_figures(path, {kind: _table(tables, kind) for kind in ("detection", "tracks")})
    return 1 if problems else 0


def _table(tables: Mapping[str, Mapping[str, Mapping[str, float | None]]], kind: str) -> Table:
    """Return the figures as a table. AP is no mean over frames, so the cells hold no number of frames."""
    return {
        name: {key: Cell(math.nan if value is None else value / 100, 0) for key, value in table[kind].items()}
        for name, table in tables.items()
    }


def _lines(tables: Mapping[str, Mapping[str, Mapping[str, float | None]]], kind: str) -> Iterator[str]:
    """Yield a table with one column per file of predictions and one row per number."""
    names = list(next(iter(tables.values()))[kind])
    rows = [(name, *(_cell(table[kind][name]) for table in tables.values())) for name in names]
    yield from columns([(kind, *tables), *rows])


def _cell(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
