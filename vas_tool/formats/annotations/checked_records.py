"""Checks the records in the lists of a parsed JSON file. Wrong records are left out and listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import Kind, name_of, wrong_fields
from vas_tool.formats.json_files import load_json
from vas_tool.formats.origin import Id

Records = dict[Id, dict[str, Any]]
"""id -> record."""


@dataclass
class RecordLists:
    """The lists of a parsed file, and the problems found in them."""

    data: dict[str, Any]
    required: Mapping[str, Mapping[str, Kind]]
    """Name of a list -> key -> check of its value."""
    problems: list[str] = field(default_factory=list)
    """One sentence for each problem, with the record's id."""

    def records(self, list_name: str) -> Records:
        """Return id -> record for the records of a list that have every required key.

        ``problems`` receives a sentence for every other record, and for each repeated id.
        """
        records: Records = {}
        for position, item in enumerate(self.data.get(list_name) or ()):
            name = name_of(list_name, item, position)
            if not isinstance(item, dict):
                self.problems.append(f"{name} is a {type(item).__name__}, not a record")
                continue
            wrong = [f"{name}: {key} {what}" for key, what in wrong_fields(item, self.required[list_name])]
            self.problems += wrong
            if not wrong and item["id"] in records:
                self.problems.append(f"{name}: its id is there before; the first one counts")
            elif not wrong:
                records[item["id"]] = item
        return records

    def known(self, records: Records, list_name: str, kinds: Mapping[str, tuple[str, Records]]) -> Records:
        """Return the records whose references all exist.

        ``kinds`` is key -> (name of the list that it refers to, its records). ``problems`` receives a sentence for each
        reference that does not exist.
        """
        known: Records = {}
        for record_id, record in records.items():
            unknown = [(key, other) for key, (other, there) in kinds.items() if record[key] not in there]
            for key, other in unknown:
                self.problems.append(f"{name_of(list_name, record, 0)}: {key} {record[key]} is not in {other}")
            if not unknown:
                known[record_id] = record
        return known


def lists_of(path: Path, needed: Iterable[str], *, what: str) -> dict[str, Any]:
    """Return the parsed file. Raises FormatError when it is not JSON or lacks one of the ``needed`` lists.

    ``what`` is the name of the format in the message, such as "COCO file".
    """
    data = load_json(path)
    missing = [name for name in needed if not isinstance(data, dict) or not isinstance(data.get(name), list)]
    if missing:
        raise FormatError(f"{path} is no {what}: it has no list {', '.join(missing)}; name the file of annotations")
    return dict(data)


def made_here(data: Mapping[str, Any]) -> bool:
    """Return whether the file states that an export of this tool wrote it."""
    info = data.get("info")
    return isinstance(info, dict) and str(info.get("made_by", "")).startswith("vas-tool")
