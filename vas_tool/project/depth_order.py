"""Which object is in front of which, as a person said it for spans of frames. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vas_tool.errors import PromptError

Pair = tuple[int, int]
"""Ids of two objects: the first is in front of the second."""


@dataclass(frozen=True)
class InFront:
    """One object is in front of another on a span of frames."""

    front: int
    """Id of the object in front."""
    behind: int
    first: int
    last: int
    """The last frame of the span, which belongs to it."""

    def __post_init__(self) -> None:
        if not all(type(n) is int for n in (self.front, self.behind, self.first, self.last)):
            raise PromptError(f"who is in front of whom needs whole numbers; got {self}")
        if self.front == self.behind:
            raise PromptError("an object is not in front of itself; click another one")
        if not 0 <= self.first <= self.last:
            raise PromptError(f"a span of frames needs 0 <= first <= last; got {self.first} to {self.last}")

    def is_of(self, pair: Collection[int]) -> bool:
        """Whether this is about these two objects, in either order."""
        return {self.front, self.behind} == set(pair)

    def without(self, first: int, last: int) -> list[InFront]:
        """Return what is left of this when it no longer holds on the frames from ``first`` to ``last``."""
        before = [replace(self, last=min(self.last, first - 1))] if self.first < first else []
        after = [replace(self, first=max(self.first, last + 1))] if self.last > last else []
        return before + after


Orders = tuple[InFront, ...]
"""Everything that was said; no frame has two words about the same two objects."""


def remove_order(orders: Orders, pair: Collection[int], span: range) -> Orders:
    """Return what holds when nothing is said of two objects on a span of frames any more."""
    first, last = span[0], span[-1]
    return tuple(rest for order in orders for rest in (order.without(first, last) if order.is_of(pair) else [order]))


def add_orders(orders: Orders, new: Iterable[InFront]) -> Orders:
    """Return what holds with new words, in place of earlier ones about the same objects on the same frames."""
    for order in new:
        kept = remove_order(orders, (order.front, order.behind), range(order.first, order.last + 1))
        orders = tuple(sorted((*kept, order), key=lambda o: (o.first, o.front, o.behind)))
    return orders


def pairs_on(orders: Orders, frame_index: int) -> set[Pair]:
    """Return who is in front of whom on a frame."""
    return {(order.front, order.behind) for order in orders if order.first <= frame_index <= order.last}


def cycle_in(pairs: Collection[Pair]) -> list[int]:
    """Return ids of which each is in front of the next, and the last in front of the first; empty without a cycle."""
    behind: dict[int, list[int]] = {}
    for front, back in sorted(pairs):
        behind.setdefault(front, []).append(back)
    ended: set[int] = set()

    def walk(path: list[int]) -> list[int]:
        for other in behind.get(path[-1], ()):
            if other in path:
                return path[path.index(other) :]
            if other not in ended and (found := walk([*path, other])):
                return found
        ended.add(path[-1])
        return []

    return next((found for start in sorted(behind) if start not in ended and (found := walk([start]))), [])


def nearest_first(pairs: Collection[Pair], ids: Iterable[int], nearness: Mapping[int, float]) -> list[int]:
    """Return ids from front to back: as the pairs say, and nearer first (``nearness``: depth, 1 = nearest) where they
    say nothing.

    In a cycle, the object with the fewest objects in front comes first.
    """
    left, placed = set(ids), list[int]()
    while left:
        fronts = {i: sum(behind == i and front in left for front, behind in pairs) for i in left}
        placed.append(min(left, key=lambda i: (fronts[i], -nearness.get(i, 0.0), i)))
        left.discard(placed[-1])
    return placed


def orders_json(orders: Orders) -> list[list[int]]:
    """Return [front, behind, first, last] of each."""
    return [[order.front, order.behind, order.first, order.last] for order in orders]


def orders_from_json(data: Sequence[Sequence[Any]]) -> Orders:
    """Return the reverse of ``orders_json``. Raises TypeError, ValueError or PromptError on damage."""
    return tuple(InFront(*row) for row in data)
