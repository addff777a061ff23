"""The table of engines: what there is for each stage, what it needs, and how to get it.

Engines are imported on first use and shared by everybody in the process; whoever uses one holds its lock for one step.
"""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, Literal, TypeVar, cast, overload

from vas_tool.engines.base import AmodalCompleter, ContentCompleter, DepthEstimator, Segmenter
from vas_tool.errors import EngineError
from vas_tool.types import STAGES, Stage

Engine = TypeVar("Engine", covariant=True)

AUTO = "auto"
"""The best engine that is present for a stage."""


@dataclass(frozen=True)
class EngineSpec:
    """One line of the table."""

    stage: Stage
    name: str
    module: str
    attribute: str
    """The class in ``module``; called without arguments."""
    revision: str
    """Of the weights, or of the method when there are none. Changes when results change."""
    licence: str
    size: str
    """Of the weights, in words."""
    note: str
    """One honest sentence for the person: what it is and what to expect."""
    get: str = ""
    """The command that makes the engine available, when something has to be fetched."""


ENGINES: tuple[EngineSpec, ...] = (
    EngineSpec(
        stage="segment",
        name="builtin",
        module="vas_tool.engines.builtin.segment",
        attribute="BuiltinSegmenter",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="Learns colours and textures from your clicks in this clip; knows nothing about objects.",
    ),
    EngineSpec(
        stage="depth",
        name="builtin",
        module="vas_tool.engines.builtin.depth",
        attribute="BuiltinDepth",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="A heuristic from position in the picture and motion, not a measurement: expect it to be wrong in places.",
    ),
    EngineSpec(
        stage="amodal",
        name="builtin",
        module="vas_tool.engines.builtin.amodal",
        attribute="BuiltinAmodal",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="Brings over the outline from frames where the object is clear; cannot guess what no frame shows.",
    ),
    EngineSpec(
        stage="content",
        name="builtin",
        module="vas_tool.engines.builtin.content",
        attribute="BuiltinContent",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="Brings over the object's own pixels from other frames; what none shows is smoothly filled in.",
    ),
)
"""Best first within a stage: ``auto`` takes the first that is present."""


@dataclass(frozen=True)
class LoadedEngine(Generic[Engine]):
    """An engine that is ready, and the lock that everybody takes for one step of work."""

    spec: EngineSpec
    engine: Engine
    lock: threading.RLock = field(default_factory=threading.RLock)


def engines_of(stage: Stage) -> list[EngineSpec]:
    """The engines of one stage, best first."""
    return [spec for spec in ENGINES if spec.stage == stage]


def spec_of(stage: Stage, name: str = AUTO) -> EngineSpec:
    """The table's line for a stage. Raises EngineError, listing what there is, when the name is unknown."""
    if stage not in STAGES:
        raise EngineError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")
    specs = engines_of(stage)
    for spec in specs:
        if name in (AUTO, spec.name):
            return spec
    raise EngineError(
        f"there is no {stage} engine {name!r}; choose one of {', '.join(s.name for s in specs)} or {AUTO}"
    )


def better_than(spec: EngineSpec) -> str:
    """How to get a better engine for the stage, as a command; empty when this version has none."""
    better = [s for s in engines_of(spec.stage)[: engines_of(spec.stage).index(spec)] if s.get]
    return better[0].get if better else ""


@overload
def load(stage: Literal["segment"], name: str = AUTO) -> LoadedEngine[Segmenter]: ...
@overload
def load(stage: Literal["depth"], name: str = AUTO) -> LoadedEngine[DepthEstimator]: ...
@overload
def load(stage: Literal["amodal"], name: str = AUTO) -> LoadedEngine[AmodalCompleter]: ...
@overload
def load(stage: Literal["content"], name: str = AUTO) -> LoadedEngine[ContentCompleter]: ...
def load(stage: Stage, name: str = AUTO) -> LoadedEngine[object]:
    """The engine of that name, loaded once for the process. Raises EngineError when it is unknown or does not load."""
    return _load(spec_of(stage, name))


@cache
def _load(spec: EngineSpec) -> LoadedEngine[object]:
    try:
        maker = getattr(importlib.import_module(spec.module), spec.attribute)
    except ImportError as error:
        raise EngineError(f"the {spec.stage} engine {spec.name} needs a package: {error}; install it") from error
    return LoadedEngine(spec, cast(object, maker()))
