"""Numbers with their nouns, and ranges of numbers, for messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vas_tool.errors import InputError


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: (1, "problem") gives ``1 problem``, (2, "problem") gives ``2 problems``."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def runs_of(numbers: Collection[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of consecutive numbers: {0, 1, 2, 7} gives [(0, 2), (7, 7)]."""
    starts = sorted(i for i in numbers if i - 1 not in numbers)
    ends = sorted(i for i in numbers if i + 1 not in numbers)
    return list(zip(starts, ends, strict=True))


def ranges(ascending: Sequence[int]) -> str:
    """Return ascending numbers as ranges: [0, 1, 2, 7] gives ``0-2, 7``."""
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs_of(set(ascending)))


MOST_NUMBERS = 1_000_000
"""Most numbers in a list that a person writes: no clip has more frames."""


def numbers_in(text: str) -> list[int]:
    """Return the numbers of a list such as ``0-2, 7``, ascending. Raises InputError when it is none."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise InputError(f"a list of frames has numbers and ranges, such as 3,10-20; got {text!r}")
        start, end = int(first), int(last or first)
        if not start <= end < MOST_NUMBERS:
            raise InputError(f"a range of frames needs a first and a last frame, such as 10-20; got {part.strip()!r}")
        found.update(range(start, end + 1))
    return sorted(found)
