"""Who is in front of whom on one frame: what a person said, what masks and depth suggest, and where these disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from vas_tool.errors import ProjectDamaged
from vas_tool.masks import area
from vas_tool.occlusion import meets
from vas_tool.project import Project
from vas_tool.project.depth_order import Pair, cycle_in, nearest_first, pairs_on
from vas_tool.project.nothing_in_front import margin_of
from vas_tool.project.object_layers import OCCLUDED_PIXELS, BoxXyxy
from vas_tool.types import Mask

Source = Literal["said", "masks"]
"""``said``: a person said it. ``masks``: the one is seen where the other is hidden."""


Quartiles = tuple[float, float, float]
"""A quarter, a half and three quarters of an object's pixels are farther than these depths."""


@dataclass(frozen=True)
class FrameOrder:
    """The order of the objects that have a mask on one frame."""

    ids: tuple[int, ...]
    """From front to back."""
    links: Mapping[Pair, Source]
    """(front, behind) -> how it is known."""
    nearness: Mapping[int, float]
    """Object id -> median depth of what is seen of it, 0..1, 1 = nearest; absent without depth."""
    problems: tuple[str, ...]
    """What contradicts itself, or depth, or the masks: one sentence each."""


class OrderFinder:
    """Finds the order on frames of an open project as it is now."""

    def __init__(self, project: Project) -> None:
        with project.mutex:  # no undo takes an object away between its number and its masks
            self._project, self._truth = project, project.truth
            self._masks = {obj.id: project.amodal(obj.id) for obj in self._truth.objects}

    def on(self, frame_index: int) -> FrameOrder:
        """Return the order on a frame. Reads the masks of all objects there, and the depth."""
        seen, hidden = self._read(frame_index)
        said = {pair for pair in pairs_on(self._truth.in_front, frame_index) if seen.keys() >= set(pair)}
        masks = {pair for pair in by_masks(seen, hidden) if pair not in said}
        agreeing = {pair for pair in masks if pair[::-1] not in said}
        depths = self._depths(seen, frame_index)
        nearness = {object_id: middle for object_id, (_, middle, _) in depths.items()}
        links: dict[Pair, Source] = {**dict.fromkeys(agreeing, "masks"), **dict.fromkeys(said, "said")}
        problems = [
            *self._cycle(links),
            *self._against_masks(said, masks),
            *self._against_depth(said, depths, margin=self._margin(frame_index)),
        ]
        return FrameOrder(tuple(nearest_first(links, seen, nearness)), links, nearness, tuple(problems))

    def meeting(self, pair: Pair, frame_index: int) -> range:
        """Return the frames around a frame on which the boxes of two whole objects meet.

        Where they do not meet on that frame: the frames around it on which both have masks.
        """
        boxes = [self._boxes(object_id) for object_id in pair]

        def meet(f: int) -> bool:
            first, second = boxes[0](f), boxes[1](f)
            return bool(first and second and meets(first, second, self._project.clip.size_wh))

        if meet(frame_index):
            return self._around(frame_index, meet)
        return self._around(frame_index, lambda f: boxes[0](f) is not None and boxes[1](f) is not None)

    def _around(self, frame_index: int, holds: Callable[[int], bool]) -> range:
        first = last = frame_index
        while first > 0 and holds(first - 1):
            first -= 1
        while last + 1 < len(self._project.clip) and holds(last + 1):
            last += 1
        return range(first, last + 1)

    def _boxes(self, object_id: int) -> Callable[[int], BoxXyxy | None]:
        masks = self._masks[object_id]
        left, top = masks.canvas.pad_left, masks.canvas.pad_top

        def box(frame_index: int) -> BoxXyxy | None:
            if frame_index in masks:
                return masks.box(frame_index)
            seen = masks.modal.box(frame_index) if frame_index in masks.modal else None
            return None if seen is None else (seen[0] + left, seen[1] + top, seen[2] + left, seen[3] + top)

        return box

    def _read(self, frame_index: int) -> tuple[dict[int, Mask], dict[int, Mask]]:
        """Return the modal masks that are not empty or whose object is hidden, and the hidden parts, in the frame."""
        seen, hidden = dict[int, Mask](), dict[int, Mask]()
        for object_id, amodal in self._masks.items():
            modal = _mask(amodal.modal, frame_index)
            whole = _mask(amodal, frame_index)
            nothing = np.zeros(amodal.canvas.frame_wh[::-1], bool)
            modal = nothing if modal is None else modal
            part = nothing if whole is None else amodal.canvas.to_frame(whole) & ~modal
            if modal.any() or part.any():
                seen[object_id], hidden[object_id] = modal, part
        return seen, hidden

    def _depths(self, seen: Mapping[int, Mask], frame_index: int) -> dict[int, Quartiles]:
        with suppress(KeyError, ProjectDamaged):
            depth = self._project.depth[frame_index]
            return {i: _quartiles(depth[mask]) for i, mask in seen.items() if mask.any()}
        return {}

    def _margin(self, frame_index: int) -> float:
        stamp = self._project.depth.stamp(frame_index)
        return margin_of(stamp.engine if stamp else None)

    def _name(self, object_id: int) -> str:
        return f"{self._truth.object(object_id).label} ({object_id})"

    def _cycle(self, links: Mapping[Pair, Source]) -> Iterator[str]:
        if cycle := cycle_in(links):
            yield "in a circle, each in front of the next: " + ", ".join(map(self._name, [*cycle, cycle[0]]))

    def _against_masks(self, said: set[Pair], masks: set[Pair]) -> Iterator[str]:
        for front, behind in sorted(said):
            if (behind, front) in masks:
                front_, behind_ = self._name(front), self._name(behind)
                yield f"{front_} is said to be in front of {behind_}, but {behind_} is seen where {front_} is hidden"

    def _against_depth(self, said: set[Pair], depths: Mapping[int, Quartiles], *, margin: float) -> Iterator[str]:
        """Only where three quarters of the one are nearer than three quarters of the other: objects are deep."""
        for front, behind in sorted(said):
            if {front, behind} <= depths.keys() and depths[behind][0] - depths[front][2] > margin:
                yield (
                    f"{self._name(front)} is said to be in front of {self._name(behind)}, but is farther away by its "
                    "depth"
                )


def _quartiles(depth: npt.NDArray[np.float32]) -> Quartiles:
    lower, middle, upper = (round(float(part), 3) for part in np.percentile(depth, (25, 50, 75)))
    return lower, middle, upper


def by_masks(seen: Mapping[int, Mask], hidden: Mapping[int, Mask]) -> Iterator[Pair]:
    """Yield the pairs of which one is seen where the other is hidden; where both are, the larger part decides."""
    for first, second in combinations(seen, 2):
        before = area(seen[first] & hidden[second])
        after = area(seen[second] & hidden[first])
        if max(before, after) > OCCLUDED_PIXELS:
            yield (first, second) if before >= after else (second, first)


def _mask(masks: Mapping[int, Mask], frame_index: int) -> Mask | None:
    try:
        return masks[frame_index]
    except (KeyError, ProjectDamaged):
        return None


def order_problems(project: Project) -> dict[str, list[int]]:
    """Return what is wrong with what was said -> the frames, ascending. Frames about which nothing was said are not
    read.
    """
    finder, found = OrderFinder(project), dict[str, list[int]]()
    frames = sorted({f for order in project.truth.in_front for f in range(order.first, order.last + 1)})
    for frame_index in frames:
        for problem in finder.on(frame_index).problems:
            found.setdefault(problem, []).append(frame_index)
    return found
