"""Writes an evaluation as lines of text, and as JSON for other programs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vas_tool.evaluation.averages import FORMS
from vas_tool.evaluation.measuring import Measurements
from vas_tool.evaluation.tables import Cell, Evaluation, Table
from vas_tool.wording import counted

NOTHING = "-"
"""Text of a cell for which no frame counts."""

FORM_WORDS = {
    "reference": "reference: as the published scripts compute it",
    "strict": "strict: misses count, nothing is eroded or dropped; each object counts once",
}


PRINTED_WORDS = "printed in the papers, of the whole benchmark; not measured here"


def percent(value: float) -> str:
    """Return a number of 0..1 in percent with two decimals: 0.7707 -> 77.07."""
    return NOTHING if math.isnan(value) else f"{100 * value:.2f}"


def lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the tables in percent, one block for each form, with the number of frames behind each mean."""
    clips, frames = counted(evaluation.num_clips, "clip"), counted(evaluation.num_frames, "frame")
    yield f"{evaluation.benchmark}: {clips}, {frames} measured"
    for form in FORMS:
        yield f"\n{FORM_WORDS[form]}"
        yield from columns(table_cells(evaluation.tables[form], evaluation.milliseconds))
    if evaluation.printed:
        yield f"\n{PRINTED_WORDS}"
        yield from columns(table_cells(evaluation.printed))
    yield from (f"\n{note}" for note in evaluation.notes)
    if evaluation.left_out:
        yield f"\nwrong: {', '.join(f'{kind} {count}' for kind, count in evaluation.left_out.items())}"


def table_cells(table: Table, milliseconds: Mapping[str, float] | None = None) -> list[tuple[str, ...]]:
    """Return the head and rows of a table: means in percent, in brackets the frames that count, and the time per
    frame.
    """
    measures = list(next(iter(table.values()), {}))
    times = milliseconds or {}
    rows = []
    for name, row in table.items():
        spent = (f"{times[name]:.1f}" if name in times else NOTHING,) if times else ()
        rows.append((name, *(_cell_text(row[m]) for m in measures), *spent))
    return [("", *measures, *(("ms a frame",) if times else ())), *rows]


def _cell_text(cell: Cell) -> str:
    """Return the percent with the number of frames; without it where no frame here is behind the mean."""
    return f"{percent(cell.mean)} ({cell.num_frames})" if cell.num_frames else percent(cell.mean)


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as JSON. Means are in 0..1 as in the reference's scripts, null where no frame counts."""
    return {
        "benchmark": evaluation.benchmark,
        "sources": list(evaluation.sources),
        "about": {form: list(evaluation.about.get(form, ())) for form in FORMS},
        "hypotheses": list(evaluation.hypotheses),
        "num_clips": evaluation.num_clips,
        "num_frames": evaluation.num_frames,
        "tables": {form: table_json(evaluation.tables[form]) for form in FORMS},
        "printed": table_json(evaluation.printed),
        "visibility": {
            form: [
                {"from": low, "to": high, "rows": table_json(table)}
                for (low, high), table in evaluation.curves[form].items()
            ]
            for form in FORMS
        },
        "categories": {
            form: {name: table_json(table) for name, table in evaluation.categories[form].items()} for form in FORMS
        },
        "frames": _frames_json(evaluation.measured) if evaluation.measured else None,
        "milliseconds_a_frame": dict(evaluation.milliseconds),
        "left_out": evaluation.left_out,
        "problems": [{"where": p.where, "what": p.what, "kind": p.kind} for p in evaluation.problems],
        "notes": list(evaluation.notes),
    }


def _frames_json(measured: Measurements) -> dict[str, Any]:
    """Return the strict numbers of every frame, which ``vas-tool compare`` reads."""
    frames = measured.frames
    return {
        "keys": list(frames.keys),
        "images": list(frames.images),
        "clips": [frames.clip_names[number] for number in frames.clips.tolist()],
        "strict": {
            name: {m: [None if math.isnan(v) else round(v, 6) for v in values.tolist()] for m, values in row.items()}
            for name, row in ((name, forms["strict"]) for name, forms in measured.rows.items())
        },
    }


def table_json(table: Table) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Return row -> measure -> mean in 0..1 (None when no frame counts) and number of frames."""
    return {
        name: {
            measure: {"mean": None if math.isnan(cell.mean) else cell.mean, "num_frames": cell.num_frames}
            for measure, cell in row.items()
        }
        for name, row in table.items()
    }
