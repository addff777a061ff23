"""Numbers with their nouns, and ranges of numbers, for messages."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: (1, "problem") gives ``1 problem``, (2, "problem") gives ``2 problems``."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def ranges(ascending: Sequence[int]) -> str:
    """Return ascending numbers as ranges: [0, 1, 2, 7] gives ``0-2, 7``."""
    there = set(ascending)
    starts = [i for i in ascending if i - 1 not in there]
    ends = [i for i in ascending if i + 1 not in there]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
