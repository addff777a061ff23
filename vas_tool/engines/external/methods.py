"""The user's own methods, each described by a YAML file in the user's configuration folder.

A file is read from that folder only, never from a project, because a project may come from a stranger and a method is a
command that is run. A file that cannot be used does not affect the others.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from vas_tool.errors import EngineError
from vas_tool.types import Stage

FOLDER_VARIABLE = "VAS_TOOL_ENGINES"
"""Environment variable that names the folder of YAML files, instead of the one in the configuration folder."""

INPUT, OUTPUT, SEED = "{input}", "{output}", "{seed}"
"""Placeholders in the arguments of a command: the folder to read, the folder to write, and the seed."""

PLACEHOLDER = re.compile("|".join(map(re.escape, (INPUT, OUTPUT, SEED))))

Written = Literal["rgbs", "masks", "depth", "amodal"]
"""Folders of pictures that a method can read."""

STAGES: dict[str, tuple[Written, ...]] = {
    "amodal": ("rgbs", "masks", "depth"),
    "content": ("rgbs", "masks", "depth", "amodal"),
}
"""Stage of a method -> folders of pictures that exist there."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
SIZE = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})")

TIME_LIMIT = 3600.0
"""Seconds that one run of a command may take, where its file names no limit."""


@dataclass(frozen=True)
class Method:
    """One method at one stage, as its YAML file describes it."""

    path: Path
    """The YAML file."""
    revision: str
    """Twelve hexadecimal digits of the file's SHA-256: another text is another revision."""
    name: str
    stage: Stage
    command: tuple[str, ...]
    """Program and arguments, with placeholders."""
    licence: str
    reads: tuple[Written, ...]
    note: str = ""
    cwd: Path = Path()
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables that the command gets in addition."""
    time_limit: float = TIME_LIMIT
    """Seconds that one run may take."""
    window: int | None = None
    """Frames of one run that depend on each other: 1 for a method that looks at each picture alone, None for the whole
    clip."""
    overlap: int = 0
    """Frames that a window shares with the one before, at least."""
    size_wh: tuple[int, int] | None = None
    """Width and height of the pictures that the command gets; None for the canvas's own size."""

    @property
    def seeded(self) -> bool:
        """Whether the command is told the seed, so that another seed gives another result."""
        return any(SEED in argument for argument in self.command)

    def arguments(self, *, folder_in: Path, folder_out: Path, seed: int) -> list[str]:
        """Return the program and its arguments with the placeholders filled in."""
        values = {INPUT: str(folder_in), OUTPUT: str(folder_out), SEED: str(seed)}
        return [PLACEHOLDER.sub(lambda found: values[found[0]], argument) for argument in self.command]


@dataclass(frozen=True)
class Refused:
    """A YAML file that describes no usable method."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """All YAML files of the folder."""

    methods: tuple[Method, ...] = ()
    refused: tuple[Refused, ...] = ()


def methods_folder() -> Path:
    """Return the folder of YAML files: that of VAS_TOOL_ENGINES, or ``vas-tool/engines`` in XDG_CONFIG_HOME."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "vas-tool" / "engines"


def found_methods() -> Found:
    """Return what the YAML files describe, in the order of their names. Unchanged files are not read again."""
    try:
        paths = sorted(path for path in methods_folder().iterdir() if path.suffix in (".yaml", ".yml"))
        return _read(tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths))
    except OSError:  # no such folder
        return Found()


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int, int], ...]) -> Found:
    methods, refused = dict[tuple[Stage, str], Method](), list[Refused]()
    for path, _, _ in files:
        try:
            for method in read_method(path):
                there = methods.setdefault((method.stage, method.name), method)
                if there is not method:
                    raise EngineError(f"the {method.stage} engine {method.name} is that of {there.path} already")
        except EngineError as error:
            refused.append(Refused(path, str(error)))
    return Found(tuple(methods.values()), tuple(refused))


def read_method(path: Path) -> Iterator[Method]:
    """Yield the method of a YAML file, once for each of its stages. Raises EngineError that says what is wrong."""
    text, fields = _fields(path)
    strange = sorted(set(fields) - set(FIELDS))
    if strange:
        raise EngineError(f"it has no use for {', '.join(strange)}; the fields are {', '.join(FIELDS)}")
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise EngineError(f"it lacks {', '.join(missing)}")
    values = {name: FIELDS[name](value) for name, value in fields.items()}
    stages: tuple[Stage, ...] = values.pop("stage")
    folder, command = values.setdefault("cwd", path.parent), values["command"]
    if not all(any(part in argument for argument in command) for part in (INPUT, OUTPUT)):
        raise EngineError(f"command has no {INPUT} or no {OUTPUT}: both folders must be told to the program")
    if not values.get("overlap", 0) < (values.get("window") or math.inf):
        raise EngineError("overlap must be smaller than window")
    reads, values["size_wh"] = values.pop("reads", None), values.pop("size", None)
    for stage in stages:
        if reads and (absent := set(reads) - set(STAGES[stage])):
            raise EngineError(
                f"reads names {', '.join(sorted(absent))}; at {stage} there is {', '.join(STAGES[stage])}"
            )
        own: dict[str, Any] = {**values, "cwd": path.parent / folder, "reads": tuple(reads or STAGES[stage])}
        yield Method(path=path, revision=hashlib.sha256(text).hexdigest()[:12], stage=stage, **own)


def _fields(path: Path) -> tuple[bytes, Mapping[str, Any]]:
    """Return the bytes of a file and its fields."""
    import yaml  # only where there is a file

    try:
        text = path.read_bytes()
        fields = yaml.safe_load(text)
    except (OSError, yaml.YAMLError, UnicodeError) as error:
        raise EngineError(f"it does not read as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise EngineError(f"it must hold fields such as name: my-method; the fields are {', '.join(FIELDS)}")
    return text, fields


# --- the fields -------------------------------------------------------------------------------------------------------


def _text(name: str) -> Callable[[Any], str]:
    def checked(value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise EngineError(f"{name} must be a text, not {value!r}")
        return value.strip()

    return checked


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value) or value == "auto":
        raise EngineError(f"name must be made of a-z, 0-9, '.', '_' and '-', not {value!r}")
    return value


def _stages(value: Any) -> tuple[Stage, ...]:
    stages = [value] if isinstance(value, str) else value
    if not isinstance(stages, list) or not stages or any(stage not in STAGES for stage in stages):
        raise EngineError(f"stage must be {' or '.join(STAGES)}, or a list of both, not {value!r}")
    return tuple(dict.fromkeys(stages))


def _command(value: Any) -> tuple[str, ...]:
    plain = isinstance(value, list) and value and all(isinstance(part, str | int | float) for part in value)
    if not plain or any(isinstance(part, bool) for part in value):
        raise EngineError(f"command must be a list of a program and its arguments (no shell runs it), not {value!r}")
    return (os.path.expanduser(str(value[0])), *map(str, value[1:]))


def _reads(value: Any) -> tuple[Written, ...]:
    known = get_args(Written)
    if not isinstance(value, list) or not value or any(name not in known for name in value):
        raise EngineError(f"reads must be a list of {', '.join(known)}, not {value!r}")
    return tuple(name for name in known if name in value)


def _folder(value: Any) -> Path:
    return Path(_text("cwd")(value)).expanduser()


def _environment(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise EngineError(f"env must hold names and texts (numbers in quotation marks), not {value!r}")
    return tuple(value.items())


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise EngineError(f"time_limit must be a number of seconds above 0, not {value!r}")
    return float(value)


def _count(name: str, lowest: int) -> Callable[[Any], int]:
    def checked(value: Any) -> int:
        if type(value) is not int or value < lowest:
            raise EngineError(f"{name} must be a whole number from {lowest}, not {value!r}")
        return value

    return checked


def _size(value: Any) -> tuple[int, int]:
    found = SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise EngineError(f"size must be HEIGHTxWIDTH in pixels, for example 256x256, not {value!r}")
    return int(found[2]), int(found[1])


FIELDS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "stage": _stages,
    "command": _command,
    "licence": _text("licence"),
    "reads": _reads,
    "note": _text("note"),
    "cwd": _folder,
    "env": _environment,
    "time_limit": _seconds,
    "window": _count("window", 1),
    "overlap": _count("overlap", 0),
    "size": _size,
}
"""Field of a file -> a function that checks its value. It raises EngineError."""

REQUIRED = ("name", "stage", "command", "licence")
