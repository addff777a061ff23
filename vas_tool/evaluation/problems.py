"""Defines the errors that are found in files of truth and predictions. They are listed, and the rest is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from vas_tool.errors import FormatError

ProblemKind = Literal[
    "bad record",
    "bad mask",
    "size differs",
    "missing prediction",
    "unknown frame",
    "doubled frame",
    "unreadable file",
    "engine failed",
]

PROBLEM_KINDS: tuple[ProblemKind, ...] = get_args(ProblemKind)


@dataclass(frozen=True)
class Problem:
    """One error in a file of truth or predictions."""

    where: str
    """Which record: a key of the result file, a sample, or a file name."""
    what: str
    kind: ProblemKind

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class FrameError(FormatError):
    """An error in one frame, with its kind."""

    def __init__(self, what: str, kind: ProblemKind) -> None:
        super().__init__(what)
        self.kind = kind


def kind_of(error: Exception) -> ProblemKind:
    """Return the kind that the error names, else the kind of a bad mask."""
    return error.kind if isinstance(error, FrameError) else "bad mask"


def counted(problems: Iterable[Problem]) -> dict[str, int]:
    """Return how many problems there are of each kind, in the order of ``PROBLEM_KINDS``."""
    counts = Counter(problem.kind for problem in problems)
    return {kind: counts[kind] for kind in PROBLEM_KINDS if counts[kind]}
