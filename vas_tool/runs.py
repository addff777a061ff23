"""The stages run over a project: what is missing or stale is made, what the person vouched for is left alone.

Every finished frame is stored at once, under the edit that asked for it, so a stop keeps it and undo takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal

from vas_tool.engines import registry
from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.errors import Cancelled
from vas_tool.made_from import ModalInputs
from vas_tool.object_layers import prompts_of, said_on
from vas_tool.pipeline import AmodalWork, ContentWork, amodal_masks, content_pictures, depth_maps, modal_masks
from vas_tool.project import Project
from vas_tool.review import depth_inputs, engine_name, stale_stages, wanted_inputs, windows_of
from vas_tool.spans import contiguous, stretches
from vas_tool.storage import LayerFolder, Picture, Stamp
from vas_tool.truth import AnnotatedObject
from vas_tool.types import Stage

OnFrame = Callable[[int], None]
"""Told of every frame whose pictures changed."""


def ignore_frame(frame_index: int) -> None:
    """For callers who do not follow along."""


# --- segment ------------------------------------------------------------------------------------------------------


def segment_frame(project: Project, object_id: int, frame_index: int, *, edit_id: int, quick: bool = False) -> bool:
    """Answer what was said on one frame and store the mask; False when it was taken back in the meantime."""
    modal = project.modal(object_id)
    asked = said_on(modal.thing, frame_index)
    loaded = registry.load("segment", engine_name(project, "segment"))
    with loaded.lock:
        mask = loaded.engine.segment(project.clip, frame_index, prompts_of(modal), quick=quick)
    with project.mutex:
        if not project.is_done(edit_id) or said_on(project.truth.object(object_id), frame_index) != asked:
            return False
        with project.under(edit_id):
            modal.layers.modal.put(frame_index, mask, _stamp(loaded.spec, inputs=asked))
    return True


def prepare_frame(project: Project, frame_index: int) -> None:
    """Let the segment engine get ready for a click on a frame."""
    loaded = registry.load("segment", engine_name(project, "segment"))
    with loaded.lock:
        loaded.engine.prepare(project.clip, frame_index)


def track(
    project: Project,
    object_id: int,
    spans: list[range],
    *,
    edit_id: int,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make the modal masks of ``spans`` (see ``frames_to_track``). Raises Cancelled; finished frames are stored.

    A span is answered as the engine would answer it alone, from all that the person said on any frame. When it begins
    beside a tracked frame (a run was stopped there), that frame's mask counts as said too: it is all that is left of
    what the engine remembered. A mask at its far end does not: errors would be handed on as truth.
    """
    loaded = registry.load("segment", engine_name(project, "segment"))
    total, done = sum(len(span) for span in spans), 0

    def step(_done: int, _total: int, _what: str) -> None:
        progress(done, total, "modal masks")

    for span in spans:
        modal = project.modal(object_id)
        inputs = ModalInputs(modal.thing)
        prompts = prompts_of(modal, also=(span[0] - span.step,))
        for tracked in modal_masks(project.clip, prompts, span, segmenter=loaded, progress=step):
            stamp = _tracked_stamp(loaded.spec, tracked, inputs=inputs(tracked.frame_index))
            if _store_tracked(project, object_id, tracked, edit_id=edit_id, stamp=stamp):
                on_frame(tracked.frame_index)
            done += 1
            step(0, 0, "")


def _store_tracked(project: Project, object_id: int, tracked: TrackedFrame, *, edit_id: int, stamp: Stamp) -> bool:
    with project.mutex:
        thing = _still_wanted(project, object_id, edit_id)
        if tracked.frame_index in thing.prompted() or tracked.frame_index in thing.accepted:
            return False  # the person settled this frame while the tracker was on its way
        with project.under(edit_id):
            project.layers(object_id).modal.put(tracked.frame_index, tracked.mask, stamp)
    return True


# --- depth, amodal, content ---------------------------------------------------------------------------------------


def estimate_depth(
    project: Project,
    frames: Collection[int],
    *,
    again_under: int | None = None,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make the depth maps that are missing or stale. Depth belongs to the clip, not to an edit: undo leaves it.

    Depths of two engines cannot be compared. So what another engine made stays while nothing is missing, and is made
    again, on the whole clip, as soon as anything is. ``again_under`` names the edit under which the person asked for
    that outright: its undo brings the old depth back.
    """
    loaded = registry.load("depth", engine_name(project, "depth"))
    wanted = _stamp(loaded.spec, inputs=depth_inputs(project, loaded.spec.name))
    stamps = {f: project.depth.stamp(f) for f in {*frames, *project.depth}}
    missing = {f for f in frames if (s := stamps[f]) is None or s.inputs != depth_inputs(project, s.engine)}
    if missing or again_under is not None:
        missing |= {f for f, s in stamps.items() if s and (s.engine, s.revision) != (wanted.engine, wanted.revision)}
    settings = project.truth.settings_of("depth", loaded.spec.name)
    for run in contiguous(sorted(missing)):
        maps = depth_maps(project.clip, run, estimator=loaded, settings=settings, progress=progress)
        for frame_index, depth in maps:
            with project.under(again_under) if again_under is not None else nullcontext():
                project.depth.put(frame_index, depth, wanted)
            on_frame(frame_index)


def complete_amodal(
    project: Project,
    object_id: int,
    *,
    edit_id: int,
    only: Collection[int] | None = None,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make the amodal masks that are missing or outdated (or ``only`` these), on frames that have a modal mask."""
    modal, layers = project.modal(object_id), project.layers(object_id)
    inputs, _ = wanted_inputs(project, object_id)
    needed = _to_make(project, object_id, "amodal", among=set(modal)) if only is None else set(only) & set(modal)
    if not needed:
        return
    loaded = registry.load("amodal", engine_name(project, "amodal"))
    seed, settings = project.truth.seed, project.truth.settings_of("amodal", loaded.spec.name)
    for span in stretches(needed, windows_of(project, loaded.spec)):
        work = AmodalWork(
            project.clip, modal, project.depth, canvas=project.canvas, frame_indices=span, seed=seed, settings=settings
        )
        for frame_index, mask in amodal_masks(work, completer=loaded, progress=progress):
            if frame_index in needed:
                stamp = _stamp(loaded.spec, inputs=inputs(frame_index, loaded.spec.name), seed=seed)
                _store(project, object_id, layers.amodal, edit_id=edit_id, item=(frame_index, mask, stamp))
                on_frame(frame_index)


def complete_content(
    project: Project,
    object_id: int,
    *,
    edit_id: int,
    only: Collection[int] | None = None,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make the content that is missing or outdated (or ``only`` this), on frames that have an amodal mask."""
    amodal, layers = project.amodal(object_id), project.layers(object_id)
    _, inputs = wanted_inputs(project, object_id)
    needed = _to_make(project, object_id, "content", among=set(amodal)) if only is None else set(only) & set(amodal)
    if not needed:
        return
    loaded = registry.load("content", engine_name(project, "content"))
    seed, settings = project.truth.seed, project.truth.settings_of("content", loaded.spec.name)
    for span in stretches(needed, windows_of(project, loaded.spec)):
        work = ContentWork(
            project.clip, amodal.modal, amodal, canvas=project.canvas, frame_indices=span, seed=seed, settings=settings
        )
        for frame_index, content in content_pictures(work, completer=loaded, progress=progress):
            if frame_index in needed:
                stamp = _stamp(loaded.spec, inputs=inputs(frame_index, loaded.spec.name), seed=seed)
                _store(project, object_id, layers.content, edit_id=edit_id, item=(frame_index, content, stamp))
                on_frame(frame_index)


def complete(
    project: Project,
    object_ids: Iterable[int],
    *,
    edit_id: int,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
    stages: Collection[Stage] = ("depth", "amodal", "content"),
) -> None:
    """Depth, amodal masks and content of each object, as far as ``stages`` asks for them."""
    for object_id in object_ids:
        if "depth" in stages:
            estimate_depth(project, list(project.modal(object_id)), on_frame=on_frame, progress=progress)
        if "amodal" in stages:
            complete_amodal(project, object_id, edit_id=edit_id, on_frame=on_frame, progress=progress)
        if "content" in stages:
            complete_content(project, object_id, edit_id=edit_id, on_frame=on_frame, progress=progress)


def _to_make(project: Project, object_id: int, stage: Literal["amodal", "content"], *, among: set[int]) -> set[int]:
    layers = project.layers(object_id)
    made = set(layers.amodal if stage == "amodal" else layers.content)
    outdated = {f for f, stages in stale_stages(project, object_id).items() if stage in stages}
    return {f for f in among if f not in made or f in outdated}


def _store(
    project: Project,
    object_id: int,
    layer: LayerFolder[Picture],
    *,
    edit_id: int,
    item: tuple[int, Picture, Stamp],
) -> None:
    with project.mutex:
        _still_wanted(project, object_id, edit_id)
        with project.under(edit_id):
            layer.put(*item)


def _still_wanted(project: Project, object_id: int, edit_id: int) -> AnnotatedObject:
    """The object as it is now. Raises Cancelled when the edit was undone or the object deleted under way."""
    things = {thing.id: thing for thing in project.truth.objects}
    if object_id not in things or not project.is_done(edit_id):
        raise Cancelled("the run was undone")
    return things[object_id]


def _tracked_stamp(spec: EngineSpec, tracked: TrackedFrame, *, inputs: str) -> Stamp:
    stamp = _stamp(spec, inputs=inputs, certainty=tracked.certainty)
    return replace(stamp, object_score=tracked.object_score, predicted_iou=tracked.predicted_iou)


def _stamp(spec: EngineSpec, *, inputs: str, seed: int = 0, certainty: float = 1.0) -> Stamp:
    return Stamp(engine=spec.name, revision=spec.revision, seed=seed, inputs=inputs, certainty=float(certainty))
