"""The whole method in order, on one page: clicks -> modal masks -> depth -> amodal masks -> content.

The browser, the command line and the batch runner all come through here. Each stage is a generator that gives one
frame at a time, so that whoever reads it can store, show and stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vas_tool.boxes.cropping import (
    CroppedClip,
    CroppedDepths,
    CroppedMasks,
    CropPlan,
    agreement,
    brought_back,
    cleared_outside,
)
from vas_tool.engines import registry
from vas_tool.engines.base import (
    AmodalCompleter,
    BoxReader,
    ContentCompleter,
    DepthEstimator,
    Progress,
    SamplingCompleter,
    Segmenter,
    TrackedFrame,
    silent,
)
from vas_tool.engines.registry import AUTO, EngineSpec, LoadedEngine
from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.errors import PromptError
from vas_tool.types import STAGES, Canvas, Clip, Content, Depth, Mask, Prompts, Stage
from vas_tool.work import AmodalWork, ContentWork

Answer = TypeVar("Answer")


@dataclass
class Layers:
    """What the stages made, frame by frame."""

    modal: dict[int, Mask] = field(default_factory=dict)
    """frame_index -> (H, W) bool."""
    depth: dict[int, Depth] = field(default_factory=dict)
    """frame_index -> (H, W) float32, 1 = nearest."""
    amodal: dict[int, Mask] = field(default_factory=dict)
    """frame_index -> (canvas H, W) bool."""
    content: dict[int, Content] = field(default_factory=dict)
    """frame_index -> (canvas H, W, 4) uint8 RGBA."""


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
    """Everything for one object, held in memory; for clips that fit there (``session`` works on a project folder).

    ``engines`` names an engine for a stage (default: the best that is present), ``settings`` holds what is set of its
    parameters. ``prompts.masks`` may hold the modal masks of every frame, then leave ``segment`` out of ``stages`` or
    let it copy them. Raises PromptError when nothing is prompted, EngineError for an unknown engine, parameter or value
    (before anything is loaded), Cancelled when ``progress`` does.
    """
    names, wanted = engines or {}, set(stages)
    chosen = _chosen_settings(names, settings or {})
    canvas = canvas or Canvas(clip.size_wh)
    frames = range(len(clip))
    layers = Layers(modal=dict(prompts.masks))

    # 1. Clicks, boxes and given masks -> modal masks, forwards and backwards from the first prompted frame.
    if "segment" in wanted:
        segmenter = registry.load("segment", names.get("segment", AUTO))
        for span in spans_of(prompts, len(clip)):
            for tracked in modal_masks(clip, prompts, span, segmenter=segmenter, progress=progress):
                layers.modal[tracked.frame_index] = tracked.mask

    # 2. Frames -> relative depth.
    if "depth" in wanted:
        depth = registry.load("depth", names.get("depth", AUTO))
        maps = depth_maps(clip, frames, estimator=depth, settings=chosen["depth"], progress=progress)
        layers.depth.update(maps)

    # 3. Modal masks and depth -> amodal masks, on the canvas.
    if "amodal" in wanted:
        amodal = registry.load("amodal", names.get("amodal", AUTO))
        work = AmodalWork(
            clip, layers.modal, layers.depth, canvas=canvas, frame_indices=frames, seed=seed, settings=chosen["amodal"]
        )
        layers.amodal.update(amodal_masks(work, completer=amodal, progress=progress))

    # 4. The object's colours on the amodal masks.
    if "content" in wanted:
        content = registry.load("content", names.get("content", AUTO))
        paint = ContentWork(
            clip,
            layers.modal,
            layers.amodal,
            canvas=canvas,
            frame_indices=frames,
            seed=seed,
            settings=chosen["content"],
        )
        layers.content.update(content_pictures(paint, completer=content, progress=progress))
    return layers


def _chosen_settings(names: Mapping[Stage, str], settings: Mapping[Stage, Settings]) -> dict[Stage, Settings]:
    """Checked settings for every stage; also for stages that do not run: a misspelt one must not go unnoticed."""
    given = {stage: (registry.spec_of(stage, names.get(stage, AUTO)), kept) for stage, kept in settings.items()}
    checked = {stage: registry.checked_settings(spec, kept) for stage, (spec, kept) in given.items()}
    return {stage: checked.get(stage, NO_SETTINGS) for stage in STAGES}


def spans_of(prompts: Prompts, num_frames: int) -> list[range]:
    """Forwards from the first prompted frame, then backwards from it. Raises PromptError when there is none."""
    if not prompts.frame_indices:
        raise PromptError("nothing is prompted; click the object on one frame first")
    first = prompts.frame_indices[0]
    return [span for span in (range(first, num_frames), range(first - 1, -1, -1)) if len(span)]


def modal_masks(
    clip: Clip, prompts: Prompts, span: range, *, segmenter: LoadedEngine[Segmenter], progress: Progress = silent
) -> Iterator[TrackedFrame]:
    """Stage 1 over one span of frames, in its order."""
    return locked(segmenter, segmenter.engine.track(clip, prompts, span, progress=progress))


def depth_maps(
    clip: Clip,
    frame_indices: range,
    *,
    estimator: LoadedEngine[DepthEstimator],
    settings: Settings = NO_SETTINGS,
    progress: Progress = silent,
) -> Iterator[tuple[int, Depth]]:
    """Stage 2: (frame_index, (H, W) float32 in 0..1, 1 = nearest)."""
    checked = registry.checked_settings(estimator.spec, settings)
    return locked(estimator, estimator.engine.estimate(clip, frame_indices, settings=checked, progress=progress))


@dataclass(frozen=True)
class _Shown:
    """The work of the amodal stage, and the crops around the object's amodal boxes through which it is looked at."""

    work: AmodalWork
    crops: CropPlan | None

    def to(self, spec: EngineSpec) -> AmodalWork:
        """What the engine is asked: the same work, or that on the crops; with checked settings."""
        work = replace(self.work, settings=registry.checked_settings(spec, self.work.settings))
        if self.crops is None:
            return work
        return replace(
            work,
            clip=CroppedClip(work.clip, self.crops),
            modal=CroppedMasks(work.modal, self.crops),
            depth=CroppedDepths(work.depth, self.crops),
            canvas=Canvas(self.crops.size_wh),
        )

    def counts(self, frame_index: int) -> bool:
        """Whether the engine's answer for a frame counts."""
        return self.crops is None or frame_index in self.crops.boxes

    def whole(self, frame_index: int, mask: Mask) -> Mask:
        """An engine's answer on the canvas, with what is seen of the object in it.

        From a crop it is brought back and cleared outside the box; what is seen stays, even beyond the box.
        """
        if self.crops is not None:
            mask = brought_back(mask, self.crops, frame_index, canvas=self.work.canvas)
        return self.covering(frame_index, mask)

    def covering(self, frame_index: int, mask: Mask) -> Mask:
        """A mask on the canvas, with what is seen of the object in it."""
        if frame_index not in self.work.modal:
            return mask
        mask = mask.copy()
        mask[self.work.canvas.window] |= self.work.modal[frame_index]
        return mask


BOXES_AGREE = 0.9
"""IoU of the given box and the answer's from which an engine that reads boxes is believed without doing so. On
``assets/tao_made`` and the sample 0.95 was better for it still, on filmed clips with things in front worse."""


def _boxed(shown: _Shown, engine: AmodalCompleter) -> Callable[[int, Mask], Mask]:
    """A function: frame_index, whole mask -> the same, or the outline from the boxes where the mask misses its box."""
    if shown.crops is None or not isinstance(engine, BoxReader):
        return lambda _, mask: mask
    boxes, canvas = shown.crops.boxes, shown.work.canvas
    outline = engine.outlines(shown.work.modal, boxes, canvas=canvas)

    def better(frame_index: int, mask: Mask) -> Mask:
        box = boxes[frame_index]
        if agreement(mask, box, canvas) >= BOXES_AGREE:
            return mask
        return shown.covering(frame_index, cleared_outside(outline(frame_index), box, canvas))

    return better


def amodal_masks(
    work: AmodalWork,
    *,
    completer: LoadedEngine[AmodalCompleter],
    crops: CropPlan | None = None,
    progress: Progress = silent,
    united: bool = True,
) -> Iterator[tuple[int, Mask]]:
    """Stage 3: (frame_index, (canvas H, W) bool).

    With ``crops`` the engine looks through crops around the object's amodal boxes, and only frames with a box are
    answered. What is seen belongs to the whole object: every answer is united with the modal mask (Diffusion-VAS
    demo.py), but for benchmarks that want the engine's own word (``united``; there are no crops then).
    """
    shown = _Shown(work, crops)
    answers = completer.engine.complete(shown.to(completer.spec), progress=progress)
    better = _boxed(shown, completer.engine)
    for frame_index, mask in locked(completer, answers):
        if shown.counts(frame_index):
            yield frame_index, better(frame_index, shown.whole(frame_index, mask)) if united else mask


def amodal_hypotheses(
    work: AmodalWork,
    seeds: Sequence[int],
    *,
    completer: LoadedEngine[AmodalCompleter],
    crops: CropPlan | None = None,
    progress: Progress = silent,
) -> Iterator[tuple[int, tuple[Mask, ...]]]:
    """Stage 3 for several seeds (``work.seed`` is not looked at): (frame_index, one (canvas H, W) bool a seed).

    In one run where the engine can, else in one run a seed, all of which go forward together frame by frame.
    ``crops``: see ``amodal_masks``. Raises PromptError when there is no seed, or one twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise PromptError(f"hypotheses need at least one seed, and each only once; got {list(seeds)}")
    engine = completer.engine
    if not isinstance(engine, SamplingCompleter):
        yield from _one_run_a_seed(work, seeds, completer=completer, crops=crops, progress=progress)
        return
    shown = _Shown(work, crops)
    answers = engine.sample(shown.to(completer.spec), seeds, progress=progress)
    better = _boxed(shown, completer.engine)
    for frame_index, masks in locked(completer, answers):
        if shown.counts(frame_index):
            yield frame_index, tuple(better(frame_index, shown.whole(frame_index, mask)) for mask in masks)


def _one_run_a_seed(
    work: AmodalWork,
    seeds: Sequence[int],
    *,
    completer: LoadedEngine[AmodalCompleter],
    crops: CropPlan | None,
    progress: Progress,
) -> Iterator[tuple[int, tuple[Mask, ...]]]:
    counts = [0] * len(seeds)

    def share(run: int) -> Progress:
        def report(done: int, total: int, what: str, /) -> None:
            counts[run] = done
            progress(sum(counts), total * len(seeds), what)

        return report

    runs = [
        amodal_masks(replace(work, seed=seed), completer=completer, crops=crops, progress=share(run))
        for run, seed in enumerate(seeds)
    ]
    for answers in zip(*runs, strict=True):
        yield answers[0][0], tuple(mask for _, mask in answers)


def content_pictures(
    work: ContentWork, *, completer: LoadedEngine[ContentCompleter], progress: Progress = silent
) -> Iterator[tuple[int, Content]]:
    """Stage 4: (frame_index, (canvas H, W, 4) uint8 RGBA)."""
    work = replace(work, settings=registry.checked_settings(completer.spec, work.settings))
    return locked(completer, completer.engine.complete(work, progress=progress))


def locked(loaded: LoadedEngine[object], answers: Iterator[Answer]) -> Iterator[Answer]:
    """The same answers, each computed while holding the engine's lock: others get their turn between frames."""
    while True:
        with loaded.lock:
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer
