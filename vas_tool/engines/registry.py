"""Finds engines by name, chooses the best one for this computer, checks settings, and loads engines.

``specs`` lists the engines. An engine is imported on first use and shared by the whole process. A caller holds its lock
for one step of work.
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
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast, overload

from vas_tool.engines import settings as engine_settings
from vas_tool.engines import specs, tuned
from vas_tool.engines.base import AmodalCompleter, ContentCompleter, DepthEstimator, Segmenter
from vas_tool.engines.external import listed
from vas_tool.engines.fair_lock import FairLock
from vas_tool.engines.settings import NO_SETTINGS, Parameter, Settings, SettingValue
from vas_tool.engines.specs import ENGINES as ENGINES
from vas_tool.engines.specs import EngineSpec as EngineSpec
from vas_tool.engines.specs import has_weights as has_weights
from vas_tool.engines.weights import AnyWeights
from vas_tool.errors import EngineError
from vas_tool.types import STAGES, SizeWH, Stage

Engine = TypeVar("Engine", covariant=True)

RESOLUTION = "resolution"
"""Name of the parameter for the size of the model's input, in engines that have it."""

AUTO = "auto"
"""Name that stands for the best engine that is present for a stage."""


LET_GO_AFTER = 60.0
"""Seconds without work after which an engine is unloaded when another engine of its stage is loaded."""

_loaded: dict[EngineSpec, LoadedEngine[object]] = {}
"""Loaded engines. Only a thread that holds the stage's lock in ``_LOADING`` changes them."""

_LOADING = {stage: threading.Lock() for stage in STAGES}
"""Lock of each stage, so that two requests do not load the same weights twice."""


@dataclass(frozen=True)
class LoadedEngine(Generic[Engine]):
    """A loaded engine, and the lock that callers take in turn for one step of work."""

    spec: EngineSpec
    engine: Engine
    lock: FairLock = field(default_factory=FairLock)


def stage_named(name: str) -> Stage:
    """Return the stage of a name. Raises EngineError that lists the stages for an unknown name."""
    for stage in STAGES:
        if stage == name:
            return stage
    raise EngineError(f"there is no stage {name!r}; the stages are {', '.join(STAGES)}")


def engines_of(stage: Stage) -> list[EngineSpec]:
    """Return the engines of one stage: those of the table, best first, then the user's own."""
    return [spec for spec in known_engines() if spec.stage == stage]


def known_engines() -> list[EngineSpec]:
    """Return the engines of the table, then those that were fine-tuned here, then the user's own methods."""
    return [*ENGINES, *tuned.tuned_specs(), *listed.external_specs()]


def spec_of(stage: Stage, name: str = AUTO) -> EngineSpec:
    """Return the table's entry for an engine. Raises EngineError that lists the engines when the name is unknown.

    A path is a folder of weights of one's own (see ``tuned``).

    A name without its last part (``depth-anything-v2``, ``sam2.1``) stands for the best engine of that family that is
    present, or for the first of the family when none is.
    """
    if tuned.looks_like_folder(name):
        return tuned.spec_of_folder(stage_named(stage), Path(name))
    specs = engines_of(stage_named(stage))
    for spec in specs:
        if spec.name == name or (name == AUTO and is_fit(spec) and is_present(spec)):
            return spec
    family = [spec for spec in specs if spec.name.startswith(f"{name}-")]
    if family:
        return next((spec for spec in family if is_fit(spec) and is_present(spec)), family[0])
    added = f"; {listed.how_to_add(name)}" if stage in listed.OPENERS else ""
    raise EngineError(
        f"there is no {stage} engine {name!r}; choose one of {', '.join(s.name for s in specs)} or {AUTO}{added}"
    )


def checked_settings(spec: EngineSpec, settings: Settings = NO_SETTINGS) -> dict[str, SettingValue]:
    """Return the settings, converted to the parameters' types. Raises EngineError that names the parameters or
    values.
    """
    checked = engine_settings.checked(spec.parameters, settings, engine=spec.name)
    if spec.together is not None:
        spec.together(_defaults(spec) | checked)
    return checked


def _defaults(spec: EngineSpec) -> dict[str, SettingValue]:
    return {parameter.name: parameter.default for parameter in spec.parameters}


def parameter_of(spec: EngineSpec, name: str) -> Parameter:
    """Return a parameter of an engine by name. Raises EngineError that lists its parameters, and engines with that
    one.
    """
    found = [parameter for parameter in spec.parameters if parameter.name == name]
    if not found:
        error = engine_settings.unknown(spec.parameters, [name], engine=spec.name)
        raise EngineError(f"{error}{_elsewhere(spec.stage, name)}")
    return found[0]


def _elsewhere(stage: Stage, parameter: str) -> str:
    """Return a sentence on which engines of the stage have a parameter, and how to choose one."""
    having = [spec.name for spec in engines_of(stage) if any(p.name == parameter for p in spec.parameters)]
    return f"; it is one of {', '.join(having)}: --engine {stage}={having[0]}" if having else ""


def resolved_settings(spec: EngineSpec, settings: Settings = NO_SETTINGS) -> dict[str, SettingValue]:
    """Return a value for every parameter of the engine: the setting, else the default. Raises as
    ``checked_settings``.
    """
    return _defaults(spec) | checked_settings(spec, settings)


def model_size(spec: EngineSpec, settings: Settings = NO_SETTINGS) -> SizeWH | None:
    """Return (width, height) of the model's input: the parameter ``resolution`` ("256x512", height first).

    None for an engine that takes pictures of any size.
    """
    resolution = resolved_settings(spec, settings).get(RESOLUTION)
    if not isinstance(resolution, str):
        return None
    height, _, width = resolution.partition("x")
    return int(width), int(height)


def all_weights() -> list[AnyWeights]:
    """Return all weights that engines can use, once each."""
    return list({weights.name: weights for spec in ENGINES for weights in (*spec.weights, *spec.also)}.values())


def is_present(spec: EngineSpec) -> bool:
    """Return whether the engine's packages and weights are present."""
    return has_weights(spec) and not specs.missing_packages(spec)


def is_fit(spec: EngineSpec) -> bool:
    """Return whether this computer runs the engine at an acceptable speed."""
    return not spec.needs_gpu or has_gpu()


@cache
def has_gpu() -> bool:
    """Return whether there seems to be a GPU that torch can use, without importing torch, which takes seconds."""
    return shutil.which("nvidia-smi") is not None or (sys.platform == "darwin" and platform.machine() == "arm64")


def better_engines(spec: EngineSpec) -> list[EngineSpec]:
    """Return better engines of the stage that are not present and that this computer could run, best first.

    For the user's own weights there are none.
    """
    specs = [s for s in ENGINES if s.stage == spec.stage]
    return [s for s in specs[: specs.index(spec)] if is_fit(s) and s.get] if spec in specs else []


@overload
def load(stage: Literal["segment"], name: str = AUTO) -> LoadedEngine[Segmenter]: ...
@overload
def load(stage: Literal["depth"], name: str = AUTO) -> LoadedEngine[DepthEstimator]: ...
@overload
def load(stage: Literal["amodal"], name: str = AUTO) -> LoadedEngine[AmodalCompleter]: ...
@overload
def load(stage: Literal["content"], name: str = AUTO) -> LoadedEngine[ContentCompleter]: ...
def load(stage: Stage, name: str = AUTO) -> LoadedEngine[object]:
    """Return the engine of a name. It is loaded once. Raises EngineError when it is unknown or does not load.

    Loading an engine unloads engines of the same stage that have weights and have not worked for LET_GO_AFTER.
    """
    spec = spec_of(stage, name)
    with _LOADING[stage]:
        if spec not in _loaded:
            _let_idle_go(stage)
            _loaded[spec] = _load(spec)
        return _loaded[spec]


def unload_all() -> None:
    """Unload all engines. One that works is unloaded when its work has ended, because its caller holds it."""
    _loaded.clear()
    gc.collect()


def _let_idle_go(stage: Stage) -> None:
    """Unload the stage's engines with weights that are idle, because the next one may need their memory."""
    idle = [s for s in list(_loaded) if s.stage == stage and s.weights and _loaded[s].lock.idle_seconds > LET_GO_AFTER]
    for spec in idle:
        del _loaded[spec]
    if idle:
        gc.collect()


def _load(spec: EngineSpec) -> LoadedEngine[object]:
    if not is_present(spec):
        lacks = "; ".join(w.lack() for w in spec.lacking) or f"no {', '.join(specs.missing_packages(spec))}"
        raise EngineError(
            f"the {spec.stage} engine {spec.name} is not complete: {lacks}; get the rest with: {spec.get}"
        )
    if sys.platform == "darwin":
        # torch reads it when it is imported. Operations that MPS lacks then run on the CPU, as in SAM2's examples.
        os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    try:
        maker = getattr(importlib.import_module(spec.module), spec.attribute)
        return LoadedEngine(spec, cast(object, maker(**dict(spec.options))))
    except ImportError as error:
        install = spec.install or "pip install vas-tool"
        raise EngineError(f"the {spec.stage} engine {spec.name} lacks a package: {error}; run: {install}") from error
