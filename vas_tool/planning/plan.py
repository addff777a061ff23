"""Decides what a run makes, before it starts: ``plan(snapshot, request)``. No other module decides it.

The page's cost line, the command line's estimate, a dry run and every run read the same plan; ``pipeline.execute`` runs
it. Each run of a plan is planned as if the runs before it had finished: their results are predicted in the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vas_tool.errors import PromptError
from vas_tool.hypotheses import Recipe
from vas_tool.planning.completion import amodal_runs, content_runs, engine_run, taken
from vas_tool.planning.completion import distinct_seeds as distinct_seeds
from vas_tool.planning.cost import StageCost, cost_of, of_one_object, total
from vas_tool.planning.predicted import with_clear, with_depth, with_results
from vas_tool.planning.setup import chosen_engine
from vas_tool.planning.snapshot import Snapshot
from vas_tool.planning.spans import contiguous, reach_of_tracking, tracking_spans
from vas_tool.planning.stage_run import COMPLETION as COMPLETION
from vas_tool.planning.stage_run import MISSING, OTHERS, reason_of
from vas_tool.planning.stage_run import Layer as Layer
from vas_tool.planning.stage_run import Plan as Plan
from vas_tool.planning.stage_run import Request as Request
from vas_tool.planning.stage_run import StageRun as StageRun
from vas_tool.planning.staleness import REASONS, Staleness
from vas_tool.project.object_stamps import prompted_frames
from vas_tool.project.truth import Truth


def plan(snapshot: Snapshot, request: Request) -> Plan:
    """Return the runs of a request, in order: segment, depth, then amodal masks and content, one object after the
    other.

    Frames that a person accepted stay. Raises EngineError when a chosen engine is unknown here; PromptError when
    tracking has nothing to start from.
    """
    return plan_and_outcome(snapshot, request)[0]


def plan_and_outcome(snapshot: Snapshot, request: Request) -> tuple[Plan, Snapshot]:
    """Return a plan, and the predicted snapshot after it, from which the next request can be planned."""
    runs: list[StageRun] = []

    def add(made: Iterable[StageRun]) -> None:
        nonlocal snapshot
        for run in made:
            runs.append(run)
            snapshot = _predicted(snapshot, run)

    for object_id in request.object_ids if "segment" in request.stages else ():
        add(_segment(Staleness(snapshot, object_id), request))
    if "depth" in request.stages:
        add(_depth(snapshot, request))
    for object_id in request.object_ids:
        if "amodal" in request.stages:
            add(amodal_runs(Staleness(snapshot, object_id), request))
        if "content" in request.stages:
            add(content_runs(Staleness(snapshot, object_id), request))
    return tuple(runs), snapshot


def answer_to_click(truth: Truth, object_id: int, frame_index: int, *, quick: bool = False) -> StageRun:
    """Return the run that makes the modal mask of one frame from its prompts. ``quick``: a fast, less exact mask is
    enough.
    """
    spec = chosen_engine(truth, "segment")
    cost = StageCost("segment", spec.name, 1, None, None)
    return StageRun(
        "segment",
        spec.name,
        "modal",
        cost,
        object_id,
        frames=frozenset((frame_index,)),
        prompted=(frame_index,),
        quick=quick,
    )


def choice(snapshot: Snapshot, object_id: int, recipe: Recipe, *, frames: Iterable[int]) -> Plan:
    """Return the run that makes amodal masks from chosen hypotheses that exist, whether or not they are up to date."""
    stamps = snapshot.objects[object_id]
    tables = [stamps.hypotheses.get(seed) for seed in recipe.seeds]
    there = frozenset(f for f in frames if all(table is not None and f in table for table in tables))
    return (taken(snapshot, object_id, recipe, frames=there),) if there else ()


def costs_of(runs: Iterable[StageRun]) -> list[StageCost]:
    """Return the costs of a plan, summed by stage. Windows that several seeds of one object share count once."""
    by_object: dict[tuple[int | None, str], list[StageCost]] = {}
    for run in runs:
        by_object.setdefault((run.object_id, run.cost.name), []).append(run.cost)
    return total(map(of_one_object, by_object.values()))


# --- the clip's stages --------------------------------------------------------------------------------------------


def _segment(staleness: Staleness, request: Request) -> Iterator[StageRun]:
    snapshot, stamps, spec = staleness.snapshot, staleness.stamps, staleness.snapshot.engine("segment")
    obj, made = stamps.obj, set(stamps.seen)
    settled = obj.prompted() | stamps.accepted
    if request.again:
        others = set(staleness.made_by_others("segment"))
        prompted = sorted(others & prompted_frames(obj))
        needed, reason = sorted(others.difference(prompted)), OTHERS
    else:
        unanswered = prompted_frames(obj) - stamps.accepted - (stamps.modal.keys() - staleness.segment.frames)
        prompted = sorted(unanswered) if request.ask else []
        made.update(prompted)
        anchors = sorted(obj.prompted() & made)
        if not anchors:
            raise PromptError(f"{obj.label} has no mask to start from; click it on a frame where it is clear")
        reach = reach_of_tracking(
            anchors, request.frame_index, direction=request.direction, num_frames=snapshot.num_frames
        )
        stale = staleness.segment.frames
        needed = [f for f in reach if f not in settled and (f not in made or f in stale)]
        reason = reason_of(staleness.segment, missing=not made.issuperset(needed))
    spans = tracking_spans(needed, made=made, settled=settled, direction=request.direction)
    if spans or prompted:
        frames = frozenset(needed).union(prompted)
        yield StageRun(
            "segment",
            spec.name,
            "modal",
            cost_of(snapshot, spec, frames),
            staleness.object_id,
            frames=frames,
            spans=tuple(spans),
            prompted=tuple(prompted),
            again=request.again,
            reason=reason,
        )


def _depth(snapshot: Snapshot, request: Request) -> Iterator[StageRun]:
    """Yield the depth run.

    Depths of two engines cannot be compared. Depth of another engine therefore stays while none is missing, and is made
    again on the whole clip as soon as any is.
    """
    spec, table = snapshot.engine("depth"), snapshot.depth
    wanted = {f for object_id in request.object_ids for f in snapshot.objects[object_id].seen}
    now = {engine: snapshot.depth_inputs(engine) for engine in set(table.column("engine"))}
    outdated = {f for f in wanted if f in table and table[f].made_from != now[table.value(f, "engine")]}
    needed = {f for f in wanted if f not in table} | outdated
    made_by = zip(table.frames, table.column("engine"), table.column("revision"), strict=True)
    others = {f for f, engine, revision in made_by if (engine, revision) != (spec.name, spec.revision)}
    reason = REASONS["setup"] if outdated else OTHERS if request.again else MISSING
    if needed or request.again:
        needed |= others
    yield StageRun(
        "depth",
        spec.name,
        "depth",
        cost_of(snapshot, spec, needed),
        frames=frozenset(needed),
        spans=tuple(contiguous(sorted(needed))),
        again=request.again,
        reason=reason,
    )


# --- as things are when a run's turn comes --------------------------------------------------------------------------


def trimmed(run: StageRun, staleness: Staleness) -> StageRun:
    """Return a run without the frames that are up to date when it starts, because the runs before it may have changed
    nothing.

    Frames on which nothing can hide the object, as is known by now, are left to the occlusion gate.
    """
    if run.stage not in ("amodal", "content"):
        return run
    clear = staleness.clear_of(run.layer)
    if run.clear:
        return replace(run, clear=frozenset(f for f in run.clear & clear if not _holds(run, f, staleness)))
    if run.recipe is not None:
        there = {f for f in run.kept if all(staleness.hypothesis(f, seed) for seed in run.recipe.seeds)}
        return replace(run, kept=run.kept - (clear - there), clear=run.kept & clear - there)
    if not run.frames or (run.again and not clear):
        return run
    frames = run.frames if run.again else frozenset(f for f in run.frames if not _holds(run, f, staleness))
    gated = frames & clear if run.layer != "hypotheses" else frozenset()
    frames -= clear
    spec = staleness.snapshot.engine(run.stage)
    now = engine_run(staleness, spec, frames, layer=run.layer, seeds=run.seeds, crops=run.crops)
    return replace(
        run, frames=frames, clear=gated, spans=now.spans, cost=now.cost, num_kept_windows=now.num_kept_windows
    )


def _holds(run: StageRun, frame_index: int, staleness: Staleness) -> bool:
    stamps = staleness.stamps
    if run.layer == "hypotheses":
        return all(staleness.hypothesis_is_ours(frame_index, seed) for seed in run.seeds)
    if run.layer == "uncropped":
        return staleness.is_uncropped(stamps.uncropped.get(frame_index), frame_index)
    if run.layer == "content":
        return frame_index in stamps.content and frame_index not in staleness.content.frames
    return frame_index in stamps.amodal and frame_index not in staleness.amodal.frames


def _predicted(snapshot: Snapshot, run: StageRun) -> Snapshot:
    """Return the snapshot after a run."""
    if run.layer == "depth":
        return with_depth(snapshot, run.frames, snapshot.engine("depth"))
    if run.layer == "amodal" and run.clear:
        return with_clear(snapshot, run.object_id or 0, run.clear)
    if run.layer in ("modal", "amodal"):
        return with_results(snapshot, run.object_id or 0, run.frames | run.kept, layer=run.layer)
    return snapshot
