"""What somebody asks for, and the runs that a plan makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vas_tool.hypotheses import Recipe
from vas_tool.planning.cost import StageCost
from vas_tool.planning.spans import Direction
from vas_tool.planning.staleness import REASONS, Outdated
from vas_tool.types import Stage

Layer = Literal["modal", "depth", "uncropped", "hypotheses", "amodal", "content"]
"""Where results go: a project's folders."""

COMPLETION: tuple[Stage, ...] = ("depth", "amodal", "content")
"""The stages after tracking."""


@dataclass(frozen=True)
class Request:
    """What somebody wants to be made."""

    object_ids: tuple[int, ...]
    stages: tuple[Stage, ...] = COMPLETION
    seeds: tuple[int, ...] = ()
    """Of hypotheses of the amodal stage, to be made in place of its masks; none: the masks."""
    again: bool = False
    """Results of other engines than the chosen ones, whether or not they are out of date."""
    ask: bool = False
    """Segment: answer the clicks and boxes as well, before tracking."""
    frame_index: int = 0
    direction: Direction = "both"
    """Of tracking: where the person is, and the way to go from there."""


@dataclass(frozen=True)
class StageRun:
    """One run of one engine, for one object or (depth) for the clip; or results that are taken from what is there."""

    stage: Stage
    engine: str
    layer: Layer
    cost: StageCost
    object_id: int | None = None
    frames: frozenset[int] = frozenset()
    """The results to be made."""
    spans: tuple[range, ...] = ()
    """What the engine is asked for, in this order; answers on other frames than ``frames`` do not count."""
    prompted: tuple[int, ...] = ()
    """Segment: frames whose clicks and box are answered before tracking."""
    quick: bool = False
    """Segment: the answer that is there at once will do."""
    seeds: tuple[int, ...] = ()
    recipe: Recipe | None = None
    """How amodal masks follow from hypotheses that are there: no engine runs."""
    kept: frozenset[int] = frozenset()
    """Frames whose result is taken from what is there: from hypotheses, or from amodal masks that fit."""
    clear: frozenset[int] = frozenset()
    """Frames whose result is what is seen, because nothing can hide the object there: no engine is asked."""
    crops: bool = False
    """The engine looks through crops around the amodal boxes."""
    num_kept_windows: int = 0
    """Windows that are taken from the project's cache."""
    again: bool = False
    """Asked for by name: it is made even where it turns out to be up to date, and undo brings back what was there."""
    reason: str = ""
    """Why, in words."""

    @property
    def makes_any(self) -> bool:
        """Whether it stores any result."""
        return bool(self.frames or self.kept or self.clear)


Plan = tuple[StageRun, ...]

MISSING, OTHERS, CHOSEN = "missing", "made by another engine", "chosen"
"""Reasons that are no change."""


def reason_of(outdated: Outdated, *, missing: bool) -> str:
    """Why results are made: because there are none, and because of what has changed."""
    return ", ".join([MISSING] * missing + [REASONS[name] for name in REASONS if name in outdated.reasons])
