"""The objects that KINS and COCOA files list for each picture, and their order from front to back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby

from vas_tool.formats.tally import Tally
from vas_tool.formats.videos import ObjectOnFrame

Occluders = Mapping[int, Collection[int]]
"""Object id -> the ids of the objects in front of it. All of them are keys too."""


def by_image(found: Iterable[ObjectOnFrame], tally: Tally) -> Iterator[tuple[list[ObjectOnFrame], Occluders]]:
    """Yield, for each picture, the objects whose amodal mask reaches into it, and which of them hides which.

    ``found`` must be in the order of the pictures. ``tally`` counts the objects wholly beyond the picture: no polygon
    can hold them, so they are left out.
    """
    for _, group in groupby(found, key=lambda on_frame: on_frame.image_id):
        here = []
        for on_frame in group:
            if on_frame.masks.whole.any():
                here.append(on_frame)
            else:
                tally.unfit_for("beyond_picture", on_frame.counted)
        there = {s.masks.obj.id for s in here}
        if here:
            yield here, {s.masks.obj.id: sorted(there & set(s.occluder_ids)) for s in here}


def front_to_back(occluders: Occluders) -> list[int]:
    """Return the object ids from front to back. Objects of which none hides the other are in the order of their ids.

    In a cycle, the object with the fewest objects in front comes first.
    """
    placed: list[int] = []
    left = sorted(occluders)
    while left:
        next_one = min(left, key=lambda obj: (len(set(occluders[obj]) & set(left)), obj))
        placed.append(next_one)
        left.remove(next_one)
    return placed


def groups(occluders: Occluders) -> dict[int, int]:
    """Return object id -> the smallest id in its group. Objects of which one hides another are in one group."""
    group = {obj: obj for obj in occluders}
    for obj, in_front in occluders.items():
        for other in in_front:
            joined = {group[obj], group[other]}
            group = {t: min(joined) if g in joined else g for t, g in group.items()}
    return group
