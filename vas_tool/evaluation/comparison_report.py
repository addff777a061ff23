"""Writes a comparison of two runs as text, as a page, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from vas_tool.evaluation.comparing import Change, Comparison
from vas_tool.evaluation.report import page_html
from vas_tool.evaluation.text import columns, percent, table_json

SHOWN_IN_TEXT = 10
SHOWN_IN_PAGE = 200
"""How many of the largest losses, and of the largest gains, the page shows."""

HEAD = ("row", "measure", "before", "after", "change", "frames", "better", "worse")
FRAME_HEAD = ("row", "measure", "before", "after", "change", "frame")


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the means in percent, the numbers of better and worse frames, and the frames that changed most."""
    yield f"{comparison.benchmark}: {comparison.before} (before), {comparison.after} (after), strict, in percent"
    yield from columns([HEAD, *_mean_rows(comparison)])
    for title, changes in _sides(comparison, SHOWN_IN_TEXT):
        yield f"\n{title}"
        yield from columns([FRAME_HEAD, *map(_frame_row, changes)])
    yield from (f"\n{note}" for note in comparison.notes)


def comparison_html(comparison: Comparison) -> str:
    """Return one self-contained HTML page. Text from files is escaped."""
    title = f"{comparison.benchmark}: {comparison.before} and {comparison.after}"
    parts = [f"<h1>{escape(title)}</h1><p class=quiet>Strict measures, in percent.</p>"]
    parts += [f"<p>{escape(note)}</p>" for note in comparison.notes]
    parts.append(f"<section>{_grid(HEAD, _mean_rows(comparison))}</section>")
    for heading, changes in _sides(comparison, SHOWN_IN_PAGE):
        parts.append(f"<h2>{escape(heading)}</h2><section>{_grid(FRAME_HEAD, map(_frame_row, changes))}</section>")
    return page_html(title, "".join(parts))


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return the whole comparison for JSON, with numbers in 0..1."""
    return {
        "benchmark": comparison.benchmark,
        "before": comparison.before,
        "after": comparison.after,
        "tables": {name: table_json(table) for name, table in comparison.tables.items()},
        "num_same": comparison.num_same,
        "changes": [asdict(change) for change in comparison.changes],
        "notes": list(comparison.notes),
    }


def _mean_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    for row, cells in comparison.tables["change"].items():
        for measure, cell in ((m, c) for m, c in cells.items() if c.num_frames):
            own = [c.gain > 0 for c in comparison.changes if (c.row, c.measure) == (row, measure)]
            old, new = (comparison.tables[when][row][measure].mean for when in ("before", "after"))
            counts = (str(n) for n in (cell.num_frames, sum(own), len(own) - sum(own)))
            yield row, measure, percent(old), percent(new), signed(cell.mean), *counts


def _sides(comparison: Comparison, most: int) -> Iterator[tuple[str, Sequence[Change]]]:
    """Return the worse frames, and the better ones, at most ``most`` of each, the largest change first."""
    worse = [change for change in comparison.changes if change.gain < 0]
    better = [change for change in reversed(comparison.changes) if change.gain > 0]
    for word, found in (("worse", worse), ("better", better)):
        if found:
            shown = f", the first {most} of them" if len(found) > most else ""
            yield f"{word} now: {len(found)}{shown}", found[:most]
    if not comparison.changes:
        yield "no frame changed", ()


def _frame_row(change: Change) -> tuple[str, ...]:
    frame = change.key if change.key.startswith(change.clip) else f"{change.clip}: {change.key}"
    numbers = percent(change.before), percent(change.after), signed(change.after - change.before)
    return change.row, change.measure, *numbers, frame


def signed(value: float) -> str:
    """Return a difference of 0..1 in percentage points with its sign: 0.0123 -> +1.23."""
    shown = percent(value)
    return f"+{shown}" if value > 0 else shown


def _grid(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    heads = "".join(f"<th scope=col>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
