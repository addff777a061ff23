"""The order of objects on one frame: an object is in front of another if it is seen where the other is hidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Occluders = Mapping[int, Collection[int]]
"""Object id -> the ids of the objects in front of it."""


def front_to_back(occluders: Occluders, nearness: Mapping[int, float] | None = None) -> list[int]:
    """Return the objects from front to back. In a cycle, the object with the fewest objects in front comes first.

    Objects of which none hides the other are in the order of ``nearness`` (object id -> depth, 1 = nearest), then of
    their ids. An object without a depth counts as the farthest.
    """
    placed: list[int] = []
    left = sorted(occluders)
    depths = nearness or {}
    while left:
        ahead = min(left, key=lambda obj: (len(set(occluders[obj]) & set(left)), -depths.get(obj, 0.0), obj))
        placed.append(ahead)
        left.remove(ahead)
    return placed


def groups(occluders: Occluders) -> dict[int, int]:
    """Return object id -> the smallest id in its group. Objects of which one hides another are in one group."""
    group = {obj: obj for obj in occluders}
    for obj, in_front in occluders.items():
        for other in in_front:
            joined = {group[obj], group[other]}
            group = {t: min(joined) if g in joined else g for t, g in group.items()}
    return group
