"""Makes amodal masks for a benchmark's truth, with an engine or from a project, as the reference's own scripts do.

The modal masks are those of the truth, as in the benchmarks. ``result_files`` writes the result files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np

from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.registry import AUTO
from vas_tool.errors import Cancelled, FormatError, InputError
from vas_tool.evaluation.baselines import convex_hull, convex_nearer
from vas_tool.evaluation.dataset import Truth, TruthClip
from vas_tool.evaluation.engine_protocols import EngineProtocol
from vas_tool.evaluation.problems import Problem, kind_of
from vas_tool.pipeline import amodal_hypotheses, amodal_masks, depth_maps
from vas_tool.project import Project
from vas_tool.types import Canvas, Clip, Depth, Frame, Mask, SizeWH
from vas_tool.video.clip import LazyClip, read_frame
from vas_tool.work import AmodalWork

CLIP_FPS = 8.0
"""Frame rate of the clips. The benchmarks' frames are used as they are, at whatever rate."""


@dataclass(frozen=True)
class ClipAnswer:
    """The amodal masks of one object on a clip of the truth."""

    clip: TruthClip
    canvas: Canvas
    """The canvas of the amodal masks."""
    modal: Mapping[int, Mask]
    """Index in ``clip.frames`` -> (H, W) bool."""
    amodal: Mapping[int, Mask]
    """Index in ``clip.frames`` -> (canvas H, W) bool."""
    generation: int = 0
    """Number from 0 of the answer, where the protocol asks for several (``EngineProtocol.num_generations``)."""


@dataclass(frozen=True)
class Task:
    """The engine and options with which the masks are made."""

    engine: str = AUTO
    """Name of an amodal engine, or of a baseline in ``SIMPLE``."""
    depth: str = AUTO
    protocol: EngineProtocol = field(default_factory=EngineProtocol)
    """Seed and settings of the amodal engine."""
    frames: Path | None = None
    """The folder that the images' names are relative to. Engines that read pictures need it."""
    padding: Callable[[SizeWH], Canvas] = Canvas
    """A function: (width, height) of a frame -> the canvas of the amodal masks."""
    problems: list[Problem] = field(default_factory=list)
    """Receives a problem for each clip or frame that could not be answered."""
    progress: Progress = silent


def quarter_padding(size_wh: SizeWH) -> Canvas:
    """Return the canvas of eval_diffusion_vas_tao_amodal.py: a quarter of the frame, rounded down, on each side."""
    x, y = size_wh[0] // 4, size_wh[1] // 4
    return Canvas(size_wh, x, y, x, y)


Picture = TypeVar("Picture", Frame, Depth)


def resized(picture: Picture, size_wh: SizeWH) -> Picture:
    """Return a (H, W) or (H, W, 3) picture at another size, by linear interpolation; itself if it has that size."""
    if picture.shape[1::-1] == size_wh:
        return picture
    return cast(Picture, cv2.resize(picture, size_wh, interpolation=cv2.INTER_LINEAR))


def clip_answers(truth: Truth, task: Task) -> Iterator[ClipAnswer]:
    """Yield the answer to every clip of the truth. ``task.problems`` receives what fails, by id; the others are
    answered.

    Raises EngineError when an engine is unknown or does not load, InputError when it needs pictures and ``frames`` is
    missing, and Cancelled.
    """
    looks = task.engine not in ("modal", "convex")
    if looks and task.frames is None:
        raise InputError(f"the engine {task.engine} looks at the pictures; give --frames, the folder they are in")
    if task.engine not in SIMPLE:
        registry.load("amodal", task.engine)  # a missing engine raises here, not at every clip
    if looks:
        registry.load("depth", task.depth)
    for number, clip in enumerate(truth.clips):
        task.progress(number, len(truth.clips), "answering")
        try:
            modal = _modal_masks(clip, task)
            if modal:
                yield from _answers(clip, modal, task)
        except InputError as error:
            task.problems.append(Problem(clip.name, str(error), "bad record"))
        except Cancelled:
            raise
        except Exception as error:  # an engine may fail in any way: the answers to other clips must not be lost
            task.problems.append(Problem(clip.name, f"{type(error).__name__} {error}", "engine failed"))


def _modal_masks(clip: TruthClip, task: Task) -> dict[int, Mask]:
    masks: dict[int, Mask] = {}
    for position, frame in enumerate(clip.frames):
        try:
            masks[position] = np.ascontiguousarray(frame.modal.read())
        except FormatError as error:
            task.problems.append(Problem(frame.key, f"truth: {error}", kind_of(error)))
    if len({mask.shape for mask in masks.values()}) > 1:
        raise FormatError("its modal masks differ in size")
    return masks


def _answers(clip: TruthClip, modal: dict[int, Mask], task: Task) -> list[ClipAnswer]:
    """Return one answer for each generation of the protocol."""
    height, width = next(iter(modal.values())).shape
    canvas = task.padding((width, height))
    if task.engine in ("modal", "convex"):
        whole = modal if task.engine == "modal" else {i: convex_hull(mask) for i, mask in modal.items()}
        return [ClipAnswer(clip, canvas, modal, {i: canvas.to_canvas(mask) for i, mask in whole.items()})]
    unknown = [frame.key for frame in clip.frames if not frame.image]
    if unknown:
        raise InputError(
            f"no picture is known of {len(unknown)} frames, {unknown[0]} first, and {task.engine} looks at them; put "
            "the benchmark's pictures where its annotations are, or take --engine modal or convex"
        )
    paths = [(task.frames or Path()) / frame.image for frame in clip.frames]
    pictures = LazyClip(lambda i: read_frame(paths[i], (width, height)), len(paths), (width, height), CLIP_FPS)
    depth = _depth(pictures, task)
    if task.engine == "convex-nearer":
        nearer = {i: canvas.to_canvas(convex_nearer(mask, depth[i])) for i, mask in modal.items()}
        return [ClipAnswer(clip, canvas, modal, nearer)]
    settings = task.protocol.settings
    work = AmodalWork(
        pictures,
        modal,
        depth,
        canvas=canvas,
        frame_indices=range(len(pictures)),
        seed=task.protocol.seed,
        settings=settings,
    )
    completer = registry.load("amodal", task.engine)
    if task.protocol.num_generations > 1:
        seeds = task.protocol.seeds
        found = [*amodal_hypotheses(work, seeds, completer=completer, progress=task.progress)]
        each = [{i: masks[n] for i, masks in found if i in modal} for n in range(len(seeds))]
        return [ClipAnswer(clip, canvas, modal, amodal, n) for n, amodal in enumerate(each)]
    united = bool(settings.get("union_with_modal", True))
    masks = amodal_masks(work, completer=completer, united=united)
    return [ClipAnswer(clip, canvas, modal, {i: mask for i, mask in masks if i in modal})]


def _depth(pictures: Clip, task: Task) -> dict[int, Depth]:
    estimator = registry.load("depth", task.depth)
    size_wh = task.protocol.depth_wh or pictures.size_wh
    small = LazyClip(lambda i: resized(pictures[i], size_wh), len(pictures), size_wh, pictures.fps)
    found = depth_maps(small, range(len(small)), estimator=estimator)
    return {i: resized(depth, pictures.size_wh) for i, depth in found}


SIMPLE = ("modal", "convex", "convex-nearer")
"""Baselines that need no engine."""


@dataclass(frozen=True)
class ProjectAnswer:
    """An object of a project that answers a clip of the truth. Its frames are those of the clip, in order."""

    project: Path
    object_id: int
    clip: str
    """The name of the clip, or its number from 0."""


def project_answers(truth: Truth, items: Sequence[ProjectAnswer], task: Task) -> Iterator[ClipAnswer]:
    """Yield the projects' modal and amodal masks. Frames without an amodal mask are in the problems.

    Raises InputError when the clip is unknown or lengths or sizes differ, ProjectError when a project does not open.
    """
    for item in items:
        clip = _clip_named(truth, item.clip)
        project = Project.open(item.project)
        try:
            yield _taken(project, item.object_id, clip, task=task)
        finally:
            project.close()


def _clip_named(truth: Truth, name: str) -> TruthClip:
    for number, clip in enumerate(truth.clips):
        if name in (clip.name, str(number)):
            return clip
    raise InputError(f"the truth has no clip {name!r}; give a number from 0 to {len(truth.clips) - 1}, or a name")


def _taken(project: Project, object_id: int, clip: TruthClip, *, task: Task) -> ClipAnswer:
    if len(project.clip) != len(clip.frames):
        raise InputError(
            f"{project.name} has {len(project.clip)} frames, {clip.name} has {len(clip.frames)}; they pair in order"
        )
    shape = clip.frames[0].modal.read().shape
    if project.clip.size_wh != shape[::-1]:
        raise InputError(f"{project.name} is {project.clip.size_wh}, {clip.name} {shape[::-1]} (width, height)")
    amodal, modal, canvas = project.amodal(object_id), project.modal(object_id), task.padding(project.clip.size_wh)
    missing = [i for i in range(len(clip.frames)) if i not in amodal]
    what = f"{project.name} has no amodal mask of object {object_id} on frame"
    task.problems.extend(Problem(clip.frames[i].key, f"{what} {i}", "missing prediction") for i in missing)
    nothing = np.zeros(shape, np.bool_)
    return ClipAnswer(
        clip,
        canvas,
        {i: modal.get(i, nothing) for i in amodal},
        {i: moved(amodal[i], project.canvas, canvas) for i in amodal},
    )


def moved(mask: Mask, source: Canvas, target: Canvas) -> Mask:
    """Return a mask of one canvas, cut or padded to another canvas of the same frame."""
    width, height = target.size_wh
    out = np.zeros((height, width), np.bool_)
    x, y = target.pad_left - source.pad_left, target.pad_top - source.pad_top
    rows, columns = range(max(0, y), min(height, y + mask.shape[0])), range(max(0, x), min(width, x + mask.shape[1]))
    out[rows.start : rows.stop, columns.start : columns.stop] = mask[
        rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
    ]
    return out
