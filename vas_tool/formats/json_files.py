"""Reads JSON files, and writes them with one record per line, so that two exports of a project have the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from vas_tool import __version__
from vas_tool.errors import FormatError


def load_json(
    path: Path, *, record: Callable[[list[tuple[str, Any]]], Any] | None = None, allow_nan: bool = False
) -> Any:
    """Return the parsed file. Raises FormatError when it cannot be read or is not JSON.

    ``record`` makes each object from its names and values (default: a dict; of repeated names the last counts). NaN and
    Infinity are not JSON, but Python writes them: ``allow_nan`` reads them, for readers that can leave out such
    records.
    """
    constant = None if allow_nan else _no_number
    try:
        return json.loads(path.read_bytes(), parse_constant=constant, object_pairs_hook=record)
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is no JSON ({error}); export it again") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def json_line(item: Any) -> str:
    """Return a value as ASCII JSON on one line. Raises ValueError for NaN and infinity."""
    # ASCII, because pycocotools opens files in the machine's default encoding.
    return json.dumps(item, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def write_list(file: TextIO, items: Iterable[Any]) -> None:
    """Write a list with one item per line, so that ``diff`` can compare two exports."""
    file.write("[")
    for number, item in enumerate(items):
        file.write((",\n" if number else "\n") + json_line(item))
    file.write("]")


def write_lists(
    file: TextIO, format_name: str, lists: Mapping[str, Iterable[Any]], *, values: Mapping[str, Any] | None = None
) -> None:
    """Write a JSON object with ``info`` (this tool, its version, ``format_name``), then ``values``, then ``lists``.

    Each list has one item per line. Items are taken from their iterables one by one.
    """
    info = {
        "description": "Modal and amodal masks of objects in videos",
        "made_by": f"vas-tool {__version__}",
        "format": format_name,
    }
    file.write('{"info":' + json_line(info))
    for name, value in (values or {}).items():
        file.write(f',\n"{name}":{json_line(value)}')
    for name, items in lists.items():
        file.write(f',\n"{name}":')
        write_list(file, items)
    file.write("}\n")
