"""YAML files of methods of one's own, whose program is the stand-in."""

import json
import sys
from pathlib import Path
from typing import Any

STANDIN = Path(__file__).parent / "standin_method.py"
LIGHT_PYTHON = [sys.executable, "-I", "-S"]
"""A Python without packages: it starts in a few milliseconds."""


def command(*options: str) -> list[str]:
    return [*LIGHT_PYTHON, str(STANDIN), "{input}", "{output}", *options]


def write_method(folder: Path, stem: str = "mine", *options: str, **fields: Any) -> Path:
    """Write STEM.yaml into a folder. JSON is YAML."""
    told = {"name": stem, "stage": "amodal", "command": command(*options), "licence": "ours", **fields}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.yaml"
    path.write_text(json.dumps(told))
    return path
