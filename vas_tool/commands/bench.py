"""``vas-tool bench``: the amodal engines and the baselines on made sets whose hidden part is known."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vas_tool.commands.evaluation_output import print_evaluation, write_evaluation
from vas_tool.commands.terminal import ProgressBar
from vas_tool.errors import InputError
from vas_tool.evaluation import EvaluationRun
from vas_tool.evaluation.bench import bench
from vas_tool.evaluation.case_files import read_cases, write_cases
from vas_tool.evaluation.figure_files import write_figures
from vas_tool.evaluation.made_sets import MADE_SETS, side_by_side
from vas_tool.evaluation.occlusion_cases import OcclusionCase, occlusion_cases, views_in
from vas_tool.evaluation.printed import printed
from vas_tool.evaluation.silhouettes import silhouettes
from vas_tool.evaluation.text import columns, table_cells
from vas_tool.run_warnings import collected_warnings
from vas_tool.wording import counted


def bench_(options: Namespace) -> int:
    """Run ``vas-tool bench``: measure the engines on the made sets, or write the sets with ``--write``.

    Returns 0 when every engine gave an answer for every case, else 1. Raises InputError and FormatError.
    """
    if options.masks and options.sets != ["occluders"]:
        raise InputError("--masks are put behind occluders; leave out --sets")
    if options.cases and (options.masks or options.write or options.sets != ["occluders"]):
        raise InputError("--cases are measured as they are; leave out --masks, --sets and --write")
    if options.write:
        for name in options.sets:
            count = write_cases(_cases(name, options), options.write / name)
            print(f"{options.write / name}: {counted(count, 'case')}")
        return 0
    found = {name: _measured(name, options) for name in options.sets}
    if len(found) == 1:
        return print_evaluation(next(iter(found.values())), options)
    tables = side_by_side({name: compared.evaluation for name, compared in found.items()})
    for kind, table in tables.items():
        print("\n".join((kind, *columns(table_cells(table)), "")))
    for path in options.figures:
        write_figures(path, tables)
    statuses = [write_evaluation(compared, _own_files(options, name)) for name, compared in found.items()]
    return max(statuses)


def _measured(name: str, options: Namespace) -> EvaluationRun:
    bar = ProgressBar()
    with collected_warnings() as warnings:
        compared = bench(
            _cases(name, options),
            engines=[*options.engine] or None,
            depth=options.depth,
            seed=options.seed,
            protocol=MADE_SETS[name].protocol,
            folders=_folders(options, name),
            progress=bar,
        )
    bar.close()
    for text in warnings.texts:
        print(f"{text}.", file=sys.stderr)
    shown = printed(name) if options.printed else {}
    given = (*options.masks, *options.cases)
    sources = tuple(map(str, given)) if given else (f"made set: {name}",)
    return replace(compared, evaluation=replace(compared.evaluation, printed=shown, sources=sources))


def _folders(options: Namespace, name: str) -> dict[str, Path]:
    """Return row -> folder with the answers to the cases of a set. ``--import`` may leave the set's folder out."""
    folders = {folder.name: folder / name for folder in options.answers}
    for text in options.imports:
        row, equals, path = text.partition("=")
        if not row or not equals or not path:
            raise InputError(f"--import needs NAME=FOLDER, got {text!r}")
        if row in folders:
            raise InputError(f"--import {text}: there are two rows {row}; give one another name")
        own = Path(path) / name
        folders[row] = own if own.is_dir() or len(options.sets) > 1 else Path(path)
    return folders


def _cases(name: str, options: Namespace) -> Iterator[OcclusionCase]:
    if options.cases:
        for folder in options.cases:
            yield from read_cases(folder)
        return
    if name == "occluders":
        views = [view for folder in options.masks for view in views_in(folder, options.mask_values)]
        yield from occlusion_cases(views or silhouettes(), num_seeds=options.seeds)
        return
    for seed in range(options.seeds):
        for case in MADE_SETS[name].cases(seed):
            yield replace(case, name=f"{case.name} ({seed})") if seed else case


def _own_files(options: Namespace, name: str) -> Namespace:
    """Return the options with a --json and a --report of the set's own: figures.json becomes figures-movi.json."""

    def own(path: Path | None) -> Path | None:
        return path and path.with_name(f"{path.stem}-{name}{path.suffix}")

    return Namespace(**{**vars(options), "json": own(options.json), "report": own(options.report)})
