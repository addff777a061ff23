"""A snapshot as it will be when a run has finished: its results are there, with pixels that nobody knows yet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from vas_tool.engines.registry import EngineSpec
from vas_tool.planning.snapshot import Snapshot
from vas_tool.planning.staleness import Staleness
from vas_tool.project.object_stamps import GIVEN
from vas_tool.stamp_index import Stamps, row_of
from vas_tool.stamps import Stamp

UNKNOWN = "?"
"""The digest of pixels that are not made yet: it is unlike all others."""


def with_depth(snapshot: Snapshot, frames: Collection[int], spec: EngineSpec) -> Snapshot:
    """With new depth on these frames."""
    stamp = Stamp(spec.name, spec.revision, made_from=snapshot.depth_inputs(spec.name))
    return replace(snapshot, depth=_with(snapshot.depth, dict.fromkeys(frames, stamp)))


def with_results(
    snapshot: Snapshot, object_id: int, frames: Collection[int], *, layer: Literal["modal", "amodal"]
) -> Snapshot:
    """With new modal or amodal masks of an object on these frames."""
    if not frames:
        return snapshot
    staleness, stamps = Staleness(snapshot, object_id), snapshot.objects[object_id]
    spec = snapshot.engine("segment" if layer == "modal" else "amodal")
    modal, amodal = staleness.modal_inputs, staleness.amodal_inputs
    made_from = {f: modal.on(f) if layer == "modal" else amodal.on(f, spec.name) for f in frames}
    made = {f: Stamp(spec.name, spec.revision, made_from=made_from[f], digest=UNKNOWN) for f in frames}
    table = _with(stamps.modal if layer == "modal" else stamps.amodal, made)
    changed = replace(stamps, modal=table) if layer == "modal" else replace(stamps, amodal=table)
    return replace(snapshot, objects={**snapshot.objects, object_id: changed})


def with_given(snapshot: Snapshot, object_id: int, frames: Collection[int]) -> Snapshot:
    """With imported modal masks of an object on these frames."""
    stamps = snapshot.objects[object_id]
    obj = replace(stamps.obj, given=tuple(sorted({*stamps.obj.given, *frames})))
    given = _with(stamps.given, dict.fromkeys(frames, Stamp(GIVEN[0], digest=UNKNOWN)))
    objects = {**snapshot.objects, object_id: replace(stamps, obj=obj, given=given)}
    return replace(snapshot, truth=snapshot.truth.with_object(obj), objects=objects)


def _with(table: Stamps, made: dict[int, Stamp]) -> Stamps:
    table = table.copy()
    for frame_index, stamp in made.items():
        table.put(frame_index, row_of(stamp, mtime_ns=0, num_bytes=0, size_wh=(0, 0)))
    return table
