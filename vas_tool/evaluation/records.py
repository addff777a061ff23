"""Checks for records of JSON files that may hold anything. All readers of annotations and results use them."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.evaluation.problems import Problem
from vas_tool.formats.json_files import load_json


def load_list(path: Path, what: str) -> list[Any]:
    """Return the JSON list in a file. Raises FormatError when it holds none."""
    data = load_json(path)
    if not isinstance(data, list):
        raise FormatError(f"{path} holds no list of {what}, as its annotations do; name the right file")
    return data


def load_dict(path: Path, what: str) -> dict[str, Any]:
    """Return the JSON object in a file. Raises FormatError when it holds none."""
    data = load_json(path)
    if not isinstance(data, dict):
        raise FormatError(f"{path} holds no object of {what}; name the right file")
    return data


def load_results(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Return the records of a result file by key, and a problem for each repeated key. Raises FormatError."""
    repeated: list[str] = []

    def record(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            counts = Counter(name for name, _ in items)
            repeated[:] = [name for name, count in counts.items() if count > 1]
        else:
            repeated.clear()
        return made  # the outermost object is made last, so its repeated keys remain

    data = load_json(path, record=record)
    if not isinstance(data, dict):
        raise FormatError(f"{path} holds no object of results; name the right file")
    what = f"{path.name} has it more than once; the last is taken"
    return data, [Problem(key, what, "doubled frame") for key in repeated]


def require_keys(record: Any, keys: Sequence[str]) -> None:
    """Raise FormatError that names the missing keys."""
    if not isinstance(record, dict):
        raise FormatError(f"it is {type(record).__name__}, not an object")
    absent = [key for key in keys if key not in record]
    if absent:
        raise FormatError(f"it lacks {', '.join(absent)}")


def require_lists(record: dict[str, Any], keys: Sequence[str]) -> int:
    """Return the common length of the record's lists, one entry per frame. Raises FormatError when it differs."""
    no_lists = [key for key in keys if not isinstance(record[key], list)]
    if no_lists:
        raise FormatError(f"{', '.join(no_lists)} must be lists, one entry a frame")
    lengths = {key: len(record[key]) for key in keys}
    if len(set(lengths.values())) != 1:
        raise FormatError(f"its lists differ in length: {', '.join(f'{k} {n}' for k, n in lengths.items())}")
    return next(iter(lengths.values()))


def whole(record: dict[str, Any], key: str) -> int:
    """Return the integer under a key. Raises FormatError when it is none."""
    if type(record[key]) is not int:
        raise FormatError(f"{key} must be a whole number, got {reprlib.repr(record[key])}")
    return int(record[key])


OUR_HEAD = re.compile(rb'\s*\{\s*"(info|videos|images|annotations|categories)"\s*:')
"""Start of a COCO file of this tool. Results of the references start with ``[`` or with a key that is a tuple or a
number."""


def is_project_export(path: Path) -> bool:
    """Return whether a file is a COCO file as ``vas-tool export`` writes it. Only its first bytes are read."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(OUR_HEAD.match(file.read(256)))
