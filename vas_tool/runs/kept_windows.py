"""Which windows of an object were computed already: they are taken from the project's cache, and cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.planning.fingerprint import digest_of
from vas_tool.planning.setup import windows_of
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.project.window_cache import FOLDER, WindowCache
from vas_tool.runs.spans import windows_with
from vas_tool.work import WindowAnswer, WindowKey, WindowStore


@dataclass(frozen=True)
class ObjectWindows:
    """A WindowStore for one object and stage."""

    cache: WindowCache
    label_of: Callable[[range, int], str]
    """Window, seed -> what stands for all that the answer follows from, told without reading a pixel."""

    def read(self, key: WindowKey) -> WindowAnswer | None:
        """See WindowStore."""
        return self.cache.read(key, label=self.label_of(key.window, key.seed))

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        """See WindowStore."""
        self.cache.keep(key, answer, label=self.label_of(key.window, key.seed))


def window_store(project: Project, object_id: int, spec: EngineSpec, *, boxed: bool = False) -> WindowStore | None:
    """Where an engine keeps its windows of an object, as things are now; None for one without windows.

    ``boxed``: of a run through crops.
    """
    if not windows_of(project.truth, spec, len(project.clip)):
        return None
    return _object_windows(project, object_id, spec, boxed=boxed)


def kept_numbers(
    project: Project, object_id: int, spec: EngineSpec, *, seeds_on: Mapping[int, Collection[int]]
) -> frozenset[int]:
    """The numbers of the windows that need not be computed to make the frames of ``seeds_on`` with their seeds.

    None of an object with amodal boxes: it is seen through crops.
    """
    windows = windows_of(project.truth, spec, len(project.clip))
    if not windows or (spec.stage == "amodal" and project.truth.object(object_id).amodal_boxes):
        return frozenset()
    store = _object_windows(project, object_id, spec)
    there, kept = store.cache.labelled(), set()
    for number in windows_with(seeds_on, windows) if there else ():
        window = windows[number]
        seeds = {seed for f in window if f in seeds_on for seed in seeds_on[f]}
        if all((store.label_of(window, seed), seed) in there for seed in seeds):
            kept.add(number)
    return frozenset(kept)


def _object_windows(project: Project, object_id: int, spec: EngineSpec, *, boxed: bool = False) -> ObjectWindows:
    if spec.stage == "amodal":
        staleness = staleness_of(project, object_id)
        label = (staleness.amodal_inputs if boxed else staleness.uncropped_inputs).of_window
    else:
        label = staleness_of(project, object_id).content_inputs.of_window

    made_by = _made_by(spec)

    def label_of(window: range, seed: int) -> str:
        return f"{spec.stage}-{object_id}-{digest_of([*made_by, label(window, seed, engine=spec.name)])}"

    return ObjectWindows(WindowCache(project.folder / FOLDER), label_of)


def _made_by(spec: EngineSpec) -> list[Any]:
    """What an answer follows from beside the project: engine, weights, packages, and what kind of computer it is."""
    marks = [weights.mark() for weights in spec.weights]
    return [spec.name, spec.revision, marks, [_version(name) for name in spec.packages], registry.has_gpu()]


@cache
def _version(package: str) -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return ""
