"""Engines by name (``table`` lists them): which is the best here, what is set of it, and loading it.

Engines are imported on first use and shared by everybody in the process; whoever uses one holds its lock for one step.
"""

from __future__ import annotations

import gc
import importlib
import os
import platform
import shutil
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, Literal, TypeVar, cast, overload

from vas_tool.engines import settings as engine_settings
from vas_tool.engines import table
from vas_tool.engines.base import AmodalCompleter, ContentCompleter, DepthEstimator, Segmenter
from vas_tool.engines.settings import NO_SETTINGS, Parameter, Settings, SettingValue
from vas_tool.engines.table import ENGINES as ENGINES
from vas_tool.engines.table import EngineSpec as EngineSpec
from vas_tool.engines.table import has_weights as has_weights
from vas_tool.engines.turns import Turns
from vas_tool.engines.weights import AnyWeights
from vas_tool.errors import EngineError
from vas_tool.types import STAGES, SizeWH, Stage

Engine = TypeVar("Engine", covariant=True)

RESOLUTION = "resolution"
"""The parameter, of an engine that has one, that says what size its model sees."""

AUTO = "auto"
"""The best engine that is present for a stage."""


LET_GO_AFTER = 60.0
"""Seconds without work after which an engine is let go when another one of its stage is loaded."""

_loaded: dict[EngineSpec, LoadedEngine[object]] = {}
"""Changed only by whoever holds the lock of the stage below."""

_LOADING = {stage: threading.Lock() for stage in STAGES}
"""Two people asking at once must not load the same weights twice."""


@dataclass(frozen=True)
class LoadedEngine(Generic[Engine]):
    """An engine that is ready, and the lock that everybody takes, in turn, for one step of work."""

    spec: EngineSpec
    engine: Engine
    lock: Turns = field(default_factory=Turns)


def stage_named(name: str) -> Stage:
    """A stage by its name. Raises EngineError, listing the stages, for any other."""
    for stage in STAGES:
        if stage == name:
            return stage
    raise EngineError(f"there is no stage {name!r}; the stages are {', '.join(STAGES)}")


def engines_of(stage: Stage) -> list[EngineSpec]:
    """The engines of one stage, best first."""
    return [spec for spec in ENGINES if spec.stage == stage]


def spec_of(stage: Stage, name: str = AUTO) -> EngineSpec:
    """The table's line for a stage. Raises EngineError, listing what there is, when the name is unknown.

    A name that lacks its last part (``depth-anything-v2``, ``sam2.1``) stands for the best of that family that is
    present, and for the first of the family when none is.
    """
    specs = engines_of(stage_named(stage))
    for spec in specs:
        if spec.name == name or (name == AUTO and is_fit(spec) and is_present(spec)):
            return spec
    family = [spec for spec in specs if spec.name.startswith(f"{name}-")]
    if family:
        return next((spec for spec in family if is_fit(spec) and is_present(spec)), family[0])
    raise EngineError(
        f"there is no {stage} engine {name!r}; choose one of {', '.join(s.name for s in specs)} or {AUTO}"
    )


def checked_settings(spec: EngineSpec, settings: Settings = NO_SETTINGS) -> dict[str, SettingValue]:
    """What was set, each value of its parameter's kind. Raises EngineError, saying what there is and what it takes."""
    checked = engine_settings.checked(spec.parameters, settings, engine=spec.name)
    if spec.together is not None:
        spec.together(_defaults(spec) | checked)
    return checked


def _defaults(spec: EngineSpec) -> dict[str, SettingValue]:
    return {parameter.name: parameter.default for parameter in spec.parameters}


def parameter_of(spec: EngineSpec, name: str) -> Parameter:
    """An engine's parameter by its name. Raises EngineError, naming those there are, and the engines that have it."""
    found = [parameter for parameter in spec.parameters if parameter.name == name]
    if not found:
        error = engine_settings.unknown(spec.parameters, [name], engine=spec.name)
        raise EngineError(f"{error}{_elsewhere(spec.stage, name)}")
    return found[0]


def _elsewhere(stage: Stage, parameter: str) -> str:
    """Which engines of the stage have a parameter, and how to choose one."""
    having = [spec.name for spec in engines_of(stage) if any(p.name == parameter for p in spec.parameters)]
    return f"; it is one of {', '.join(having)}: --engine {stage}={having[0]}" if having else ""


def resolved_settings(spec: EngineSpec, settings: Settings = NO_SETTINGS) -> dict[str, SettingValue]:
    """A value for every parameter of the engine: what was set, else the default. Raises as ``checked_settings``."""
    return _defaults(spec) | checked_settings(spec, settings)


def model_size(spec: EngineSpec, settings: Settings = NO_SETTINGS) -> SizeWH | None:
    """Width and height of what an engine's model sees: its parameter ``resolution`` ("256x512", height first).

    None for an engine that takes pictures of any size.
    """
    resolution = resolved_settings(spec, settings).get(RESOLUTION)
    if not isinstance(resolution, str):
        return None
    height, _, width = resolution.partition("x")
    return int(width), int(height)


def all_weights() -> list[AnyWeights]:
    """All weights that some engine can use, once each."""
    return list({weights.name: weights for spec in ENGINES for weights in spec.weights}.values())


def is_present(spec: EngineSpec) -> bool:
    """Whether the engine's packages and weights are there."""
    return has_weights(spec) and not table.missing_packages(spec)


def is_fit(spec: EngineSpec) -> bool:
    """Whether this computer runs the engine at a bearable speed."""
    return not spec.needs_gpu or has_gpu()


@cache
def has_gpu() -> bool:
    """Whether there seems to be a GPU that torch can use. Asked without torch, which takes seconds to import."""
    return shutil.which("nvidia-smi") is not None or (sys.platform == "darwin" and platform.machine() == "arm64")


def better_engines(spec: EngineSpec) -> list[EngineSpec]:
    """The better engines for the stage that are not all here and that this computer is fit for, best first."""
    specs = engines_of(spec.stage)
    return [s for s in specs[: specs.index(spec)] if is_fit(s) and s.get]


@overload
def load(stage: Literal["segment"], name: str = AUTO) -> LoadedEngine[Segmenter]: ...
@overload
def load(stage: Literal["depth"], name: str = AUTO) -> LoadedEngine[DepthEstimator]: ...
@overload
def load(stage: Literal["amodal"], name: str = AUTO) -> LoadedEngine[AmodalCompleter]: ...
@overload
def load(stage: Literal["content"], name: str = AUTO) -> LoadedEngine[ContentCompleter]: ...
def load(stage: Stage, name: str = AUTO) -> LoadedEngine[object]:
    """The engine of that name, loaded once while it is used. Raises EngineError when it is unknown or does not load.

    Loading one lets those of the same stage go that have weights and have not worked for LET_GO_AFTER.
    """
    spec = spec_of(stage, name)
    with _LOADING[stage]:
        if spec not in _loaded:
            _let_idle_go(stage)
            _loaded[spec] = _load(spec)
        return _loaded[spec]


def _let_idle_go(stage: Stage) -> None:
    """Forget the stage's engines with weights that nobody uses: the next one may need their memory."""
    idle = [s for s in list(_loaded) if s.stage == stage and s.weights and _loaded[s].lock.idle_seconds > LET_GO_AFTER]
    for spec in idle:
        del _loaded[spec]
    if idle:
        gc.collect()


def _load(spec: EngineSpec) -> LoadedEngine[object]:
    if not is_present(spec):
        lacks = spec.weights[0].lack() if not has_weights(spec) else f"no {', '.join(table.missing_packages(spec))}"
        raise EngineError(
            f"the {spec.stage} engine {spec.name} is not complete: {lacks}; get the rest with: {spec.get}"
        )
    if sys.platform == "darwin":
        # torch reads it when it is imported: what it lacks on MPS is then computed on the CPU, as in SAM2's examples.
        os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    try:
        maker = getattr(importlib.import_module(spec.module), spec.attribute)
        return LoadedEngine(spec, cast(object, maker(**dict(spec.options))))
    except ImportError as error:
        install = spec.install or "pip install vas-tool"
        raise EngineError(f"the {spec.stage} engine {spec.name} lacks a package: {error}; run: {install}") from error
