"""Who stands in front of whom on one frame, from which objects are seen where another is hidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Occluders = Mapping[int, Collection[int]]
"""Object id -> the ids of those in front of it."""


def front_to_back(occluders: Occluders) -> list[int]:
    """Every object after all that are in front of it; where they go in a circle, the one with the fewest first."""
    placed: list[int] = []
    left = sorted(occluders)
    while left:
        ahead = min(left, key=lambda thing: (len(set(occluders[thing]) & set(left)), thing))
        placed.append(ahead)
        left.remove(ahead)
    return placed


def groups(occluders: Occluders) -> dict[int, int]:
    """Object id -> the smallest id among all that are joined with it by one hiding another."""
    group = {thing: thing for thing in occluders}
    for thing, in_front in occluders.items():
        for other in in_front:
            joined = {group[thing], group[other]}
            group = {t: min(joined) if g in joined else g for t, g in group.items()}
    return group
