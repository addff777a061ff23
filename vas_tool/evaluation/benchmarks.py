"""Runs a benchmark: reads the files and returns an ``Evaluation``. ``BENCHMARKS`` lists the benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import vas_tool.evaluation.kitti as kitti
import vas_tool.evaluation.movi as movi
import vas_tool.evaluation.restricted as restricted
import vas_tool.evaluation.sail_vos as sail_vos
import vas_tool.evaluation.savos as savos
import vas_tool.evaluation.tabe51 as tabe51
import vas_tool.evaluation.tao_amodal as tao_amodal
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import InputError
from vas_tool.evaluation.averages import VISIBILITIES
from vas_tool.evaluation.baselines import convex_hull
from vas_tool.evaluation.dataset import Predictions, Truth, TruthFrame, compared
from vas_tool.evaluation.mask_sources import GivenMask, MaskSource
from vas_tool.evaluation.measuring import Answer, Measurements, ModalMask, Protocol, measure
from vas_tool.evaluation.printed import printed
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.reading import read_predictions, read_truth
from vas_tool.evaluation.tables import Evaluation, Rules, summarised


@dataclass(frozen=True)
class Order:
    """The files of one evaluation, and its options."""

    truth: Path
    predictions: tuple[Path, ...] = ()
    """Result files. Several files are hypotheses of one method, and Top-K is taken over them in this order."""
    track_map: Path | None = None
    """The file that maps a video id to its first track id, for TAO-Amodal."""
    baselines: bool = True
    """Whether the baselines (modal, convex) are measured, too."""
    restricted: bool = False
    """Whether the baseline Convex^R is measured. Only for SAIL-VOS, because it needs the other objects of each
    picture."""
    kins: Path | None = None
    """For kitti-savos: folder of KINS; its annotations are then the truth."""
    printed: bool = False
    """Whether the tables also show the rows of the papers."""
    buckets: Sequence[float] = VISIBILITIES
    """Borders of the visibility buckets, ascending from 0 to 1."""
    progress: Progress = silent


@dataclass(frozen=True)
class EvaluationRun:
    """An evaluation, with the truth and answers that its pictures are drawn from."""

    evaluation: Evaluation
    truth: Truth
    predictions: tuple[Predictions, ...]
    """The result files, in the order of ``Order.predictions``."""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """Name of an image -> its JPEG or PNG bytes, for the images that are in memory."""
    of_boxes: bool = False
    """Whether the evaluation compared boxes instead of masks."""


def evaluate(benchmark: str, order: Order) -> EvaluationRun:
    """Read the truth and the predictions of ``order`` and measure them.

    Every skipped record is in the ``problems`` of the evaluation. Raises InputError when ``order`` does not fit the
    benchmark, FormatError when a file has another form, and Cancelled.
    """
    if benchmark not in BENCHMARKS:
        raise InputError(f"there is no benchmark {benchmark!r}; choose one of {', '.join(BENCHMARKS)}")
    if not order.predictions and not order.baselines:
        raise InputError("there is nothing to measure; name result files, or let the modal and convex rows be measured")
    if order.restricted and benchmark not in RESTRICTED:
        raise InputError(f"the row {restricted.ROW} is for {', '.join(RESTRICTED)}; leave it out for {benchmark}")
    compared_ = BENCHMARKS[benchmark](order)
    sources = tuple(str(path) for path in (order.truth, *order.predictions))
    beside = printed(benchmark) if order.printed else {}
    return replace(compared_, evaluation=replace(compared_.evaluation, sources=sources, printed=beside))


# --- masks ------------------------------------------------------------------------------------------------------------


def modal_row(frame: TruthFrame, seen: ModalMask) -> MaskSource:
    """Return the modal mask: the baseline ``modal``."""
    return seen


def convex_row(frame: TruthFrame, seen: ModalMask) -> MaskSource:
    """Return the convex hull of the modal mask: the baseline ``convex``."""
    return GivenMask(convex_hull(seen.mask, seen.within), seen.within)


BASELINES: dict[str, Answer] = {"modal": modal_row, "convex": convex_row}
"""Baselines in every table of masks, by name."""

ROWS = (*BASELINES, restricted.ROW, tao_amodal.MODAL_ROW)
"""Names of rows that no result file may have."""


def evaluate_masks(
    truth: Truth,
    predictions: Sequence[Predictions],
    protocol: Protocol,
    *,
    order: Order,
    more_rows: Mapping[str, Answer] | None = None,
) -> EvaluationRun:
    """Measure every result file and the baselines on every frame of the truth.

    ``more_rows`` is name -> further answers to measure. Raises FormatError when no frame can be measured, Cancelled.
    """
    predictions = unique_names(predictions)
    answers: dict[str, Answer] = {p.name: _answer_of(p) for p in predictions}
    answers |= {**(BASELINES if order.baselines else {}), **(more_rows or {})}
    measured = measure(truth, answers, protocol, progress=order.progress)
    evaluation = summarised(
        measured,
        Rules(protocol.reference_averaging, protocol.finish, protocol.picture_means, order.buckets),
        hypotheses=[p.name for p in predictions],
        benchmark=protocol.name,
        about=protocol.about,
    )
    problems = _all_problems(truth, predictions, measured, kind="masks")
    return EvaluationRun(
        replace(evaluation, problems=problems, notes=_all_notes(truth, predictions)), truth, tuple(predictions)
    )


def _answer_of(predictions: Predictions) -> Answer:
    return lambda frame, seen: predictions.masks.get(frame.key)


def unique_names(predictions: Sequence[Predictions]) -> list[Predictions]:
    """Return the predictions with a number appended to names that occur more than once."""
    names = [p.name for p in predictions]
    taken = {name: 0 for name in (*ROWS, *names)}
    out = []
    for p in predictions:
        taken[p.name] += 1
        again = names.count(p.name) > 1 or p.name in ROWS
        out.append(replace(p, name=f"{p.name} ({taken[p.name]})" if again else p.name))
    return out


def _all_problems(
    truth: Truth, predictions: Sequence[Predictions], measured: Measurements, *, kind: Literal["masks", "boxes"]
) -> tuple[Problem, ...]:
    found = [*truth.problems, *measured.problems]
    for answers in predictions:
        found += [*answers.problems, *compared(truth, answers, kind)]
    return tuple(found)


def _all_notes(truth: Truth, predictions: Sequence[Predictions]) -> tuple[str, ...]:
    return truth.notes + tuple(note for answers in predictions for note in answers.notes)


# --- the benchmarks ---------------------------------------------------------------------------------------------------


def _of_masks(benchmark: str, protocol: Protocol, order: Order) -> EvaluationRun:
    truth, predictions = _files(benchmark, order)
    more: dict[str, Answer] = {restricted.ROW: restricted.RestrictedHulls(truth)} if order.restricted else {}
    return evaluate_masks(truth, predictions, protocol, order=order, more_rows=more)


def _files(benchmark: str, order: Order) -> tuple[Truth, list[Predictions]]:
    truth = read_truth(benchmark, order.truth, order.track_map)
    return truth, read_predictions(benchmark, order.predictions, truth)


def _sail_vos(order: Order) -> EvaluationRun:
    return _of_masks("sail-vos", sail_vos.PROTOCOL, order)


def _tao_amodal(order: Order) -> EvaluationRun:
    truth, found = _files("tao-amodal", order)
    predictions = unique_names(found)
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
    return EvaluationRun(
        replace(evaluation, problems=problems, notes=_all_notes(truth, predictions)),
        truth,
        tuple(predictions),
        of_boxes=True,
    )


def _tabe(order: Order) -> EvaluationRun:
    compared_ = _of_masks("tabe-51", tabe51.PROTOCOL, order)
    return replace(compared_, evaluation=tabe51.with_generations(compared_.evaluation, compared_.predictions))


def _movi(order: Order) -> EvaluationRun:
    return _of_masks("movi", movi.PROTOCOL, order)


def _kitti(order: Order) -> EvaluationRun:
    return _of_masks("kitti", kitti.PROTOCOL, order)


def _kitti_savos(order: Order) -> EvaluationRun:
    truth = savos.read_truth(order.truth, order.kins)
    predictions = savos.corrected(read_predictions("kitti", order.predictions, truth), truth)
    return evaluate_masks(truth, predictions, savos.PROTOCOL, order=order)


BENCHMARKS: dict[str, Callable[[Order], EvaluationRun]] = {
    "sail-vos": _sail_vos,
    "tao-amodal": _tao_amodal,
    "tabe-51": _tabe,
    "movi": _movi,
    "kitti": _kitti,
    "kitti-savos": _kitti_savos,
}
"""Name of a benchmark -> the function that runs it."""

RESTRICTED = ("sail-vos",)
"""Benchmarks whose keys say which objects are in the same picture."""
