"""Lists that the documentation takes from the code while it is built, so that they are never old.

A comment of its own line in a page names the list: ``<!-- options of vas-tool run -->``, ``<!-- engines -->`` or
``<!-- parameters -->``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from typing import Any

from vas_tool.cli import parser
from vas_tool.engines.specs import ENGINES, EngineSpec

OPTIONS = re.compile(r"^<!-- options of vas-tool ([\w -]+) -->$", re.M)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with the text of every page; returns it with the lists in their places."""
    text = OPTIONS.sub(lambda found: options(found[1].split()), markdown)
    for marker, listed in LISTS.items():
        text = text.replace(marker, listed())
    return text


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    cells = [list(head), *map(list, rows)]
    cells.insert(1, ["---"] * len(cells[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells) + "\n"


def options(command: list[str]) -> str:
    """The arguments of a command, for example ``["import", "tabe"]``."""
    found = parser()
    for name in command:
        (children,) = (action for action in found._actions if isinstance(action, argparse._SubParsersAction))
        found = children.choices[name]
    shown = [action for action in found._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
    return table(("Argument", "Meaning"), ((f"`{argument(action)}`", meaning(action)) for action in shown))


def argument(action: argparse.Action) -> str:
    """How the argument is written: ``--fps FPS``, ``SOURCE``."""
    given = action.metavar or ("" if action.choices else action.dest.upper())
    value = "" if action.nargs == 0 else " ".join(given) if isinstance(given, tuple) else given
    return " ".join(filter(None, (", ".join(action.option_strings), value))) or action.dest


def meaning(action: argparse.Action) -> str:
    """Its help, with the values that it takes."""
    choices = f"one of {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else ""
    text = (action.help or "") % {"default": action.default, "prog": "vas-tool"}
    return ". ".join(filter(None, (text, choices)))


def engines() -> str:
    """Every engine with its weights, licence and note."""
    rows = ((e.stage, f"`{e.name}`", e.size, e.licence, f"{e.note} {e.cost}".strip()) for e in ENGINES)
    return table(("Stage", "Engine", "Weights", "Licence", "What to expect"), rows)


def parameters() -> str:
    """Every parameter of the engines; engines with the same parameters share a table."""
    sharing: dict[tuple[Any, ...], list[EngineSpec]] = {}
    for engine in ENGINES:
        if engine.parameters:
            sharing.setdefault((engine.stage, engine.parameters), []).append(engine)
    return "\n".join(_parameters_of(specs) for specs in sharing.values())


def _parameters_of(specs: list[EngineSpec]) -> str:
    names = ", ".join(f"`{spec.name}`" for spec in specs)
    rows = ((f"`{p.name}`", f"`{p.default}`", p.allowed, p.reason) for p in specs[0].parameters)
    return f"**{specs[0].stage}: {names}**\n\n" + table(("Parameter", "Default", "Allowed", "Meaning"), rows)


LISTS: dict[str, Callable[[], str]] = {"<!-- engines -->": engines, "<!-- parameters -->": parameters}
