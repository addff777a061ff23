"""One runner a benchmark: files in, an ``Evaluation`` out. ``BENCHMARKS`` is the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import vas_tool.evaluation.eoras as eoras
import vas_tool.evaluation.restricted as restricted
import vas_tool.evaluation.sail_vos as sail_vos
import vas_tool.evaluation.tabe51 as tabe51
import vas_tool.evaluation.tao_amodal as tao_amodal
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import InputError
from vas_tool.evaluation.averages import VISIBILITIES
from vas_tool.evaluation.baselines import convex_hull
from vas_tool.evaluation.dataset import GivenMask, MaskSource, Predictions, Problem, Truth, TruthFrame, compared
from vas_tool.evaluation.measuring import Answer, Measured, Protocol, Seen, measure
from vas_tool.evaluation.project_exports import export_by_video, export_predictions, export_truth
from vas_tool.evaluation.records import is_project_export
from vas_tool.evaluation.tables import Evaluation, Rules, summarised


@dataclass(frozen=True)
class Order:
    """What is to be compared."""

    truth: Path
    predictions: tuple[Path, ...] = ()
    """Several are hypotheses of one method: Top-K is taken over them, in their order."""
    track_map: Path | None = None
    """Of TAO-Amodal: video id -> first track id."""
    baselines: bool = True
    """Whether the rows that need no answers (modal, convex) are measured, too."""
    restricted: bool = False
    """SAIL-VOS and exports of ours: the row Convex^R, too; it needs the other objects of each picture."""
    buckets: Sequence[float] = VISIBILITIES
    """Borders of visibility, ascending from 0 to 1."""
    progress: Progress = silent


@dataclass(frozen=True)
class Compared:
    """An evaluation with what it was made of, for pictures."""

    evaluation: Evaluation
    truth: Truth
    predictions: tuple[Predictions, ...]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """Name of the image -> JPEG or PNG, where they are at hand."""
    of_boxes: bool = False
    """Whether boxes were compared, not masks."""


def evaluate(benchmark: str, order: Order) -> Compared:
    """Read both sides of ``order`` and measure. Raises InputError (FormatError for files) and Cancelled.

    What is wrong with single records is in the evaluation's ``problems``; nothing is skipped without being there.
    """
    if benchmark not in BENCHMARKS:
        raise InputError(f"there is no benchmark {benchmark!r}; choose one of {', '.join(BENCHMARKS)}")
    if not order.predictions and not order.baselines:
        raise InputError("there is nothing to measure; name result files, or let the modal and convex rows be measured")
    compared_ = BENCHMARKS[benchmark](order)
    sources = tuple(str(path) for path in (order.truth, *order.predictions))
    return replace(compared_, evaluation=replace(compared_.evaluation, sources=sources))


# --- masks ------------------------------------------------------------------------------------------------------------


def modal_row(frame: TruthFrame, seen: Seen) -> MaskSource:
    """What is seen, as the answer (spec.md 8)."""
    return seen


def convex_row(frame: TruthFrame, seen: Seen) -> MaskSource:
    """The hull of what is seen (spec.md 8)."""
    return GivenMask(convex_hull(seen.mask, seen.within), seen.within)


BASELINES: dict[str, Answer] = {"modal": modal_row, "convex": convex_row}
"""The rows of every table of masks."""

ROWS = (*BASELINES, restricted.ROW, tao_amodal.MODAL_ROW)
"""Names that no result file can have."""


def evaluate_masks(
    truth: Truth,
    predictions: Sequence[Predictions],
    protocol: Protocol,
    *,
    order: Order,
    more_rows: Mapping[str, Answer] | None = None,
) -> Compared:
    """Every result file, and the rows that need none, on every frame of the truth. Raises FormatError, Cancelled."""
    predictions = told_apart(predictions)
    answers: dict[str, Answer] = {p.name: _answer_of(p) for p in predictions}
    answers |= {**(BASELINES if order.baselines else {}), **(more_rows or {})}
    measured = measure(truth, answers, protocol, progress=order.progress)
    evaluation = summarised(
        measured,
        Rules(protocol.reference_averaging, protocol.finish, order.buckets),
        hypotheses=[p.name for p in predictions],
        benchmark=protocol.name,
        about=protocol.about,
    )
    problems = _all_problems(truth, predictions, measured, kind="masks")
    return Compared(replace(evaluation, problems=problems, notes=truth.notes), truth, tuple(predictions))


def _answer_of(predictions: Predictions) -> Answer:
    return lambda frame, seen: predictions.masks.get(frame.key)


def told_apart(predictions: Sequence[Predictions]) -> list[Predictions]:
    """The same with a number behind names that occur twice."""
    names = [p.name for p in predictions]
    taken = {name: 0 for name in (*ROWS, *names)}
    out = []
    for p in predictions:
        taken[p.name] += 1
        again = names.count(p.name) > 1 or p.name in ROWS
        out.append(replace(p, name=f"{p.name} ({taken[p.name]})" if again else p.name))
    return out


def _all_problems(
    truth: Truth, predictions: Sequence[Predictions], measured: Measured, *, kind: Literal["masks", "boxes"]
) -> tuple[Problem, ...]:
    found = [*truth.problems, *measured.problems]
    for answers in predictions:
        found += [*answers.problems, *compared(truth, answers, kind)]
    return tuple(found)


# --- the benchmarks ---------------------------------------------------------------------------------------------------


def _sail_vos(order: Order) -> Compared:
    truth = export_truth(order.truth) if is_project_export(order.truth) else sail_vos.read_truth(order.truth)
    predictions = [_read(path, sail_vos.read_predictions) for path in order.predictions]
    more: dict[str, Answer] = {restricted.ROW: restricted.RestrictedHulls(truth)} if order.restricted else {}
    return evaluate_masks(truth, predictions, sail_vos.PROTOCOL, order=order, more_rows=more)


def _tao_amodal(order: Order) -> Compared:
    if is_project_export(order.truth):
        truth = export_truth(order.truth)
    else:
        truth = tao_amodal.read_truth(order.truth, tao_amodal.read_track_map(order.track_map))
    predictions = told_apart([_read(path, tao_amodal.read_predictions) for path in order.predictions])
    measured = tao_amodal.measure_boxes(
        truth, {p.name: p for p in predictions}, modal_row=order.baselines, progress=order.progress
    )
    evaluation = summarised(
        measured,
        Rules(buckets=order.buckets),
        hypotheses=[p.name for p in predictions],
        benchmark="tao-amodal",
        about=tao_amodal.ABOUT,
    )
    problems = _all_problems(truth, predictions, measured, kind="boxes")
    return Compared(replace(evaluation, problems=problems, notes=truth.notes), truth, tuple(predictions), of_boxes=True)


def _read(path: Path, read: Callable[[Path], Predictions]) -> Predictions:
    return export_predictions(path) if is_project_export(path) else read(path)


def _tabe(order: Order) -> Compared:
    truth = tabe51.read_truth(order.truth)
    predictions: list[Predictions] = []
    for path in order.predictions:
        if is_project_export(path):
            predictions.append(export_by_video(path, lambda video, thing, t: tabe51.key_of(video, t)))
        else:
            predictions += tabe51.read_predictions(path, truth)
    compared_ = evaluate_masks(truth, predictions, tabe51.PROTOCOL, order=order)
    names = [p.name for p in compared_.predictions]
    return replace(compared_, evaluation=tabe51.with_generations(compared_.evaluation, names))


def _movi(order: Order) -> Compared:
    # Ids of ours count from 1, as in segmentation_full.
    predictions = [
        export_by_video(path, lambda video, thing, t: eoras.key_of(video, thing - 1, t))
        if is_project_export(path)
        else eoras.read_movi_predictions(path)
        for path in order.predictions
    ]
    return evaluate_masks(eoras.read_movi_truth(order.truth), predictions, eoras.MOVI, order=order)


def _kitti(order: Order) -> Compared:
    predictions = [
        export_by_video(path, eoras.key_of) if is_project_export(path) else eoras.read_kitti_predictions(path)
        for path in order.predictions
    ]
    return evaluate_masks(eoras.read_kitti_truth(order.truth), predictions, eoras.KITTI, order=order)


BENCHMARKS: dict[str, Callable[[Order], Compared]] = {
    "sail-vos": _sail_vos,
    "tao-amodal": _tao_amodal,
    "tabe-51": _tabe,
    "movi": _movi,
    "kitti": _kitti,
}
"""Name -> runner."""
