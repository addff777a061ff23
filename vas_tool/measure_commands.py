"""The commands that measure: ``evaluate``. Each a function of the parsed arguments that gives the exit status."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from vas_tool.errors import InputError
from vas_tool.evaluation import Order, evaluate
from vas_tool.evaluation.text import evaluation_json, lines
from vas_tool.storage import write_atomically
from vas_tool.terminal import ProgressBar


def evaluate_(options: Namespace) -> int:
    """``vas-tool evaluate``: 0 when nothing is wrong with the files, else 1 with every problem on a line."""
    for path in (options.truth, *options.predictions):
        if not path.exists():
            raise InputError(f"{path} does not exist; check the spelling")
    bar = ProgressBar()
    order = Order(
        options.truth,
        tuple(options.predictions),
        track_map=options.tracks,
        baselines=not options.no_baselines,
        progress=bar,
    )
    evaluation = evaluate(options.benchmark, order).evaluation
    bar.close()
    print("\n".join(lines(evaluation)))
    for problem in evaluation.problems:
        print(problem, file=sys.stderr)
    if options.json:
        write_atomically(options.json, json.dumps(evaluation_json(evaluation), indent=1).encode())
    return 1 if evaluation.problems else 0
