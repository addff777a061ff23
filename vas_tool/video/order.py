"""The order in which the files of a folder are read: 2 before 10, 9999 before 10000."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

DIGITS = re.compile(r"([0-9]+)")

NaturalKey = tuple[tuple[str | int, ...], str]
"""Text and numbers in turn, text first; then the name as it is, which decides between 1 and 01."""


def natural(name: str) -> NaturalKey:
    """What to sort names by: runs of digits count as numbers, and capitals as small letters."""
    parts = DIGITS.split(name)
    return tuple(int(part) if place % 2 else part.casefold() for place, part in enumerate(parts)), name


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Files or folders in the order that their numbers say, folder by folder; suffixes count last."""
    return sorted(paths, key=lambda path: [natural(part) for part in (*path.parts[:-1], path.stem, path.suffix)])
