"""Patches: the difference of two versions of a JSON tree, small enough to store for undo.

A patch is a list of splices: at ``path``, the items ``removed`` (from position ``at``) gave way to ``added``. Painting
a thousand strokes therefore stores each stroke once, not a thousand growing lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

Json = Any
"""A value of ``json.loads``: dict, list, str, int, float, bool or None."""


class Splice(TypedDict):
    """One place where a tree changed."""

    path: list[str | int]
    """Keys and positions down to the list or to the value's parent."""
    at: int | str
    """Position in the list at ``path``, or key in the dict at ``path``."""
    removed: list[Json]
    """The earlier items: any number for a list, none or one for a dict."""
    added: list[Json]
    """The new items: any number for a list, none or one for a dict."""


Patch = list[Splice]


def diff(before: Json, after: Json, path: Sequence[str | int] = ()) -> Patch:
    """Return the patch that turns ``before`` into ``after``. Both must be dicts, or both lists."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [splice for key in {**before, **after} for splice in _diff_key(before, after, key=key, path=path)]
    return _diff_lists(before, after, path)


def _diff_key(before: dict[str, Json], after: dict[str, Json], *, key: str, path: Sequence[str | int]) -> Patch:
    old, new = before.get(key), after.get(key)
    if key in before and key in after:
        if old == new and type(old) is type(new):
            return []
        if isinstance(old, type(new)) and isinstance(new, dict | list):
            return diff(old, new, (*path, key))
    removed, added = ([tree[key]] if key in tree else [] for tree in (before, after))
    return [Splice(path=list(path), at=key, removed=removed, added=added)]


def _diff_lists(before: list[Json], after: list[Json], path: Sequence[str | int]) -> Patch:
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    end = next((i for i in range(shorter - start) if before[-1 - i] != after[-1 - i]), shorter - start)
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    if len(removed) == len(added) == 1 and isinstance(removed[0], dict) and isinstance(added[0], dict):
        return diff(removed[0], added[0], (*path, start))
    return [Splice(path=list(path), at=start, removed=removed, added=added)] if removed or added else []


def invert(patch: Patch) -> Patch:
    """Return the patch that undoes ``patch``."""
    return [Splice(path=s["path"], at=s["at"], removed=s["added"], added=s["removed"]) for s in reversed(patch)]


def apply(tree: Json, patch: Patch) -> Json:
    """Return a new tree with the patch applied. Raises ValueError when the patch does not fit."""
    for splice in patch:
        tree = _apply_at(tree, splice, splice["path"])
    return tree


def _apply_at(tree: Json, splice: Splice, path: Sequence[str | int]) -> Json:
    if path:
        copy = tree.copy()
        copy[path[0]] = _apply_at(tree[path[0]], splice, path[1:])
        return copy
    return _splice_list(tree, splice) if isinstance(tree, list) else _splice_dict(tree, splice)


def _splice_list(items: list[Json], splice: Splice) -> list[Json]:
    at, removed = int(splice["at"]), splice["removed"]
    if items[at : at + len(removed)] != removed:
        raise ValueError(f"the history does not fit the data at {splice['path']}")
    return [*items[:at], *splice["added"], *items[at + len(removed) :]]


def _splice_dict(tree: dict[str, Json], splice: Splice) -> dict[str, Json]:
    key = str(splice["at"])
    if ([tree[key]] if key in tree else []) != splice["removed"]:
        raise ValueError(f"the history does not fit the data at {splice['path']}, {key}")
    rest = {k: v for k, v in tree.items() if k != key}
    return {**rest, key: splice["added"][0]} if splice["added"] else rest
