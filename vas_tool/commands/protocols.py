"""``vas-tool evaluate protocols``: one set of predictions under every protocol."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator

from vas_tool.commands.terminal import ProgressBar
from vas_tool.errors import InputError
from vas_tool.evaluation.benchmarks import Order
from vas_tool.evaluation.figure_files import write_figures
from vas_tool.evaluation.protocols import HIDDEN, PAPERS, WHOLE, Protocols, measure_protocols
from vas_tool.evaluation.text import columns, percent, table_json
from vas_tool.storage import write_atomically
from vas_tool.wording import counted


def protocols_(options: Namespace, order: Order, *, bar: ProgressBar) -> int:
    """Run ``vas-tool evaluate protocols``: print one row per protocol, and write ``--json`` and ``--figures``.

    ``order`` holds the files of ``options``, and ``bar`` its progress.

    Returns 0 when nothing is wrong with the files, else 1 after printing one problem per line. Raises InputError and
    FormatError.
    """
    if not options.predictions and options.no_baselines:
        raise InputError("there is nothing to measure; name result files, or leave out --no-baselines")
    if options.report:
        raise InputError("protocols has no report; --figures writes its tables as .csv, .tex or .json")
    found = measure_protocols(order)
    bar.close()
    print("\n".join(_lines(found)))
    for problem in found.problems:
        print(problem, file=sys.stderr)
    if options.json:
        content = {"sources": [str(path) for path in (options.truth, *options.predictions)], **_json(found)}
        write_atomically(options.json, json.dumps(content, indent=1).encode())
    for path in options.figures:
        write_figures(path, found.tables)
    return 1 if found.problems else 0


def _lines(found: Protocols) -> Iterator[str]:
    """Yield a table with one row per protocol and two columns per answer, in percent with the number of frames; then
    the spread of each answer, and the notes.
    """
    clips, frames = counted(found.num_clips, "clip"), counted(found.num_frames, "frame")
    yield f"{clips}, {frames} measured"
    head = ("", *(f"{name} {measure}" for name in found.tables for measure in (WHOLE, HIDDEN)))
    rows = [
        (row, *(f"{percent(cell.mean)} ({cell.num_frames})" for t in found.tables.values() for cell in t[row].values()))
        for row in next(iter(found.tables.values()))
    ]
    yield from columns([head, *rows])
    for name in found.tables:
        low, high = found.spread(name, HIDDEN)
        yield (
            f"{name}: {HIDDEN} from {percent(low)} to {percent(high)} under {', '.join(PAPERS)}: "
            f"{percent(high - low)} points are protocol."
        )
    yield from found.notes


def _json(found: Protocols) -> dict[str, object]:
    return {
        "num_clips": found.num_clips,
        "num_frames": found.num_frames,
        "tables": {name: table_json(table) for name, table in found.tables.items()},
        "problems": [str(problem) for problem in found.problems],
        "notes": list(found.notes),
    }
