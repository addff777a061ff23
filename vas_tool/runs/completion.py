"""Depth, amodal masks and content over a project: what is missing or outdated is made; accepted frames stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Literal

from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.hypotheses import Recipe
from vas_tool.pipeline import amodal_masks, content_pictures, depth_maps
from vas_tool.planning.setup import chosen_engine, windows_of
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.runs.costs import StageCost, cost_of, measured, total
from vas_tool.runs.crop_runs import amodal_parts, keep_uncropped, uncropped_to_make, with_crop
from vas_tool.runs.hypothesis_runs import Tray, make_hypotheses, take_hypotheses
from vas_tool.runs.kept_windows import kept_numbers, window_store
from vas_tool.runs.results import OnFrame, ignore_frame, put_result, stamp_by
from vas_tool.runs.spans import contiguous, stretches, windows_with
from vas_tool.types import Stage
from vas_tool.work import ContentWork


def depths_to_make(project: Project, frames: Collection[int], spec: EngineSpec) -> set[int]:
    """The frames whose depth is missing or outdated.

    Depths of two engines cannot be compared. So what another engine made stays while nothing is missing, and is made
    again, on the whole clip, as soon as anything is.
    """
    stamps = {f: project.depth.stamp(f) for f in {*frames, *project.depth}}
    made = {f: s for f, s in stamps.items() if s is not None}
    now = snapshot_of(project, [])
    inputs = {engine: now.depth_inputs(engine) for engine in {s.engine for s in made.values()}}
    missing = {f for f in frames if f not in made or made[f].made_from != inputs[made[f].engine]}
    return missing | depths_of_others(project, spec) if missing else missing


def depths_of_others(project: Project, spec: EngineSpec) -> set[int]:
    """The frames whose depth another engine made, or an older revision."""
    stamps = {f: project.depth.stamp(f) for f in project.depth}
    return {f for f, s in stamps.items() if s and (s.engine, s.revision) != (spec.name, spec.revision)}


def estimate_depth(
    project: Project,
    frames: Collection[int],
    *,
    again_under: int | None = None,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make ``depths_to_make``. Depth belongs to the clip, not to an edit: undo leaves it.

    ``again_under`` names the edit under which the person asked outright for what another engine made to be made again:
    its undo brings the old depth back.
    """
    spec = chosen_engine(project.truth, "depth")
    needed = depths_to_make(project, frames, spec)
    if again_under is not None:
        needed |= depths_of_others(project, spec)
    if not needed:
        return
    loaded = registry.load("depth", spec.name)
    stamp = stamp_by(loaded.spec, made_from=snapshot_of(project, []).depth_inputs(spec.name))
    settings = project.truth.settings_of("depth", spec.name)
    with measured(project, spec, needed):
        for run in contiguous(sorted(needed)):
            maps = depth_maps(project.clip, run, estimator=loaded, settings=settings, progress=progress)
            for frame_index, depth in maps:
                with project.under(again_under) if again_under is not None else nullcontext():
                    project.depth.put(frame_index, depth, stamp)
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
    """Make the amodal masks that are missing or outdated (or ``only`` these), on frames that have a modal mask.

    On each frame by the hypothesis that was chosen there; one that lies in the tray already is taken from it.
    """
    modal = project.modal(object_id)
    needed = to_make(project, object_id, "amodal", among=set(modal)) if only is None else set(only) & set(modal)
    if needed:
        keep_uncropped(project, object_id, needed, edit_id=edit_id, progress=progress)
    seeded = chosen_engine(project.truth, "amodal").seeded
    by_recipe: dict[Recipe, set[int]] = {}
    for frame_index in needed:
        recipe = project.truth.recipe_on(modal.thing, frame_index) if seeded else Recipe.of_seed(project.truth.seed)
        by_recipe.setdefault(recipe, set()).add(frame_index)
    for recipe, frames in by_recipe.items():
        take = partial(
            take_hypotheses, project, object_id, recipe=recipe, ours=True, edit_id=edit_id, on_frame=on_frame
        )
        left = frames - take(frames)
        if left and len(recipe.seeds) == 1:
            _run_one_seed(
                project, object_id, left, recipe=recipe, edit_id=edit_id, on_frame=on_frame, progress=progress
            )
        elif left:
            make_hypotheses(project, object_id, recipe.seeds, only=left, edit_id=edit_id, progress=progress)
            take(left)


def _run_one_seed(
    project: Project,
    object_id: int,
    frames: set[int],
    *,
    recipe: Recipe,
    edit_id: int,
    on_frame: OnFrame,
    progress: Progress,
) -> None:
    layers, (seed,) = project.layers(object_id), recipe.seeds
    inputs = staleness_of(project, object_id).amodal_inputs
    loaded = registry.load("amodal", chosen_engine(project.truth, "amodal").name)
    kept = kept_numbers(project, object_id, loaded.spec, seeds_on=dict.fromkeys(frames, (seed,)))
    with measured(project, loaded.spec, frames, kept=kept):
        for work, crops, part in amodal_parts(project, object_id, frames, spec=loaded.spec, seed=seed):
            for frame_index, mask in amodal_masks(work, completer=loaded, crops=crops, progress=progress):
                if frame_index in part:
                    stamp = stamp_by(loaded.spec, made_from=inputs.on(frame_index, loaded.spec.name), seed=seed)
                    stamp = with_crop(stamp, crops, frame_index)
                    put_result(project, object_id, layers.amodal, edit_id=edit_id, item=(frame_index, mask, stamp))
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
    inputs = staleness_of(project, object_id).content_inputs
    needed = to_make(project, object_id, "content", among=set(amodal)) if only is None else set(only) & set(amodal)
    if not needed:
        return
    loaded = registry.load("content", chosen_engine(project.truth, "content").name)
    kept = kept_numbers(project, object_id, loaded.spec, seeds_on=dict.fromkeys(needed, (project.truth.seed,)))
    with measured(project, loaded.spec, needed, kept=kept):
        for span in stretches(needed, windows_of(project.truth, loaded.spec, len(project.clip))):
            work = content_work(project, object_id, span, spec=loaded.spec)
            for frame_index, content in content_pictures(work, completer=loaded, progress=progress):
                if frame_index in needed:
                    made_from = inputs.on(frame_index, loaded.spec.name)
                    stamp = stamp_by(loaded.spec, made_from=made_from, seed=work.seed)
                    put_result(project, object_id, layers.content, edit_id=edit_id, item=(frame_index, content, stamp))
                    on_frame(frame_index)


def content_work(project: Project, object_id: int, span: range, *, spec: EngineSpec) -> ContentWork:
    """What the content stage is asked for one object."""
    amodal = project.amodal(object_id)
    return ContentWork(
        project.clip,
        amodal.modal,
        amodal,
        canvas=project.canvas,
        frame_indices=span,
        seed=project.truth.seed,
        settings=project.truth.settings_of("content", spec.name),
        store=window_store(project, object_id, spec),
    )


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


def hypothesize(
    project: Project,
    object_id: int,
    seeds: Sequence[int],
    *,
    edit_id: int,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Depth as far as it is missing, then the hypotheses of these seeds."""
    estimate_depth(project, list(project.modal(object_id)), on_frame=on_frame, progress=progress)
    make_hypotheses(project, object_id, seeds, edit_id=edit_id, on_frame=on_frame, progress=progress)


def completion_costs(
    project: Project, object_ids: Iterable[int], stages: Collection[Stage] = ("depth", "amodal", "content")
) -> list[StageCost]:
    """What ``complete`` would make at most, by stage: content follows from amodal masks that are not made yet."""
    ids, costs = list(object_ids), []
    if "depth" in stages:
        spec = chosen_engine(project.truth, "depth")
        seen = {f for object_id in ids for f in project.modal(object_id)}
        costs.append(cost_of(project, spec, depths_to_make(project, seen, spec)))
    for object_id in ids:
        amodal: set[int] = set()
        if "amodal" in stages:
            amodal = to_make(project, object_id, "amodal", among=set(project.modal(object_id)))
            left = amodal - _in_the_tray(project, object_id, amodal)
            spec = chosen_engine(project.truth, "amodal")
            kept = kept_numbers(project, object_id, spec, seeds_on=_seeds_on(project, object_id, left))
            costs.append(cost_of(project, spec, left, kept=kept))
            beside = _beside(project, object_id, amodal)
            costs += [replace(cost_of(project, spec, beside), beside=True)] if beside else []
        if "content" in stages:
            costs.append(_content_cost(project, object_id, amodal))
    return total(costs)


def _seeds_on(project: Project, object_id: int, frames: Collection[int]) -> dict[int, tuple[int, ...]]:
    """frame_index -> the seeds of the hypotheses that its amodal mask follows from."""
    thing = project.truth.object(object_id)
    return {f: project.truth.recipe_on(thing, f).seeds for f in frames}


def _in_the_tray(project: Project, object_id: int, frames: set[int]) -> set[int]:
    """The frames whose amodal mask is taken from hypotheses that are there: it costs nothing."""
    if not project.layers(object_id).has_hypotheses:
        return set()
    tray, seeds = Tray(project, object_id), _seeds_on(project, object_id, frames)
    return {f for f in frames if all(tray.is_ours(f, seed) for seed in seeds[f])}


def _beside(project: Project, object_id: int, amodal: set[int]) -> set[int]:
    """The frames that would be made without their crops as well."""
    stamps = project.layers(object_id).amodal.stamp
    lacking = uncropped_to_make(project, object_id, amodal)
    return {f for f in lacking if (made := stamps(f)) is None or made.crop is not None}


def _content_cost(project: Project, object_id: int, amodal: set[int]) -> StageCost:
    """Of one object, when these amodal masks are made before."""
    spec, there = chosen_engine(project.truth, "content"), set(project.amodal(object_id)) | amodal
    follow = _follow(project, spec, amodal, among=there - set(project.truth.object(object_id).accepted))
    kept = kept_numbers(
        project, object_id, spec, seeds_on={} if amodal else dict.fromkeys(there, (project.truth.seed,))
    )
    return cost_of(project, spec, to_make(project, object_id, "content", among=there) | follow, kept=kept)


def _follow(project: Project, spec: EngineSpec, amodal: set[int], *, among: set[int]) -> set[int]:
    """The frames whose content would have to follow when these amodal masks are made."""
    windows = windows_of(project.truth, spec, len(project.clip))
    if not windows or not amodal:
        return among if amodal else set()
    return {f for number in windows_with(amodal, windows) for f in windows[number]} & among


def hypotheses_costs(project: Project, object_id: int, seeds: Sequence[int]) -> list[StageCost]:
    """What ``hypothesize`` would make, by stage."""
    depth, tray = chosen_engine(project.truth, "depth"), Tray(project, object_id)
    lacking = tray.lacking(seeds)
    missing = {seed for frame_seeds in lacking.values() for seed in frame_seeds}
    return [
        cost_of(project, depth, depths_to_make(project, list(project.modal(object_id)), depth)),
        cost_of(
            project,
            tray.spec,
            lacking,
            num_seeds=len(missing),
            kept=kept_numbers(project, object_id, tray.spec, seeds_on=lacking),
        ),
    ]


def to_make(project: Project, object_id: int, stage: Literal["amodal", "content"], *, among: set[int]) -> set[int]:
    """The frames of ``among`` whose result is missing or outdated."""
    layers = project.layers(object_id)
    made = set(layers.amodal if stage == "amodal" else layers.content)
    outdated = staleness_of(project, object_id).of(stage).frames
    return {f for f in among if f not in made or f in outdated}
