"""Which hypotheses a person chose, for spans of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from vas_tool.errors import PromptError
from vas_tool.hypotheses import Recipe


@dataclass(frozen=True)
class Pick:
    """The hypothesis that a person chose for a span of frames."""

    first: int
    last: int
    """The last frame of the span, which belongs to it."""
    recipe: Recipe

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise PromptError(f"a span of frames needs 0 <= first <= last; got {self.first} to {self.last}")

    def without(self, other: Pick) -> list[Pick]:
        """Return the parts of this choice on frames that another choice does not take."""
        before = [replace(self, last=min(self.last, other.first - 1))] if self.first < other.first else []
        after = [replace(self, first=max(self.first, other.last + 1))] if self.last > other.last else []
        return before + after


def pick_json(pick: Pick) -> list[Any]:
    """Return [first, last, how, [seed, ...]]."""
    return [pick.first, pick.last, pick.recipe.how, list(pick.recipe.seeds)]


def pick_from_json(data: list[Any]) -> Pick:
    """Return the choice of ``pick_json``."""
    first, last, how, seeds = data
    return Pick(int(first), int(last), Recipe(how, tuple(int(seed) for seed in seeds)))
