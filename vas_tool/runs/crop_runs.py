"""What the amodal stage is asked over a project: through crops where the object has amodal boxes, else on the picture.

The result without the crop is kept beside, so that a person can see what the box did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from vas_tool.boxes.cropping import CropPlan, plan_crops
from vas_tool.boxes.keyframes import Corners, boxes_by_frame, drawn
from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.pipeline import amodal_masks
from vas_tool.planning.setup import chosen_engine, windows_of
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.runs.kept_windows import window_store
from vas_tool.runs.results import put_result, stamp_by
from vas_tool.runs.spans import stretches
from vas_tool.storage import Stamp
from vas_tool.work import AmodalWork


def amodal_parts(
    project: Project, object_id: int, frames: Collection[int], *, spec: EngineSpec, seed: int = 0
) -> Iterator[tuple[AmodalWork, CropPlan | None, set[int]]]:
    """The works that make the masks of ``frames``: each with its crops, and the frames to be taken from it."""
    plan = crop_plan(project, object_id, spec)
    boxed = set(frames) & set(plan.boxes) if plan is not None else set()
    for part, crops in ((boxed, plan), (set(frames) - boxed, None)):
        for span in stretches(part, windows_of(project.truth, spec, len(project.clip))) if part else []:
            work = _on_the_picture(project, object_id, span, spec=spec, seed=seed)
            store = window_store(project, object_id, spec, boxed=crops is not None)
            yield replace(work, store=store), crops, part


def crop_plan(project: Project, object_id: int, spec: EngineSpec) -> CropPlan | None:
    """The crops of an object for an engine; None when it has no amodal box."""
    modal = project.modal(object_id)
    if not drawn(modal.thing.amodal_boxes):
        return None
    tight = {f: modal.box(f) for f in modal}
    seen: dict[int, Corners] = {f: (*box,) for f, box in tight.items() if box is not None}
    size = registry.model_size(spec, project.truth.settings_of("amodal", spec.name))
    return plan_crops(
        modal.thing.amodal_boxes, rule=project.truth.crop, frame_wh=project.clip.size_wh, size_wh=size, seen=seen
    )


def with_crop(stamp: Stamp, crops: CropPlan | None, frame_index: int) -> Stamp:
    """The stamp of a mask with the numbers of the crop that it was made through."""
    if crops is None:
        return stamp
    crop, box = crops.crops[frame_index], crops.boxes[frame_index]
    return replace(stamp, crop=tuple(crop.to_json()), given_box=box.corners)


def uncropped_to_make(project: Project, object_id: int, frames: Collection[int]) -> dict[int, Stamp]:
    """frame_index -> the stamp that its amodal mask without the crop would get, of those that are wanted and lacking.

    On those of ``frames`` that have a box; nothing when the project's rule does not ask to compare.
    """
    spec, thing, rule = chosen_engine(project.truth, "amodal"), project.truth.object(object_id), project.truth.crop
    boxed = set(boxes_by_frame(thing.amodal_boxes)) & set(frames) - set(thing.accepted)
    if not boxed or not rule.compare:
        return {}
    uncropped, seed = project.layers(object_id).uncropped, project.truth.seed
    inputs = staleness_of(project, object_id).uncropped_inputs
    wanted = {f: stamp_by(spec, made_from=inputs.on(f, spec.name), seed=seed) for f in boxed}
    return {f: stamp for f, stamp in wanted.items() if not _same(uncropped.stamp(f), stamp)}


def keep_uncropped(
    project: Project, object_id: int, frames: Collection[int], *, edit_id: int, progress: Progress = silent
) -> None:
    """Make ``uncropped_to_make``, or keep what is there. To be called before the cropped masks are written."""
    layers = project.layers(object_id)
    wanted = uncropped_to_make(project, object_id, frames)
    there = {f for f, stamp in wanted.items() if _same(layers.amodal.stamp(f), stamp)}
    for frame_index in sorted(there):
        item = (frame_index, layers.amodal[frame_index], wanted[frame_index])
        put_result(project, object_id, layers.uncropped, edit_id=edit_id, item=item)
    missing = set(wanted) - there
    if not missing:
        return
    spec = chosen_engine(project.truth, "amodal")
    loaded = registry.load("amodal", spec.name)
    for span in stretches(missing, windows_of(project.truth, spec, len(project.clip))):
        work = _on_the_picture(project, object_id, span, spec=spec, seed=project.truth.seed)
        work = replace(work, store=window_store(project, object_id, spec))
        for frame_index, mask in amodal_masks(work, completer=loaded, progress=progress):
            if frame_index in missing:
                item = (frame_index, mask, wanted[frame_index])
                put_result(project, object_id, layers.uncropped, edit_id=edit_id, item=item)


def _same(stamp: Stamp | None, wanted: Stamp) -> bool:
    made_from = None if stamp is None else (stamp.engine, stamp.revision, stamp.made_from, stamp.crop)
    return made_from == (wanted.engine, wanted.revision, wanted.made_from, None)


def _on_the_picture(project: Project, object_id: int, span: range, *, spec: EngineSpec, seed: int) -> AmodalWork:
    return AmodalWork(
        project.clip,
        project.modal(object_id),
        project.depth,
        canvas=project.canvas,
        frame_indices=span,
        seed=seed,
        settings=project.truth.settings_of("amodal", spec.name),
    )
