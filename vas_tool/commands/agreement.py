"""``vas-tool agreement``: how far several answers to the hidden parts of a project's objects agree."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections.abc import Sequence

from vas_tool.commands.terminal import ProgressBar
from vas_tool.evaluation.agreement import Agreement, FrameAgreement, least_agreed
from vas_tool.evaluation.figure_files import write_figures
from vas_tool.evaluation.project_answers import agreements
from vas_tool.evaluation.tables import Cell, Table
from vas_tool.evaluation.text import columns, percent, table_cells
from vas_tool.storage import write_atomically

LEAST_AGREED = 5
"""Number of frames with the smallest IoU that the command prints."""

ABOUT = (
    "Of the hidden part alone, in percent, with the number of frames. pairwise_iou: mean over all pairs of answers; "
    "coverage: how much of {truth} the union of {others} has; calibration_error: how far the share of answers that "
    "have a pixel lies from being right there ({truth}), expected over pixels that anyone has; less is better."
)


def agreement_(options: Namespace) -> int:
    """Run ``vas-tool agreement``: print the table, and write ``--json`` and ``--figures``. Returns 0.

    Raises InputError when the projects do not fit together or have fewer than two answers.
    """
    bar = ProgressBar()
    found = agreements(options.projects, truth=options.truth, progress=bar)
    bar.close()
    table = _table(found)
    print("\n".join(columns(table_cells(table))))
    truth = ("the truth", "all answers") if options.truth else ("each answer in turn", "the others")
    print(ABOUT.format(truth=truth[0], others=truth[1]))
    for name, frame in least_agreed(found, LEAST_AGREED):
        print(f"least agreed: {name}, frame {frame.frame_index}: {percent(frame.pairwise_iou)}")
    if options.json:
        content = {agreement.name: [_frame_json(frame) for frame in agreement.frames] for agreement in found}
        write_atomically(options.json, json.dumps(content, indent=1).encode())
    for path in options.figures:
        write_figures(path, {"agreement": table})
    return 0


def _table(found: Sequence[Agreement]) -> Table:
    every = Agreement("all objects", tuple(frame for agreement in found for frame in agreement.frames))
    return {agreement.name: _row(agreement) for agreement in (*found, *([every] if len(found) > 1 else []))}


def _row(agreement: Agreement) -> dict[str, Cell]:
    covered = sum(not math.isnan(frame.coverage) for frame in agreement.frames)
    return {
        "pairwise_iou": Cell(agreement.pairwise_iou, len(agreement.frames)),
        "coverage": Cell(agreement.coverage, covered),
        "calibration_error": Cell(agreement.calibration_error, len(agreement.frames)),
    }


def _frame_json(frame: FrameAgreement) -> dict[str, float | int | None]:
    return {
        "frame_index": frame.frame_index,
        "num_answers": frame.num_answers,
        "pairwise_iou": frame.pairwise_iou,
        "coverage": None if math.isnan(frame.coverage) else frame.coverage,
        "calibration_error": frame.calibration_error,
    }
