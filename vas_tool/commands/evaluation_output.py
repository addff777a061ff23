"""Prints an evaluation and writes its files, for the commands that measure."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from vas_tool.evaluation import Evaluation, EvaluationRun
from vas_tool.evaluation.figure_files import write_figures
from vas_tool.evaluation.report import report_html
from vas_tool.evaluation.tables import Table
from vas_tool.evaluation.text import evaluation_json, lines
from vas_tool.evaluation.worst_frames import worst_pictures
from vas_tool.storage import write_atomically


def print_evaluation(compared: EvaluationRun, options: Namespace, *, frames: Path | None = None) -> int:
    """Print the tables, then every problem on a line, and write ``--figures``, ``--json`` and ``--report``.

    ``frames`` is the folder of the pictures for the report; None if it is unknown. Returns 1 when there is a problem,
    else 0.
    """
    evaluation = compared.evaluation
    print("\n".join(lines(evaluation)))
    for path in options.figures:
        write_figures(path, tables_of(evaluation))
    return write_evaluation(compared, options, frames=frames)


def write_evaluation(compared: EvaluationRun, options: Namespace, *, frames: Path | None = None) -> int:
    """Print every problem, write ``--json`` and ``--report``; return 1 when there is a problem, else 0."""
    evaluation = compared.evaluation
    for problem in evaluation.problems:
        print(problem, file=sys.stderr)
    if options.json:
        write_atomically(options.json, json.dumps(evaluation_json(evaluation), indent=1).encode())
    if options.report:
        pictures = worst_pictures(compared, options.frames or frames)
        write_atomically(options.report, report_html(evaluation, pictures).encode())
    return 1 if evaluation.problems else 0


def tables_of(evaluation: Evaluation) -> dict[str, Table]:
    """Return the tables of an evaluation by name: reference, strict, and printed where there is one."""
    printed = {"printed": evaluation.printed} if evaluation.printed else {}
    return {**{str(form): table for form, table in evaluation.tables.items()}, **printed}
