"""The runs of the amodal and the content stage for one object: through crops, and by chosen hypotheses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from vas_tool.boxes.keyframes import boxes_by_frame
from vas_tool.engines.registry import EngineSpec
from vas_tool.hypotheses import Recipe
from vas_tool.planning.cost import cost_of, cost_of_clear
from vas_tool.planning.setup import windows_of
from vas_tool.planning.snapshot import Snapshot
from vas_tool.planning.spans import stretches
from vas_tool.planning.stage_run import CHOSEN, MISSING, OTHERS, Layer, Request, StageRun, reason_of
from vas_tool.planning.staleness import Staleness
from vas_tool.planning.windows import kept_numbers


def amodal_runs(staleness: Staleness, request: Request) -> Iterator[StageRun]:
    """Yield the runs of the amodal stage for one object: amodal masks, or hypotheses when the request names seeds."""
    spec, seen = staleness.snapshot.engine("amodal"), frozenset(staleness.stamps.seen) - staleness.stamps.placed
    if request.seeds:
        wanted = seen - staleness.stamps.accepted - staleness.clear
        yield from _hypotheses(staleness, spec, request.seeds, frames=wanted)
        return
    needed = _needed(staleness, "amodal", seen, again=request.again)
    reason = OTHERS if request.again else reason_of(staleness.amodal, missing=bool(needed - staleness.amodal.frames))
    asked = needed - staleness.clear
    runs = [*_uncropped(staleness, spec, asked), *_by_recipe(staleness, spec, asked, again=request.again)]
    runs += _gated(staleness, spec, needed, layer="amodal")
    yield from (replace(run, reason=reason) for run in runs)


def _by_recipe(staleness: Staleness, spec: EngineSpec, needed: Collection[int], *, again: bool) -> Iterator[StageRun]:
    """Yield the runs that make each frame's mask from the hypothesis that was chosen there. Existing hypotheses are
    taken.
    """
    truth, obj, object_id = staleness.snapshot.truth, staleness.stamps.obj, staleness.object_id
    by_recipe: dict[Recipe, set[int]] = {}
    for frame_index in sorted(needed):
        recipe = truth.recipe_on(obj, frame_index) if spec.seeded else Recipe.of_seed(truth.seed)
        by_recipe.setdefault(recipe, set()).add(frame_index)
    if not needed:
        yield engine_run(staleness, spec, frozenset(), layer="amodal", seeds=(truth.seed,))
    for recipe, frames in by_recipe.items():
        there = frozenset(f for f in frames if all(staleness.hypothesis_is_ours(f, seed) for seed in recipe.seeds))
        left = frozenset(frames) - there
        if there:
            yield taken(staleness.snapshot, object_id, recipe, frames=there)
        if left and len(recipe.seeds) == 1:
            for run in _through_crops(staleness, spec, left, layer="amodal", seeds=recipe.seeds):
                yield replace(run, again=again)
        elif left:
            yield from _hypotheses(staleness, spec, recipe.seeds, frames=left)
            yield taken(staleness.snapshot, object_id, recipe, frames=left)


def taken(snapshot: Snapshot, object_id: int, recipe: Recipe, *, frames: frozenset[int]) -> StageRun:
    """Return the run that makes amodal masks from existing hypotheses, without an engine."""
    spec = snapshot.engine("amodal")
    cost = cost_of(snapshot, spec, ())
    return StageRun("amodal", spec.name, "amodal", cost, object_id, recipe=recipe, kept=frames, reason=CHOSEN)


def _hypotheses(
    staleness: Staleness, spec: EngineSpec, seeds: Sequence[int], *, frames: frozenset[int]
) -> Iterator[StageRun]:
    """Yield the runs for the missing hypotheses of ``seeds``, all seeds of a frame in one run. Amodal masks of the same
    seeds are copied.
    """
    wanted = distinct_seeds(spec, seeds)
    lacking = {f: [s for s in wanted if not staleness.hypothesis_is_ours(f, s)] for f in sorted(frames)}
    copied: dict[int, set[int]] = {}
    for frame_index, missing in lacking.items():
        for seed in [s for s in missing if staleness.amodal_is_of_seed(frame_index, s)]:
            copied.setdefault(seed, set()).add(frame_index)
            missing.remove(seed)
    for seed, there in copied.items():
        cost = cost_of(staleness.snapshot, spec, ())
        yield StageRun(
            "amodal", spec.name, "hypotheses", cost, staleness.object_id, seeds=(seed,), kept=frozenset(there)
        )
    together: dict[tuple[int, ...], set[int]] = {(): set()}
    for frame_index, missing in lacking.items():
        together.setdefault(tuple(missing), set()).add(frame_index)
    del together[()]
    if not together:
        yield engine_run(staleness, spec, frozenset(), layer="hypotheses", seeds=wanted)
    for group, of_group in together.items():
        yield from _through_crops(staleness, spec, frozenset(of_group), layer="hypotheses", seeds=group)


def distinct_seeds(spec: EngineSpec, seeds: Sequence[int]) -> tuple[int, ...]:
    """Return the different seeds, ascending; only the first for an engine whose answer does not depend on the seed."""
    ascending = tuple(sorted(set(seeds)))
    return ascending if spec.seeded else ascending[:1]


def _uncropped(staleness: Staleness, spec: EngineSpec, needed: frozenset[int]) -> Iterator[StageRun]:
    """Yield the runs that make results without the crop, which the page shows for comparison."""
    snapshot, stamps = staleness.snapshot, staleness.stamps
    boxed = needed.intersection(boxes_by_frame(stamps.obj.amodal_boxes)) - stamps.accepted
    if not boxed or not snapshot.truth.crop.compare:
        return
    lacking = {f for f in boxed if not staleness.is_uncropped(stamps.uncropped.get(f), f)}
    there = frozenset(f for f in lacking if staleness.is_uncropped(stamps.amodal.get(f), f))
    if lacking:
        run = engine_run(staleness, spec, frozenset(lacking - there), layer="uncropped", seeds=(snapshot.truth.seed,))
        yield replace(run, kept=there)


def content_runs(staleness: Staleness, request: Request) -> Iterator[StageRun]:
    """Yield the runs of the content stage for one object."""
    snapshot, spec = staleness.snapshot, staleness.snapshot.engine("content")
    needed = _needed(staleness, "content", frozenset(staleness.stamps.whole), again=request.again)
    asked = needed - staleness.clear_content
    run = engine_run(staleness, spec, asked, layer="content", seeds=(snapshot.truth.seed,))
    missing = bool(needed - staleness.content.frames)
    reason = OTHERS if request.again else reason_of(staleness.content, missing=missing)
    yield replace(run, again=request.again, reason=reason)
    yield from (replace(run, reason=reason) for run in _gated(staleness, spec, needed, layer="content"))


def _gated(staleness: Staleness, spec: EngineSpec, needed: frozenset[int], *, layer: Layer) -> list[StageRun]:
    """Return the run that completes frames by what is seen, because nothing can hide the object there; none without."""
    clear = needed & staleness.clear_of(layer)
    if not clear:
        return []
    cost = cost_of_clear(staleness.snapshot, spec, clear, asked=needed - clear)
    return [StageRun(spec.stage, spec.name, layer, cost, staleness.object_id, clear=clear)]


def _needed(
    staleness: Staleness, stage: Literal["amodal", "content"], among: frozenset[int], *, again: bool
) -> frozenset[int]:
    if again:
        return among.intersection(staleness.made_by_others(stage))
    return staleness.missing_or_outdated(stage, among)


def _through_crops(
    staleness: Staleness, spec: EngineSpec, frames: frozenset[int], *, layer: Layer, seeds: tuple[int, ...]
) -> Iterator[StageRun]:
    """Yield one run through crops for the frames with an amodal box, and one on the whole picture for the others."""
    boxed = frames.intersection(boxes_by_frame(staleness.stamps.obj.amodal_boxes))
    for part, crops in ((boxed, True), (frames - boxed, False)):
        if part:
            yield engine_run(staleness, spec, part, layer=layer, seeds=seeds, crops=crops)


def engine_run(
    staleness: Staleness,
    spec: EngineSpec,
    frames: frozenset[int],
    *,
    layer: Layer,
    seeds: tuple[int, ...],
    crops: bool = False,
) -> StageRun:
    """Return a run of an engine of the amodal or the content stage on frames of one object."""
    snapshot = staleness.snapshot
    windows = windows_of(snapshot.truth, spec, snapshot.num_frames)
    kept = kept_numbers(staleness, spec, dict.fromkeys(frames, seeds), crops=crops)
    cost = cost_of(snapshot, spec, frames, num_seeds=len(seeds), kept=kept, beside=layer == "uncropped")
    return StageRun(
        spec.stage,
        spec.name,
        layer,
        cost,
        staleness.object_id,
        frames=frames,
        spans=tuple(stretches(frames, windows)),
        seeds=seeds,
        crops=crops,
        num_kept_windows=len(kept),
        reason=MISSING,
    )
