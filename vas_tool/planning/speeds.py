"""Speeds of engines on this machine, stored between runs. Costs are estimated from them."""

from __future__ import annotations

import json
import math
import os
import threading
from contextlib import suppress
from pathlib import Path

from vas_tool.errors import ProjectError
from vas_tool.storage import write_atomically

FILE_VARIABLE = "VAS_TOOL_SPEEDS"
"""Environment variable that names the file."""

_MUTEX = threading.Lock()


def speeds_file() -> Path:
    """Return the file that VAS_TOOL_SPEEDS names, or the one in the user's cache."""
    chosen = os.environ.get(FILE_VARIABLE)
    return Path(chosen or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "vas-tool" / "speeds.json").expanduser()


def remember(work: str, seconds: float) -> None:
    """Store the seconds of one unit of work. If the file cannot be written, nothing happens: the next run measures
    again.
    """
    with _MUTEX, suppress(ProjectError, OSError):
        file = speeds_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps({**all_seconds(), work: seconds}, indent=1).encode())


def all_seconds() -> dict[str, float]:
    """Return kind of work -> seconds that one unit of it took the last time."""
    try:
        data = json.loads(speeds_file().read_bytes())
    except (OSError, ValueError):  # never written, or not worth a word
        return {}
    entries = data.items() if isinstance(data, dict) else ()
    return {str(work): float(s) for work, s in entries if isinstance(s, int | float) and math.isfinite(s) and s >= 0}
