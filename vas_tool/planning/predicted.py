"""Predicts the snapshot after a run: its results exist, with unknown pixels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from vas_tool.engines.registry import EngineSpec
from vas_tool.planning.inputs import Columns
from vas_tool.planning.snapshot import Snapshot
from vas_tool.planning.staleness import Staleness
from vas_tool.project.object_stamps import CLEAR, GIVEN
from vas_tool.stamp_index import Stamps

UNKNOWN = "?"
"""The digest of pixels that do not exist yet. No real digest equals it."""


def with_depth(snapshot: Snapshot, frames: Collection[int], spec: EngineSpec) -> Snapshot:
    """Return the snapshot with new depth on these frames."""
    made_from = snapshot.depth_inputs(spec.name)
    inputs: Columns = {"source": [made_from.source] * len(frames), "setup": [made_from.setup] * len(frames)}
    return replace(snapshot, depth=_with(snapshot.depth, frames, spec, inputs=inputs))


def with_results(
    snapshot: Snapshot, object_id: int, frames: Collection[int], *, layer: Literal["modal", "amodal"]
) -> Snapshot:
    """Return the snapshot with new modal or amodal masks of an object on these frames."""
    if not frames:
        return snapshot
    staleness, stamps, order = Staleness(snapshot, object_id), snapshot.objects[object_id], list(frames)
    if layer == "modal":
        spec, made_from = snapshot.engine("segment"), [staleness.modal_inputs.on(f) for f in order]
        inputs = {name: [getattr(one, name) for one in made_from] for name in ("source", "around", "elsewhere")}
        changed = replace(stamps, modal=_with(stamps.modal, order, spec, inputs=inputs))
    else:
        spec = snapshot.engine("amodal")
        inputs = staleness.amodal_inputs.columns(order, [spec.name] * len(order))
        changed = replace(stamps, amodal=_with(stamps.amodal, order, spec, inputs=inputs))
    return replace(snapshot, objects={**snapshot.objects, object_id: changed})


def with_clear(snapshot: Snapshot, object_id: int, frames: Collection[int]) -> Snapshot:
    """Return the snapshot with amodal masks of an object from the occlusion gate on these frames."""
    staleness, stamps, order = Staleness(snapshot, object_id), snapshot.objects[object_id], list(frames)
    columns = {"engine": [CLEAR] * len(order), "digest": [UNKNOWN] * len(order)}
    columns |= staleness.amodal_inputs.columns(order, [CLEAR] * len(order))
    changed = replace(stamps, amodal=stamps.amodal.with_rows(order, columns))
    return replace(snapshot, objects={**snapshot.objects, object_id: changed})


def with_given(snapshot: Snapshot, object_id: int, frames: Collection[int]) -> Snapshot:
    """Return the snapshot with imported modal masks of an object on these frames."""
    stamps = snapshot.objects[object_id]
    obj = replace(stamps.obj, given=tuple(sorted({*stamps.obj.given, *frames})))
    made = {"engine": [GIVEN[0]] * len(frames), "digest": [UNKNOWN] * len(frames)}
    given = stamps.given.with_rows(list(frames), made)
    objects = {**snapshot.objects, object_id: replace(stamps, obj=obj, given=given)}
    return replace(snapshot, truth=snapshot.truth.with_object(obj), objects=objects)


def _with(table: Stamps, frames: Collection[int], spec: EngineSpec, *, inputs: Columns) -> Stamps:
    """Return a table with the results of an engine on these frames; ``inputs`` are the columns of their
    fingerprints.
    """
    made = {"engine": spec.name, "revision": spec.revision, "digest": UNKNOWN}
    columns = {name: [value] * len(frames) for name, value in made.items()}
    return table.with_rows(list(frames), columns | inputs)
