"""``vas-tool compare``: two runs of ``evaluate`` or ``bench`` side by side."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from vas_tool.evaluation.comparing import compare_runs, read_run
from vas_tool.evaluation.comparison_report import comparison_html, comparison_json, comparison_lines
from vas_tool.evaluation.figure_files import write_figures
from vas_tool.storage import write_atomically


def compare_(options: Namespace) -> int:
    """Run ``vas-tool compare``: print the means of both runs and the frames that changed most.

    Returns 1 when a mean fell by more than ``--tolerance`` percentage points, else 0. Raises FormatError for files that
    are no results, InputError when the runs have nothing in common.
    """
    comparison = compare_runs(read_run(options.before), read_run(options.after))
    print("\n".join(comparison_lines(comparison)))
    if options.json:
        write_atomically(options.json, json.dumps(comparison_json(comparison), indent=1).encode())
    if options.report:
        write_atomically(options.report, comparison_html(comparison).encode())
    for path in options.figures:
        write_figures(path, comparison.tables)
    if options.tolerance is None or 100 * comparison.worst_fall <= options.tolerance:
        return 0
    print(f"a mean is worse by {100 * comparison.worst_fall:.2f} percentage points", file=sys.stderr)
    return 1
