"""The windows of an object that are in the project's cache. They need no computation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.planning.fingerprint import digest_of
from vas_tool.planning.setup import windows_of
from vas_tool.planning.staleness import Staleness
from vas_tool.work import windows_with

LabelOf = Callable[[range, int], str]
"""A function: window, seed -> a digest of all inputs of the model's answer, computed without reading pixels."""


def label_of(staleness: Staleness, spec: EngineSpec, *, crops: bool) -> LabelOf:
    """Return the function that gives an engine's windows of one object their labels in the cache. ``crops``: the engine
    takes crops.
    """
    if spec.stage == "content":
        inside = staleness.content_inputs.of_window
    else:
        inside = (staleness.amodal_inputs if crops else staleness.uncropped_inputs).of_window
    made_by = _made_by(spec)

    def label(window: range, seed: int) -> str:
        made_from = digest_of([*made_by, inside(window, seed, engine=spec.name)])
        return f"{spec.stage}-{staleness.object_id}-{made_from}"

    return label


def kept_numbers(
    staleness: Staleness, spec: EngineSpec, seeds_on: Mapping[int, Collection[int]], *, crops: bool
) -> frozenset[int]:
    """Return the indices of the windows that need no computation for the frames and seeds of ``seeds_on``."""
    snapshot = staleness.snapshot
    windows = windows_of(snapshot.truth, spec, snapshot.num_frames)
    if not windows or not snapshot.kept_windows:
        return frozenset()
    label, kept = label_of(staleness, spec, crops=crops), set()
    for number in windows_with(seeds_on, windows):
        window = windows[number]
        seeds = {seed for f in window if f in seeds_on for seed in seeds_on[f]}
        if all((label(window, seed), seed) in snapshot.kept_windows for seed in seeds):
            kept.add(number)
    return frozenset(kept)


def _made_by(spec: EngineSpec) -> list[Any]:
    """Return the inputs of an answer beside the project: engine, weights, packages, and the kind of computer."""
    marks = [weights.mark() for weights in (*spec.weights, *spec.also)]
    return [spec.name, spec.revision, marks, [package_version(name) for name in spec.packages], registry.has_gpu()]


@cache
def package_version(package: str) -> str:
    """Return the version of an installed package, "" when it is not installed."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return ""
