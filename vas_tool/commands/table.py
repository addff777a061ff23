"""What the commands of the command line do, each a function of the parsed arguments that gives the exit status."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from vas_tool.commands.measure import bench_, evaluate_, predict_
from vas_tool.commands.run import run
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines import registry, table
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.weights import AnyWeights, Weights, download
from vas_tool.errors import InputError
from vas_tool.exports import export
from vas_tool.formats.verify import verify
from vas_tool.imports.table import IMPORTS
from vas_tool.project import Project
from vas_tool.remarks import counted


def open_(options: Namespace) -> int:
    """``vas-tool open``: the browser tool."""
    from vas_tool.ui.collecting import kept_for_good
    from vas_tool.ui.opening import Opener
    from vas_tool.ui.rooms import Rooms

    source: Path | None = options.source
    if source is not None and not source.exists():
        raise InputError(f"{source} does not exist; check the spelling")
    root: Path = options.root
    if source is not None and (source / "project.json").is_file():
        root = source.resolve().parent
    opener = Opener(Rooms(root), start=source)
    opener.begin()  # while Gradio is imported, which takes longer

    with kept_for_good():
        from vas_tool.ui.server import serve

    serve(opener, host=options.host, port=options.port, browser=not options.no_browser)
    return 0


def import_(options: Namespace) -> int:
    """``vas-tool import``: prints the projects; 1 when nothing was made and something is wrong."""
    bar = ProgressBar()
    done = IMPORTS[options.format](options, bar)
    bar.close()
    for path in done.projects:
        print(path)
    for line in (*done.notes, *done.problems):
        print(line, file=sys.stderr)
    if done.problems:
        outcome = "the rest was imported" if done.projects else "nothing new was imported"
        print(f"{options.source}: {counted(len(done.problems), 'problem')}; {outcome}", file=sys.stderr)
    return 1 if done.problems and not done.projects else 0


def export_(options: Namespace) -> int:
    """``vas-tool export``."""
    bar = ProgressBar()
    with ExitStack() as stack:
        projects = []
        for folder in options.projects:
            projects.append(Project.open(folder))
            stack.callback(projects[-1].close)
        done = export(projects, options.format, options.out, only_accepted=options.only_accepted, progress=bar)
    bar.close()
    for path in done.paths:
        print(path)
    for note in done.notes:
        print(note, file=sys.stderr)
    return 0


def verify_(options: Namespace) -> int:
    """``vas-tool verify``: 0 when nothing is wrong, else 1 with every problem on a line."""
    if not options.file.exists():
        raise InputError(f"{options.file} does not exist; check the spelling")
    report = verify(options.file)
    for problem in report.problems:
        print(problem)
    found = counted(len(report.problems), "problem") if report.problems else "nothing wrong"
    images, masks = counted(report.num_images, "image"), counted(report.num_annotations, "annotation")
    print(f"{options.file} ({report.kind}): {images}, {masks}, {found}", file=sys.stderr)
    return 1 if report.problems else 0


NOT_PUBLISHED = "(not published)"
"""In the place of a repository."""


def models(options: Namespace) -> int:
    """``vas-tool models``: the table of engines, and where weights are looked for; or a download."""
    if options.action == "download":
        return _download(options.name)
    if options.parameters:
        _print_table([("stage", "engine", "parameter", "default", "takes", "why"), *_parameters()])
        return 0
    lines = [("stage", "engine", "weights", "licence", "state", "what it is")]
    lines += [
        (s.stage, s.name, s.size, s.licence, _state_of(s), f"{s.note} {s.cost}".strip()) for s in registry.ENGINES
    ]
    _print_table(lines)
    print()
    _print_table([("weights", "repository", "looked for in, in this order"), *map(_places_of, registry.all_weights())])
    print("\nget weights with: vas-tool models download NAME", file=sys.stderr)
    return 0


def _parameters() -> list[tuple[str, ...]]:
    return [
        (spec.stage, spec.name, p.name, str(p.default), p.allowed, p.reason)
        for spec in registry.ENGINES
        for p in spec.parameters
    ]


def _download(name: str) -> int:
    weights = {w.name: w for w in registry.all_weights()}.get(name.removesuffix("-fast"))
    if weights is None:
        raise InputError(
            f"there are no weights {name!r}; choose from {', '.join(w.name for w in registry.all_weights())}"
        )
    what = f"/{weights.file_name}" if isinstance(weights, Weights) else f" ({counted(len(weights.parts), 'file')})"
    print(f"{weights.repo_id or NOT_PUBLISHED}{what}: about {weights.num_megabytes} MB, licence {weights.licence}")
    bar = ProgressBar()
    found = weights.find()
    path = found or download(weights, progress=bar)
    bar.close()
    print(f"{path}{' is there already' if found else ''}")
    return 0


def _state_of(spec: EngineSpec) -> str:
    absent = table.missing_packages(spec)
    if not registry.has_weights(spec):
        absent = [*absent, "weights"]
    return f"needs {', '.join(absent)}" if absent else "ready"


def _places_of(weights: AnyWeights) -> tuple[str, ...]:
    found = weights.find()
    places = [f"{place}{' (found)' if place == found else ''}" for place in weights.places()]
    return weights.name, weights.repo_id or NOT_PUBLISHED, ", ".join(places)


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "open": open_,
    "run": run,
    "import": import_,
    "export": export_,
    "verify": verify_,
    "models": models,
    "evaluate": evaluate_,
    "bench": bench_,
    "predict": predict_,
}
"""Command name -> function."""
