"""The whole method in order, on one page: clicks -> modal masks -> depth -> amodal masks -> content.

The page, the command line and Python all come through ``execute``: it runs a plan (``planning.plan``) stage by stage,
and reads masks from a store and puts results there, a project (``project_store``) or memory (``stores``). Each stage is
a generator that gives one frame at a time, so that every result is stored and shown as soon as it is there, and a run
can be stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from vas_tool.boxes.cropped_work import CroppedWork
from vas_tool.boxes.cropping import CropPlan
from vas_tool.engines import registry
from vas_tool.engines.base import (
    AmodalCompleter,
    ContentCompleter,
    DepthEstimator,
    Progress,
    SamplingCompleter,
    Segmenter,
    SelfRating,
    TrackedFrame,
    silent,
)
from vas_tool.engines.registry import LoadedEngine
from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.errors import PromptError
from vas_tool.planning import speeds
from vas_tool.planning.plan import Plan, StageRun
from vas_tool.stores import Layers, MemoryStore, Store, checked_settings, plan_whole_clip
from vas_tool.types import STAGES, Canvas, Clip, Content, Depth, Mask, Prompts, Stage
from vas_tool.work import AmodalWork, ContentWork

Answer = TypeVar("Answer")
OnFrame = Callable[[int], None]
"""A function that is called with the index of every frame whose pictures changed."""


def ignore_frame(frame_index: int) -> None:
    """Do nothing: the default for callers who do not follow a run."""


def run(
    clip: Clip,
    prompts: Prompts,
    *,
    stages: Iterable[Stage] = STAGES,
    engines: Mapping[Stage, str] | None = None,
    settings: Mapping[Stage, Settings] | None = None,
    canvas: Canvas | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Layers:
    """Run the stages for one object of a clip that fits in memory (``session`` works on a project folder).

    ``engines`` names an engine for a stage (default: the best that is present), ``settings`` holds what is set of its
    parameters. ``prompts.masks`` may hold the modal masks of every frame, then leave ``segment`` out of ``stages`` or
    let it copy them. Raises PromptError when nothing is prompted, EngineError for an unknown engine, parameter or value
    (before anything is loaded), Cancelled when ``progress`` does.
    """
    names, wanted = engines or {}, set(stages)
    chosen = checked_settings(names, settings or {})
    layers = Layers(modal=dict(prompts.masks))
    store = MemoryStore(
        clip, prompts, canvas or Canvas(clip.size_wh), seed=seed, set_of=chosen, layers=layers, engines=names
    )
    execute(plan_whole_clip(prompts, len(clip), stages=wanted, engines=names), store, progress=progress)
    return layers


# --- the plan, run by run -------------------------------------------------------------------------------------------


def execute(plan: Plan, store: Store, *, on_frame: OnFrame = ignore_frame, progress: Progress = silent) -> None:
    """Run a plan. Raises Cancelled when ``progress`` does, and what engines raise; finished frames are stored."""
    for planned in plan:
        run = store.now(planned, progress=progress)
        for frame_index in store.take_kept(run, progress=progress):
            on_frame(frame_index)
        if not run.spans and not run.prompted:
            continue
        loaded: LoadedEngine[Any] = registry.load(run.stage, run.engine)
        start = time.monotonic()
        for frame_index, answer in ANSWERS[run.stage](run, store, loaded, progress=progress):
            if frame_index in run.frames and store.put(run, frame_index, answer):
                on_frame(frame_index)
        if run.cost.units:
            speeds.remember(run.cost.work, (time.monotonic() - start) / run.cost.units)


def _segment(
    run: StageRun, store: Store, loaded: LoadedEngine[Segmenter], *, progress: Progress
) -> Iterator[tuple[int, TrackedFrame]]:
    """Stage 1: yield modal masks from clicks, boxes and given masks: first on their frames, then tracked from there."""
    for done, frame_index in enumerate(run.prompted):
        if run.spans:
            progress(done, len(run.prompted), "clicked frames")
        with loaded.lock:
            prompts = store.prompts_on(run, frame_index)
            answer = answered(loaded.engine, store.clip, frame_index, prompts=prompts, quick=run.quick)
        yield frame_index, answer
    total, done = sum(map(len, run.spans)), 0

    def step(_done: int, _total: int, _what: str) -> None:
        progress(done, total, "modal masks")

    for span in run.spans:
        prompts = store.prompts(run, span)
        for tracked in modal_masks(store.clip, prompts, span, segmenter=loaded, progress=step):
            yield tracked.frame_index, tracked
            done += 1
            step(0, 0, "")


def _depth(
    run: StageRun, store: Store, loaded: LoadedEngine[DepthEstimator], *, progress: Progress
) -> Iterator[tuple[int, Depth]]:
    """Stage 2: yield the relative depth of the frames."""
    settings = store.settings(run)
    for span in run.spans:
        yield from depth_maps(store.clip, span, estimator=loaded, settings=settings, progress=progress)


def _amodal(
    run: StageRun, store: Store, loaded: LoadedEngine[AmodalCompleter], *, progress: Progress
) -> Iterator[tuple[int, Any]]:
    """Stage 3: yield amodal masks on the canvas from modal masks and depth: one per frame, or one per seed
    (hypotheses).
    """
    for span in run.spans:
        work, crops = store.amodal_work(run, span)
        if run.layer == "hypotheses":
            yield from amodal_hypotheses(work, run.seeds, completer=loaded, crops=crops, progress=progress)
        else:
            yield from amodal_masks(work, completer=loaded, crops=crops, progress=progress)


def _content(
    run: StageRun, store: Store, loaded: LoadedEngine[ContentCompleter], *, progress: Progress
) -> Iterator[tuple[int, Content]]:
    """Stage 4: yield the object's colours on the amodal masks."""
    for span in run.spans:
        yield from content_pictures(store.content_work(run, span), completer=loaded, progress=progress)


ANSWERS: Mapping[Stage, Callable[..., Iterator[tuple[int, Any]]]] = {
    "segment": _segment,
    "depth": _depth,
    "amodal": _amodal,
    "content": _content,
}
"""Stage -> the function that yields frame_index and result."""


# --- one engine at a time: what the stages ask ------------------------------------------------------------------------


def answered(engine: Segmenter, clip: Clip, frame_index: int, *, prompts: Prompts, quick: bool = False) -> TrackedFrame:
    """Run stage 1 on one frame with clicks, a box or a mask, and return its mask. For ``quick`` see
    ``Segmenter.segment``.
    """
    if isinstance(engine, SelfRating):
        return engine.rated(clip, frame_index, prompts, quick=quick)
    return TrackedFrame(frame_index, engine.segment(clip, frame_index, prompts, quick=quick), certainty=1.0)


def prepare(clip: Clip, frame_index: int, *, engine: str) -> None:
    """Let a segment engine prepare for a click on a frame."""
    loaded = registry.load("segment", engine)
    with loaded.lock:
        loaded.engine.prepare(clip, frame_index)


def modal_masks(
    clip: Clip, prompts: Prompts, span: range, *, segmenter: LoadedEngine[Segmenter], progress: Progress = silent
) -> Iterator[TrackedFrame]:
    """Run stage 1 on one span of frames, in its order."""
    return locked(segmenter, segmenter.engine.track(clip, prompts, span, progress=progress))


def depth_maps(
    clip: Clip,
    frame_indices: range,
    *,
    estimator: LoadedEngine[DepthEstimator],
    settings: Settings = NO_SETTINGS,
    progress: Progress = silent,
) -> Iterator[tuple[int, Depth]]:
    """Run stage 2. Yields (frame_index, (H, W) float32 in 0..1, 1 = nearest)."""
    checked = registry.checked_settings(estimator.spec, settings)
    return locked(estimator, estimator.engine.estimate(clip, frame_indices, settings=checked, progress=progress))


def amodal_masks(
    work: AmodalWork,
    *,
    completer: LoadedEngine[AmodalCompleter],
    crops: CropPlan | None = None,
    progress: Progress = silent,
    united: bool = True,
) -> Iterator[tuple[int, Mask]]:
    """Run stage 3. Yields (frame_index, (canvas H, W) bool).

    With ``crops`` the engine looks through crops around the object's amodal boxes, and only frames with a box are
    answered. What is seen belongs to the whole object: every answer is united with the modal mask (Diffusion-VAS
    demo.py), but for benchmarks that want the engine's own word (``united``; there are no crops then).
    """
    cropped = CroppedWork(replace(work, settings=registry.checked_settings(completer.spec, work.settings)), crops)
    whole = cropped.bringing_back(completer.engine)
    for frame_index, mask in locked(completer, completer.engine.complete(cropped.shown, progress=progress)):
        if cropped.counts(frame_index):
            yield frame_index, whole(frame_index, mask) if united else mask


def amodal_hypotheses(
    work: AmodalWork,
    seeds: Sequence[int],
    *,
    completer: LoadedEngine[AmodalCompleter],
    crops: CropPlan | None = None,
    progress: Progress = silent,
) -> Iterator[tuple[int, tuple[Mask, ...]]]:
    """Run stage 3 for several seeds (``work.seed`` is ignored). Yields (frame_index, one (canvas H, W) bool per seed).

    That is one run where the engine can; else there is one run per seed, and all go forward together frame by frame.
    ``crops``: see ``amodal_masks``. Raises PromptError when there is no seed, or one twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise PromptError(f"hypotheses need at least one seed, and each only once; got {list(seeds)}")
    engine = completer.engine
    if not isinstance(engine, SamplingCompleter):
        bars = _shared(progress, len(seeds))
        works = [replace(work, seed=seed) for seed in seeds]
        runs = [
            amodal_masks(one, completer=completer, crops=crops, progress=bar)
            for one, bar in zip(works, bars, strict=True)
        ]
        yield from ((answers[0][0], tuple(mask for _, mask in answers)) for answers in zip(*runs, strict=True))
        return
    cropped = CroppedWork(replace(work, settings=registry.checked_settings(completer.spec, work.settings)), crops)
    whole = cropped.bringing_back(completer.engine)
    for frame_index, masks in locked(completer, engine.sample(cropped.shown, seeds, progress=progress)):
        if cropped.counts(frame_index):
            yield frame_index, tuple(whole(frame_index, mask) for mask in masks)


def _shared(progress: Progress, num_runs: int) -> list[Progress]:
    """One progress function per run; together they report to ``progress`` as if there were one run."""
    counts = [0] * num_runs

    def of_run(run: int) -> Progress:
        def report(done: int, total: int, what: str, /) -> None:
            counts[run] = done
            progress(sum(counts), total * num_runs, what)

        return report

    return [of_run(run) for run in range(num_runs)]


def content_pictures(
    work: ContentWork, *, completer: LoadedEngine[ContentCompleter], progress: Progress = silent
) -> Iterator[tuple[int, Content]]:
    """Run stage 4. Yields (frame_index, (canvas H, W, 4) uint8 RGBA)."""
    work = replace(work, settings=registry.checked_settings(completer.spec, work.settings))
    return locked(completer, completer.engine.complete(work, progress=progress))


def locked(loaded: LoadedEngine[object], answers: Iterator[Answer]) -> Iterator[Answer]:
    """Yield the answers, and hold the engine's lock only while one is computed, so that other users can use the engine
    in between.
    """
    while True:
        with loaded.lock:
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer
