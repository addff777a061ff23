"""What a person changes in a scene: the order of its objects, and what becomes of each of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from vas_tool.errors import PromptError
from vas_tool.types import FARTHEST

MOST_SCALE = 20.0
"""Largest factor by which an object is scaled; the smallest is 1 / MOST_SCALE."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class LayerEdit:
    """What becomes of one object, on every frame."""

    object_id: int
    dx: float = 0.0
    dy: float = 0.0
    """Clip pixels by which it is moved, to the right and down."""
    scale: float = 1.0
    """Factor of its size. The middle of its lower edge stays in place."""
    hidden: bool = False
    """Whether it is left out."""
    freeze: int | None = None
    """The frame whose picture and place it has on every frame; None for each frame's own."""

    def __post_init__(self) -> None:
        if type(self.hidden) is not bool or not all(_is_number(n) for n in (self.dx, self.dy, self.scale)):
            raise PromptError(f"object {self.object_id}: a move and a scale are numbers; got {self}")
        if not (math.isfinite(self.dx) and math.isfinite(self.dy) and max(abs(self.dx), abs(self.dy)) <= FARTHEST):
            raise PromptError(f"object {self.object_id}: a move needs finite pixels; got {self.dx}, {self.dy}")
        if not 1 / MOST_SCALE <= self.scale <= MOST_SCALE:
            raise PromptError(
                f"object {self.object_id}: a scale lies between {1 / MOST_SCALE:g} and {MOST_SCALE:g}; got {self.scale}"
            )
        if self.freeze is not None and not (type(self.freeze) is int and self.freeze >= 0):
            raise PromptError(f"object {self.object_id}: a frame to freeze is 0 or more; got {self.freeze}")

    @property
    def is_changed(self) -> bool:
        """Whether the object leaves its place, so that the background behind it is seen."""
        return self != LayerEdit(self.object_id)


@dataclass(frozen=True)
class SceneEdits:
    """The changes of a scene. Objects without an edit stay as they are."""

    order: tuple[int, ...] = ()
    """Object ids from front to back. Objects that are not named stay behind them, in their own order."""
    layers: tuple[LayerEdit, ...] = ()
    """At most one for each object."""

    def __post_init__(self) -> None:
        for ids in (self.order, tuple(edit.object_id for edit in self.layers)):
            if len(set(ids)) < len(ids):
                raise PromptError(f"an object is named twice: {', '.join(map(str, ids))}; name each one once")

    def of(self, object_id: int) -> LayerEdit:
        """Return the edit of an object."""
        return next((edit for edit in self.layers if edit.object_id == object_id), LayerEdit(object_id))

    def having(self, edit: LayerEdit) -> SceneEdits:
        """Return the scene with an edit in place of the object's earlier one."""
        kept = [other for other in self.layers if other.object_id != edit.object_id]
        kept += [edit] if edit.is_changed else []
        return replace(self, layers=tuple(sorted(kept, key=lambda e: e.object_id)))

    def without(self, object_id: int) -> SceneEdits:
        """Return the scene without an object."""
        kept = tuple(edit for edit in self.layers if edit.object_id != object_id)
        return SceneEdits(tuple(other for other in self.order if other != object_id), kept)

    def json(self) -> dict[str, Any]:
        """Return the scene as project.json and the page have it."""
        return {"order": list(self.order), "layers": [asdict(edit) for edit in self.layers]}

    @property
    def moved(self) -> frozenset[int]:
        """The objects that leave their place."""
        return frozenset(edit.object_id for edit in self.layers if edit.is_changed)

    def require(self, object_ids: Iterable[int], num_frames: int) -> None:
        """Raise PromptError when an object or a frame of the edits does not exist."""
        known = set(object_ids)
        for object_id in (*self.order, *(edit.object_id for edit in self.layers)):
            if object_id not in known:
                there = ", ".join(map(str, sorted(known))) or "none"
                raise PromptError(f"there is no object {object_id}; the objects are {there}")
        for edit in self.layers:
            if edit.freeze is not None and edit.freeze >= num_frames:
                raise PromptError(f"frame {edit.freeze} is not in the clip; it has frames 0 to {num_frames - 1}")


def scene_from_json(data: Mapping[str, Any]) -> SceneEdits:
    """The reverse of ``SceneEdits.json``; {} gives a scene without edits.

    Raises TypeError, ValueError or PromptError on damage.
    """
    if strange := sorted(set(data) - {"order", "layers"}):
        raise ValueError(f"a scene has keys that this version does not know: {', '.join(strange)}")
    layers = tuple(LayerEdit(**edit) for edit in data.get("layers", ()))
    order = tuple(data.get("order", ()))
    if not all(type(object_id) is int for object_id in (*order, *(edit.object_id for edit in layers))):
        raise ValueError(f"objects of a scene are named by whole numbers; got {data}")
    return SceneEdits(order, layers)
