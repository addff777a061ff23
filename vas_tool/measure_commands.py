"""The commands that measure, each a function of the parsed arguments that gives the exit status."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from vas_tool.errors import InputError
from vas_tool.evaluation import Compared, Order, evaluate
from vas_tool.evaluation.bench import bench
from vas_tool.evaluation.occlusion import occlusion_cases, views_in
from vas_tool.evaluation.pictures import worst_pictures
from vas_tool.evaluation.report import report_html
from vas_tool.evaluation.silhouettes import silhouettes
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
    compared = evaluate(options.benchmark, order)
    bar.close()
    return _told(compared, options)


def bench_(options: Namespace) -> int:
    """``vas-tool bench``: 0 when every engine answered, else 1."""
    bar = ProgressBar()
    views = [view for folder in options.masks for view in views_in(folder)] or list(silhouettes())
    cases = occlusion_cases(views, num_seeds=options.seeds)
    engines = [*options.engine] or None
    compared = bench(cases, engines=engines, depth=options.depth, seed=options.seed, progress=bar)
    bar.close()
    return _told(compared, options)


def _told(compared: Compared, options: Namespace) -> int:
    """Prints the tables, then every problem on a line; writes what was asked for."""
    evaluation = compared.evaluation
    print("\n".join(lines(evaluation)))
    for problem in evaluation.problems:
        print(problem, file=sys.stderr)
    if options.json:
        write_atomically(options.json, json.dumps(evaluation_json(evaluation), indent=1).encode())
    if options.report:
        pictures = worst_pictures(compared, options.frames)
        write_atomically(options.report, report_html(evaluation, pictures).encode())
    return 1 if evaluation.problems else 0
