"""The whole method in order, on one page: clicks -> modal masks -> depth -> amodal masks -> content.

The browser, the command line and the batch runner all come through here. Each stage is a generator that gives one
frame at a time, so that whoever reads it can store, show and stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from vas_tool.engines import registry
from vas_tool.engines.base import (
    AmodalCompleter,
    ContentCompleter,
    DepthEstimator,
    Progress,
    Segmenter,
    TrackedFrame,
    silent,
)
from vas_tool.engines.registry import AUTO, LoadedEngine
from vas_tool.errors import PromptError
from vas_tool.types import STAGES, Canvas, Clip, Content, Depth, Mask, Prompts, Stage

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
    canvas: Canvas | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Layers:
    """Everything for one object, held in memory; for clips that fit there (``session`` works on a project folder).

    ``engines`` names an engine for a stage (default: the best that is present). ``prompts.masks`` may hold the modal
    masks of every frame, then leave ``segment`` out of ``stages`` or let it copy them.
    Raises PromptError when nothing is prompted, EngineError for an unknown engine, Cancelled when ``progress`` does.
    """
    names, wanted = engines or {}, set(stages)
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
        layers.depth.update(depth_maps(clip, frames, estimator=depth, progress=progress))

    # 3. Modal masks and depth -> amodal masks, on the canvas.
    if "amodal" in wanted:
        amodal = registry.load("amodal", names.get("amodal", AUTO))
        work = AmodalWork(clip, layers.modal, layers.depth, canvas=canvas, frame_indices=frames, seed=seed)
        layers.amodal.update(amodal_masks(work, completer=amodal, progress=progress))

    # 4. The object's colours on the amodal masks.
    if "content" in wanted:
        content = registry.load("content", names.get("content", AUTO))
        paint = ContentWork(clip, layers.modal, layers.amodal, canvas=canvas, frame_indices=frames, seed=seed)
        layers.content.update(content_pictures(paint, completer=content, progress=progress))
    return layers


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
    clip: Clip, frame_indices: range, *, estimator: LoadedEngine[DepthEstimator], progress: Progress = silent
) -> Iterator[tuple[int, Depth]]:
    """Stage 2: (frame_index, (H, W) float32 in 0..1, 1 = nearest)."""
    return locked(estimator, estimator.engine.estimate(clip, frame_indices, progress=progress))


@dataclass(frozen=True)
class AmodalWork:
    """What stage 3 is asked."""

    clip: Clip
    modal: Mapping[int, Mask]
    depth: Mapping[int, Depth]
    canvas: Canvas
    frame_indices: range
    seed: int = 0


def amodal_masks(
    work: AmodalWork, *, completer: LoadedEngine[AmodalCompleter], progress: Progress = silent
) -> Iterator[tuple[int, Mask]]:
    """Stage 3: (frame_index, (canvas H, W) bool).

    What is seen belongs to the whole object: every answer is united with the modal mask (Diffusion-VAS demo.py).
    """
    answers = completer.engine.complete(
        work.clip,
        work.modal,
        work.depth,
        canvas=work.canvas,
        frame_indices=work.frame_indices,
        seed=work.seed,
        progress=progress,
    )
    for frame_index, mask in locked(completer, answers):
        if frame_index in work.modal:
            mask = mask.copy()
            mask[work.canvas.window] |= work.modal[frame_index]
        yield frame_index, mask


@dataclass(frozen=True)
class ContentWork:
    """What stage 4 is asked."""

    clip: Clip
    modal: Mapping[int, Mask]
    amodal: Mapping[int, Mask]
    canvas: Canvas
    frame_indices: range
    seed: int = 0


def content_pictures(
    work: ContentWork, *, completer: LoadedEngine[ContentCompleter], progress: Progress = silent
) -> Iterator[tuple[int, Content]]:
    """Stage 4: (frame_index, (canvas H, W, 4) uint8 RGBA)."""
    answers = completer.engine.complete(
        work.clip,
        work.modal,
        work.amodal,
        canvas=work.canvas,
        frame_indices=work.frame_indices,
        seed=work.seed,
        progress=progress,
    )
    return locked(completer, answers)


def locked(loaded: LoadedEngine[object], answers: Iterator[Answer]) -> Iterator[Answer]:
    """The same answers, each computed while holding the engine's lock: others get their turn between frames."""
    while True:
        with loaded.lock:
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer
