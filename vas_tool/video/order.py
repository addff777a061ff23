"""Natural order of file names: 2 before 10, 9999 before 10000."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

DIGITS = re.compile(r"([0-9]+)")

NaturalKey = tuple[tuple[str | int, ...], str]
"""Alternating text and numbers, text first; then the name itself, which decides between 1 and 01."""


def natural(name: str) -> NaturalKey:
    """Return the sort key of a name. Runs of digits count as numbers; case does not count."""
    parts = DIGITS.split(name)
    return tuple(int(part) if place % 2 else part.casefold() for place, part in enumerate(parts)), name


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Return files or folders in natural order, folder by folder. Suffixes count last."""
    return sorted(paths, key=lambda path: [natural(part) for part in (*path.parts[:-1], path.stem, path.suffix)])
