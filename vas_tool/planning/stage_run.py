"""Requests, and the runs that a plan makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vas_tool.hypotheses import Recipe
from vas_tool.planning.cost import StageCost
from vas_tool.planning.spans import Direction
from vas_tool.planning.staleness import REASONS, Outdated
from vas_tool.types import Stage

Layer = Literal["modal", "depth", "uncropped", "hypotheses", "amodal", "content"]
"""The layer of a project that takes the results."""

COMPLETION: tuple[Stage, ...] = ("depth", "amodal", "content")
"""The stages after tracking."""


@dataclass(frozen=True)
class Request:
    """A request for results."""

    object_ids: tuple[int, ...]
    stages: tuple[Stage, ...] = COMPLETION
    seeds: tuple[int, ...] = ()
    """Seeds of the amodal hypotheses to make. Empty: make the amodal masks."""
    again: bool = False
    """Make results of engines other than the chosen ones again, whether or not they are out of date."""
    ask: bool = False
    """Segment: make the masks of prompted frames before tracking."""
    frame_index: int = 0
    direction: Direction = "both"
    """Direction of tracking from the frame that the person looks at."""


@dataclass(frozen=True)
class StageRun:
    """One run of one engine, for one object or (depth) for the clip, or results that are copied from existing ones."""

    stage: Stage
    engine: str
    layer: Layer
    cost: StageCost
    object_id: int | None = None
    frames: frozenset[int] = frozenset()
    """The results to be made."""
    spans: tuple[range, ...] = ()
    """The ranges that the engine runs on, in this order. Results on frames outside ``frames`` are not stored."""
    prompted: tuple[int, ...] = ()
    """Segment: frames whose masks are made from their clicks and box before tracking."""
    quick: bool = False
    """Segment: a fast, less exact answer is enough."""
    seeds: tuple[int, ...] = ()
    recipe: Recipe | None = None
    """How amodal masks are made from existing hypotheses, without an engine."""
    kept: frozenset[int] = frozenset()
    """Frames whose result is copied from existing hypotheses or amodal masks."""
    clear: frozenset[int] = frozenset()
    """Frames whose result is the visible part, because nothing can hide the object there. No engine runs on them."""
    crops: bool = False
    """Whether the engine takes crops around the amodal boxes."""
    num_kept_windows: int = 0
    """Number of windows that are read from the project's cache."""
    again: bool = False
    """Whether the person asked for these results by name. They are made even if they are up to date, and undo restores
    the earlier ones.
    """
    reason: str = ""
    """The reason of the run, as text."""

    @property
    def makes_any(self) -> bool:
        """Whether the run stores any result."""
        return bool(self.frames or self.kept or self.clear)


Plan = tuple[StageRun, ...]

MISSING, OTHERS, CHOSEN = "missing", "made by another engine", "chosen"
"""Reasons of a run other than a changed input."""


def reason_of(outdated: Outdated, *, missing: bool) -> str:
    """Return the reason of a run as text: results are missing, or inputs have changed."""
    return ", ".join([MISSING] * missing + [REASONS[name] for name in REASONS if name in outdated.reasons])
