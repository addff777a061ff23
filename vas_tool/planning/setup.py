"""The set-up of an engine, which is an input of its results: settings, windows, and whether seed and camera count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import SettingValue
from vas_tool.errors import EngineError
from vas_tool.project.truth import Truth
from vas_tool.types import STAGES, Stage


@dataclass(frozen=True)
class Setup:
    """The set-up of an engine, which is an input of its results beside the masks."""

    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    """Name of a parameter -> value, for all parameters of the engine."""
    afterwards: Collection[str] = ()
    """Names of the parameters that change only the use of the model's answer, not the answer."""
    reach: Sequence[range] = ()
    """For each frame, the frames whose masks are inputs of its result (``reach_of``). Empty: all frames are."""
    seeded: bool = True
    """Whether the result depends on the seed."""

    @property
    def of_the_model(self) -> dict[str, SettingValue]:
        """Return the settings that change the model's answer."""
        return {name: value for name, value in self.settings.items() if name not in self.afterwards}


SetupOf = Callable[[str], Setup]
"""A function: engine name -> its set-up. It returns the same object for the same name."""


@lru_cache(maxsize=16)
def reach_of(windows: tuple[range, ...], num_frames: int) -> list[range]:
    """Return, for each frame, the range of frames that share a window with it."""
    first, last = list(range(num_frames)), list(range(1, num_frames + 1))
    for window in windows:
        for f in window:
            first[f], last[f] = min(first[f], window.start), max(last[f], window.stop)
    known: dict[tuple[int, int], range] = {}
    return [known.setdefault(ends, range(*ends)) for ends in zip(first, last, strict=True)]


def chosen_engine(truth: Truth, stage: Stage) -> EngineSpec:
    """Return the engine that would run now for a stage. Raises EngineError when the chosen one is unknown here."""
    return registry.spec_of(stage, truth.engines.get(stage, registry.AUTO))


ChosenEngines = Mapping[Stage, EngineSpec | None]
"""Stage -> the engine that would run now; None for one that is unknown here."""


def chosen_engines(truth: Truth) -> ChosenEngines:
    """Return the engines that would run now. It searches this computer for weights and packages."""
    found: dict[Stage, EngineSpec | None] = dict.fromkeys(STAGES)
    for stage in STAGES:
        with suppress(EngineError):
            found[stage] = chosen_engine(truth, stage)
    return found


def settings_now(truth: Truth, spec: EngineSpec) -> dict[str, SettingValue]:
    """Return a value for each parameter of an engine, and the stored values of parameters that this version does not
    have.
    """
    kept = truth.settings_of(spec.stage, spec.name)
    try:
        return registry.resolved_settings(spec, kept)
    except EngineError:  # told when it runs; what is stale must be known all the same
        return {**registry.resolved_settings(spec), **kept}


def windows_of(truth: Truth, spec: EngineSpec, num_frames: int) -> Sequence[range]:
    """Return the windows of an engine on a clip, with its present settings; none for an engine that takes the whole
    clip.
    """
    if spec.windows is None:
        return ()
    try:
        settings = registry.resolved_settings(spec, truth.settings_of(spec.stage, spec.name))
    except EngineError:  # told when it runs; what is stale must be known all the same
        settings = registry.resolved_settings(spec)
    return spec.windows(num_frames, settings)


def setups(truth: Truth, stage: Stage, num_frames: int) -> SetupOf:
    """Return a function: engine name -> its set-up with the present settings; an empty one for an unknown engine."""
    specs = {spec.name: spec for spec in registry.engines_of(stage)}

    @cache
    def setup_of(engine: str) -> Setup:
        if engine not in specs:
            return Setup()
        spec = specs[engine]
        windows = windows_of(truth, spec, num_frames)
        reach = reach_of(tuple(windows), num_frames) if windows else ()
        afterwards = [parameter.name for parameter in spec.parameters if parameter.afterwards]
        camera = truth.intrinsics if spec.uses_camera else None
        known: dict[str, SettingValue] = {} if camera is None else {"intrinsics": str(camera)}
        return Setup({**settings_now(truth, spec), **known}, afterwards, reach, seeded=spec.seeded)

    return setup_of
