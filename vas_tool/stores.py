"""The protocol of a store, from which runs read their inputs and into which they put results; and a store in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vas_tool.boxes.cropping import CropPlan
from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.engines.registry import AUTO
from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.errors import PromptError
from vas_tool.planning.cost import StageCost
from vas_tool.planning.plan import Layer, Plan, StageRun
from vas_tool.types import STAGES, Canvas, Clip, Content, Depth, Mask, Prompts, Stage
from vas_tool.work import AmodalWork, ContentWork

LAYERS: Mapping[Stage, Layer] = {"segment": "modal", "depth": "depth", "amodal": "amodal", "content": "content"}


class Store(Protocol):
    """The place from which runs read their inputs and into which they put results."""

    @property
    def clip(self) -> Clip:
        """The frames of the clip."""
        ...

    def now(self, run: StageRun, *, progress: Progress) -> StageRun:
        """Return the run without the frames that are up to date when it starts. Raises what ``progress`` raises."""
        ...

    def take_kept(self, run: StageRun, *, progress: Progress) -> Iterator[int]:
        """Store the results of ``run.kept`` and ``run.clear``, which need no engine. Yields their frames."""
        ...

    def settings(self, run: StageRun) -> Settings:
        """Return the engine's parameters that differ from their defaults."""
        ...

    def prompts(self, run: StageRun, span: range) -> Prompts:
        """Return the clicks, boxes and masks from which a span is tracked."""
        ...

    def prompts_on(self, run: StageRun, frame_index: int) -> Prompts:
        """Return the clicks, boxes and masks from which the mask of one frame is made."""
        ...

    def amodal_work(self, run: StageRun, span: range) -> tuple[AmodalWork, CropPlan | None]:
        """The input of the amodal stage, and the crops of the picture that the engine gets (None: the whole
        picture).
        """
        ...

    def content_work(self, run: StageRun, span: range) -> ContentWork:
        """Return the input of the content stage."""
        ...

    def put(self, run: StageRun, frame_index: int, answer: Any) -> bool:
        """Store one result. Returns False when the person settled the frame meanwhile. Raises Cancelled after an
        undo.
        """
        ...


@dataclass
class Layers:
    """The results of the stages by frame."""

    modal: dict[int, Mask] = field(default_factory=dict)
    """frame_index -> (H, W) bool."""
    depth: dict[int, Depth] = field(default_factory=dict)
    """frame_index -> (H, W) float32, 1 = nearest."""
    amodal: dict[int, Mask] = field(default_factory=dict)
    """frame_index -> (canvas H, W) bool."""
    content: dict[int, Content] = field(default_factory=dict)
    """frame_index -> (canvas H, W, 4) uint8 RGBA."""


@dataclass(frozen=True)
class MemoryStore:
    """A ``Store`` in memory: the prompts of one object, and the results of the stages."""

    clip: Clip
    given_prompts: Prompts
    canvas: Canvas
    seed: int
    set_of: Mapping[Stage, Settings]
    """Stage -> the engine's parameters that differ from their defaults."""
    layers: Layers
    engines: Mapping[Stage, str] = field(default_factory=dict)
    """Stage -> name of the engine, as the caller gave it."""

    def now(self, run: StageRun, *, progress: Progress) -> StageRun:
        """Return the run as it was planned, because nothing is stored before it."""
        return run

    def take_kept(self, run: StageRun, *, progress: Progress) -> Iterator[int]:
        """Yield no frame, because nothing exists before a run."""
        return iter(())

    def settings(self, run: StageRun) -> Settings:
        """Return the engine's parameters that differ from their defaults."""
        return self.set_of.get(run.stage, NO_SETTINGS)

    def prompts(self, run: StageRun, span: range) -> Prompts:
        """Return all prompts of the object."""
        return self.given_prompts

    def prompts_on(self, run: StageRun, frame_index: int) -> Prompts:
        """Return all prompts of the object."""
        return self.given_prompts

    def amodal_work(self, run: StageRun, span: range) -> tuple[AmodalWork, CropPlan | None]:
        """Return the masks and depth that exist so far; no crops."""
        made, settings = self.layers, self.settings(run)
        work = AmodalWork(
            self.clip,
            made.modal,
            made.depth,
            canvas=self.canvas,
            frame_indices=span,
            seed=self.seed,
            settings=settings,
        )
        return work, None

    def content_work(self, run: StageRun, span: range) -> ContentWork:
        """Return the masks that exist so far."""
        made, settings = self.layers, self.settings(run)
        is_same = self.engines.get("amodal") == self.engines.get("content")
        return ContentWork(
            self.clip,
            made.modal,
            made.amodal,
            canvas=self.canvas,
            frame_indices=span,
            seed=self.seed,
            settings=settings,
            depth=made.depth,
            amodal_settings=self.set_of.get("amodal", NO_SETTINGS) if is_same else NO_SETTINGS,
        )

    def put(self, run: StageRun, frame_index: int, answer: Any) -> bool:
        """Store a result."""
        layer: dict[int, Any] = getattr(self.layers, run.layer)
        layer[frame_index] = answer.mask if run.stage == "segment" else answer
        return True


def plan_whole_clip(
    prompts: Prompts, num_frames: int, *, stages: Collection[Stage], engines: Mapping[Stage, str]
) -> Plan:
    """Plan every stage on all frames. Raises PromptError when there is nothing to track from, EngineError for an
    unknown engine.
    """
    runs = []
    for stage in [stage for stage in STAGES if stage in stages]:
        spec = registry.spec_of(stage, engines.get(stage, AUTO))
        spans = spans_of(prompts, num_frames) if stage == "segment" else [range(num_frames)]
        cost = StageCost(stage, spec.name, num_frames, None, None)
        frames = frozenset(range(num_frames))
        runs.append(StageRun(stage, spec.name, LAYERS[stage], cost, frames=frames, spans=tuple(spans)))
    return tuple(runs)


def spans_of(prompts: Prompts, num_frames: int) -> list[range]:
    """Return the spans to track: forwards from the first prompted frame, then backwards. Raises PromptError without
    one.
    """
    if not prompts.frame_indices:
        raise PromptError("nothing is prompted; click the object on one frame first")
    first = prompts.frame_indices[0]
    return [span for span in (range(first, num_frames), range(first - 1, -1, -1)) if len(span)]


def checked_settings(engines: Mapping[Stage, str], settings: Mapping[Stage, Settings]) -> dict[Stage, Settings]:
    """Return the checked settings by stage, also of stages that do not run, so that a misspelt one raises
    EngineError.
    """
    given = {stage: (registry.spec_of(stage, engines.get(stage, AUTO)), kept) for stage, kept in settings.items()}
    return {stage: registry.checked_settings(spec, kept) for stage, (spec, kept) in given.items()}
