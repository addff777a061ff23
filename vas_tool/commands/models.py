"""``vas-tool models``: lists the engines, their parameters and the places of their weights, and downloads weights."""

from __future__ import annotations

import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines import registry, specs
from vas_tool.engines.external import listed
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import Parameter
from vas_tool.engines.weights import Weights, download
from vas_tool.errors import InputError
from vas_tool.wording import counted

NOT_PUBLISHED = "(not published on the hub)"
"""Shown in place of the repository for weights that nobody has published."""

PIPE_WIDTH = 100
"""Characters per line when the output is not a terminal."""

LEAST_WIDTH = 60
"""Least characters per line. A narrower terminal wraps lines itself."""

INDENT = " " * 4

Fact = TypeVar("Fact")


def models(options: Namespace) -> int:
    """Run ``vas-tool models``: print the engines and where their weights are, or download weights.

    Returns 0. Raises EngineError when an engine is unknown or a download fails.
    """
    if options.action == "download":
        return _download(options.name)
    lines = _parameters() if options.parameters else _engines()
    print("\n".join(lines))
    if not options.parameters:
        print("\nget weights with: vas-tool models download NAME", file=sys.stderr)
    return 0


def _engines() -> Iterator[str]:
    rows = [("stage", "engine", "weights", "state", "licence")]
    rows += [(s.stage, s.name, s.size, _state_of(s), s.licence) for s in registry.known_engines()]
    yield from _table(rows)
    yield "\nwhat they are"
    for engines, text in _by_fact(lambda spec: f"{spec.note} {spec.cost}".strip()):
        yield from _wrapped(engines, hang="  ")
        yield from _wrapped(text, INDENT)
    for file in listed.refused():
        yield from _wrapped(f"\n{file.path} cannot be used: {file.reason}", hang="  ")
    missing = [spec for spec in registry.ENGINES if specs.missing_packages(spec)]
    for command in dict.fromkeys(spec.install for spec in missing):
        yield f"\ninstall packages with: {command}"
        yield from _wrapped(", ".join(dict.fromkeys(s.name for s in missing if s.install == command)), INDENT)
    yield "\nwhere their weights are looked for, in this order"
    for weights in registry.all_weights():
        yield f"{weights.name} ({weights.repo_id})" if weights.repo_id else f"{weights.name} {NOT_PUBLISHED}"
        found = weights.find()
        yield from (f"{INDENT}{place}{' (found)' if place == found else ''}" for place in weights.places())


def _parameters() -> Iterator[str]:
    for engines, parameters in _by_fact(lambda spec: spec.parameters):
        if parameters:
            yield from _wrapped(engines, hang="  ")
            for parameter in parameters:
                yield from _parameter(parameter)


def _parameter(parameter: Parameter) -> Iterator[str]:
    yield from _wrapped(f"{parameter.name} = {parameter.default} ({parameter.allowed})", INDENT, hang="  ")
    yield from _wrapped(parameter.reason, INDENT * 2)


def _by_fact(fact_of: Callable[[EngineSpec], Fact]) -> Iterator[tuple[str, Fact]]:
    """Yield (stage and names of engines, fact) with engines that share a fact together."""
    groups: dict[tuple[str, Fact], list[str]] = {}
    for spec in registry.known_engines():
        groups.setdefault((spec.stage, fact_of(spec)), []).append(spec.name)
    for (stage, text), names in groups.items():
        yield f"{stage}: {', '.join(names)}", text


def _width() -> int:
    return max(LEAST_WIDTH, shutil.get_terminal_size((PIPE_WIDTH, 24)).columns)


def _wrapped(text: str, indent: str = "", *, hang: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _width(),
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows with columns as wide as their content. The last column gets the rest, on several lines if
    necessary.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        first = "".join(f"{cell.ljust(width)}  " for cell, width in zip(row, widths, strict=False))
        left = textwrap.wrap(row[-1], max(20, _width() - len(first))) or [""]
        yield f"{first}{left[0]}".rstrip()
        yield from (f"{' ' * len(first)}{line}" for line in left[1:])


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
    absent = specs.missing_packages(spec)
    absent += ["weights"] if any(not isinstance(one, listed.Program) for one in spec.lacking) else []
    absent += [f"a program: {one.lack()}" for one in spec.lacking if isinstance(one, listed.Program)]
    return f"needs {', '.join(absent)}" if absent else "ready"
