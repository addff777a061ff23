"""Measures every present amodal engine, and baselines, on objects whose hidden part is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

import vas_tool.evaluation.sail_vos as sail_vos
from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import Cancelled, EngineError, FormatError
from vas_tool.evaluation.baselines import convex_hull, convex_nearer, convex_restricted
from vas_tool.evaluation.benchmarks import EvaluationRun
from vas_tool.evaluation.case_files import answers_in
from vas_tool.evaluation.dataset import Predictions, Truth, TruthClip, TruthFrame
from vas_tool.evaluation.mask_sources import RleMask
from vas_tool.evaluation.measuring import Answer, Protocol, measure
from vas_tool.evaluation.occlusion_cases import OcclusionCase
from vas_tool.evaluation.overlap import boundary_f
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.tables import Rules, summarised
from vas_tool.formats.tabe import level_of
from vas_tool.masks import area
from vas_tool.pipeline import amodal_masks, depth_maps
from vas_tool.types import Depth, Mask
from vas_tool.work import AmodalWork

KNOWN_DEPTH = "layers"
"""Name of the case's own depth: the true order of the layers, with noise and soft borders."""

PROTOCOL = Protocol(
    name="occlusion bench",
    reference=sail_vos.PROTOCOL.reference,
    strict=sail_vos.STRICT | {"boundary_f": boundary_f},
    reference_averaging="frames",
    finish=sail_vos.PROTOCOL.finish,
    about={
        "reference": sail_vos.PROTOCOL.about["reference"][:2],
        "strict": (*sail_vos.STRICT_ABOUT, "boundary_f: F measure of the outlines, within 0.8 % of the diagonal."),
    },
)

JPEG_QUALITY = 80
"""JPEG quality (0..100) of the pictures that are kept for a report."""

Method = Callable[[OcclusionCase, dict[int, Depth]], dict[int, Mask]]
"""A function: (case, depth by frame_index) -> amodal masks by frame_index."""


def present_engines() -> list[str]:
    """Return the names of the amodal engines that are present and that this computer can run in reasonable time, best
    first.
    """
    return [s.name for s in registry.engines_of("amodal") if registry.is_present(s) and registry.is_fit(s)]


@dataclass
class _StoredCases:
    """Truth and answers of all cases as run lengths, and pictures as JPEG. The clips themselves are too large to
    keep.
    """

    clips: list[TruthClip]
    answers: dict[str, dict[str, RleMask]]
    seconds: dict[str, float]
    pictures: dict[str, bytes]
    problems: list[Problem]
    num_frames: int = 0


def bench(
    cases: Iterable[OcclusionCase],
    *,
    engines: Sequence[str] | None = None,
    depth: str = KNOWN_DEPTH,
    seed: int = 0,
    protocol: Protocol = PROTOCOL,
    folders: Mapping[str, Path] = {},
    progress: Progress = silent,
) -> EvaluationRun:
    """Run the engines on the cases and measure them by ``protocol``.

    ``engines`` names amodal engines (default: all that are present). ``depth`` is ``layers`` or the name of a depth
    engine. ``folders`` maps rows to folders with the answers of other tools, as ``case_files`` reads them. The
    categories of the evaluation are the kinds of occluders. If an engine fails on a case, its frames there count as
    misses and a problem names it. Raises EngineError for an unknown engine, FormatError when there is no case, when
    two cases or two rows have the same name, Cancelled.
    """
    names = present_engines() if engines is None else list(engines)
    methods = SIMPLE | {name: _engine(name, seed) for name in names}
    for name, folder in folders.items():
        if name in methods:
            raise FormatError(f"there is a row {name} already; give the folder {folder} another name")
        methods[name] = answers_in(folder)
    kept = _StoredCases([], {name: {} for name in methods}, dict.fromkeys(methods, 0.0), {}, [])
    for number, case in enumerate(cases):
        progress(number, 0, f"bench: {case.name}")
        _run(case, methods, kept, depth=depth)
    truth = Truth(tuple(kept.clips))
    answers: dict[str, Answer] = {name: _found(masks) for name, masks in kept.answers.items()}
    measured = measure(truth, answers, protocol, progress=progress)
    evaluation = summarised(
        measured,
        Rules(protocol.reference_averaging, protocol.finish),
        hypotheses=names[:1],
        benchmark=protocol.name,
        about=protocol.about,
    )
    times = {name: 1000 * spent / max(1, kept.num_frames) for name, spent in kept.seconds.items()}
    evaluation = replace(
        evaluation,
        problems=(*measured.problems, *kept.problems),
        milliseconds=times,
        notes=(f"Depth: {_depth_words(depth)}",),
    )
    predictions = tuple(Predictions(name, masks) for name, masks in kept.answers.items() if name in names)
    return EvaluationRun(evaluation, truth, predictions, pictures=kept.pictures)


def _depth_words(depth: str) -> str:
    return "layers in their true order, noisy." if depth == KNOWN_DEPTH else f"the engine {depth}."


def _found(masks: dict[str, RleMask]) -> Answer:
    return lambda frame, seen: masks.get(frame.key)


def _run(case: OcclusionCase, methods: dict[str, Method], kept: _StoredCases, *, depth: str) -> None:
    if _key(case, 0) in kept.pictures:
        raise FormatError(f"two cases are called {case.name}; give each its own name")
    maps = case.depth if depth == KNOWN_DEPTH else _estimated(case, depth)
    for name, method in methods.items():
        started = time.perf_counter()
        try:
            masks = method(case, maps)
        except Cancelled:
            raise
        except Exception as error:  # an engine may fail in any way: the bench continues and reports it
            kept.problems.append(Problem(case.name, f"{name}: {type(error).__name__} {error}", "engine failed"))
            masks = {}
        kept.seconds[name] += time.perf_counter() - started
        kept.answers[name] |= {_key(case, i): RleMask.from_mask(mask) for i, mask in masks.items()}
    kept.num_frames += len(case.clip)
    frames = []
    for i, modal in case.modal.items():
        truth, seen = RleMask.from_mask(case.amodal[i]), RleMask.from_mask(case.canvas.to_canvas(modal))
        level = level_of(area(case.hidden(i)) / max(1, area(case.amodal[i])))
        frames.append(TruthFrame(_key(case, i), seen, truth, image=_key(case, i), level=level))
        _, coded = cv2.imencode(
            ".jpg", case.canvas.to_canvas(case.clip[i])[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )
        kept.pictures[_key(case, i)] = coded.tobytes()
    kept.clips.append(TruthClip(case.name, case.occluder, tuple(frames)))


def _key(case: OcclusionCase, frame_index: int) -> str:
    return f"{case.name}, frame {frame_index}"


def _estimated(case: OcclusionCase, name: str) -> dict[int, Depth]:
    estimator = registry.load("depth", name)
    return dict(depth_maps(case.clip, range(len(case.clip)), estimator=estimator))


def answer_case(case: OcclusionCase, engine: str, *, depth: str = KNOWN_DEPTH, seed: int = 0) -> dict[int, Mask]:
    """Return frame_index -> (canvas H, W) amodal mask of an engine for a case. Raises EngineError."""
    return _engine(engine, seed)(case, case.depth if depth == KNOWN_DEPTH else _estimated(case, depth))


def _engine(name: str, seed: int) -> Method:
    if name in SIMPLE:
        raise EngineError(f"{name} is measured anyway; name engines of the amodal stage")
    registry.spec_of("amodal", name)

    def run(case: OcclusionCase, depth: dict[int, Depth]) -> dict[int, Mask]:
        frames = range(len(case.clip))
        work = AmodalWork(case.clip, case.modal, depth, canvas=case.canvas, frame_indices=frames, seed=seed)
        return dict(amodal_masks(work, completer=registry.load("amodal", name)))

    return run


def _of_frame(answer: Callable[[OcclusionCase, int, Depth], Mask]) -> Method:
    """Return a method that answers frame by frame, inside the picture alone."""
    return lambda case, depth: {i: case.canvas.to_canvas(answer(case, i, depth[i])) for i in case.modal}


def _restricted(case: OcclusionCase, i: int, depth: Depth | None) -> Mask:
    return convex_restricted([case.modal[i], *case.others.get(i, [])], depth)[0]


SIMPLE: dict[str, Method] = {
    "modal": _of_frame(lambda case, i, depth: case.modal[i]),
    "convex": _of_frame(lambda case, i, depth: convex_hull(case.modal[i])),
    "convex, nearer": _of_frame(lambda case, i, depth: convex_nearer(case.modal[i], depth)),
    "convex-restricted": _of_frame(lambda case, i, depth: _restricted(case, i, None)),
    "convex-restricted, depth": _of_frame(_restricted),
}
"""Baselines that need no engine: the modal mask; its convex hull; the hull where something is nearer; Convex^R, the
hull within the modal masks of the things in front, in the order of the hulls and in the order of the depth."""
