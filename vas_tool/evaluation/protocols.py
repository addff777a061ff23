"""Measures one set of predictions under every protocol, to show how much of a difference between papers comes from the
protocol.

Three rows are the protocols of the papers, one row is strict. Each other row changes one rule of one of these four.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import vas_tool.evaluation.kitti as kitti
from vas_tool.errors import InputError
from vas_tool.evaluation.averages import Averaging, Form, Numbers, dropped_ones, dropped_zeros, mean
from vas_tool.evaluation.benchmarks import BASELINES, Order, unique_names
from vas_tool.evaluation.dataset import compared
from vas_tool.evaluation.mask_sources import MaskSource
from vas_tool.evaluation.measuring import Answer, Measure, Measurements, Protocol, linear, measure
from vas_tool.evaluation.overlap import (
    NOT_COUNTED,
    FrameMasks,
    eoras_iou,
    eoras_occluded_iou,
    eroded,
    reference_iou,
    reference_occluded_iou,
    strict_iou,
    strict_occluded_iou,
    tabe_iou,
    tabe_occluded_iou,
)
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.reading import read_predictions, read_truth
from vas_tool.evaluation.records import is_project_export, load_list
from vas_tool.evaluation.tables import Cell, Table
from vas_tool.formats.tabe import video_folders


@dataclass(frozen=True)
class Rules:
    """The rules of one row: the measures of the amodal mask and of the hidden part, and the way to take means."""

    whole: Measure
    hidden: Measure
    averaging: Averaging
    form: Form = "reference"
    """``reference`` leaves out a frame without an answer; ``strict`` counts it as 0."""
    finish: Callable[[Numbers], Numbers] = np.asarray
    """A function that is applied to the hidden part's numbers before the mean is taken."""


def united(frame: FrameMasks) -> FrameMasks:
    """Return the frame with the true modal mask added to the answer."""
    return replace(frame, predicted=frame.predicted | frame.modal)


def _eroded_iou(frame: FrameMasks) -> float:
    """Return the IoU of the eroded hidden parts; 0 for a miss. ``NOT_COUNTED`` when the true one is empty after
    erosion.
    """
    return reference_occluded_iou(frame) if eroded(frame.hidden).any() else NOT_COUNTED


def _where_hidden(frame: FrameMasks) -> float:
    """Return EoRaS's IoU of the hidden parts; ``NOT_COUNTED`` on frames that hide nothing."""
    return eoras_occluded_iou(frame) if frame.hidden.any() else NOT_COUNTED


def _zero_where_nothing_is_hidden(frame: FrameMasks) -> float:
    return strict_occluded_iou(frame) if frame.hidden.any() else 0.0


DIFFUSION_VAS = Rules(
    lambda f: reference_iou(f.amodal, united(f).predicted), reference_occluded_iou, "frames", finish=dropped_zeros
)
EORAS = Rules(lambda f: eoras_iou(f.amodal, f.predicted), eoras_occluded_iou, "frames", finish=dropped_ones)
TABE = Rules(lambda f: tabe_iou(f.amodal, f.predicted), tabe_occluded_iou, "clips")
STRICT = Rules(strict_iou, strict_occluded_iou, "clips", "strict")

ROWS: dict[str, Rules] = {
    "Diffusion-VAS": DIFFUSION_VAS,
    "Diffusion-VAS, no union": replace(DIFFUSION_VAS, whole=lambda f: reference_iou(f.amodal, f.predicted)),
    "Diffusion-VAS, no erosion": replace(DIFFUSION_VAS, hidden=lambda f: reference_iou(f.hidden, f.predicted_hidden)),
    "Diffusion-VAS, misses kept": replace(DIFFUSION_VAS, hidden=_eroded_iou, finish=STRICT.finish),
    "EoRaS": EORAS,
    "EoRaS, union": replace(EORAS, whole=lambda f: eoras_iou(f.amodal, united(f).predicted)),
    "EoRaS, exact answers kept": replace(EORAS, finish=STRICT.finish),
    "EoRaS, frames with a hidden part": replace(EORAS, hidden=_where_hidden),
    "TABE": TABE,
    "TABE, union": replace(
        TABE, whole=lambda f: tabe_iou(f.amodal, united(f).predicted), hidden=lambda f: tabe_occluded_iou(united(f))
    ),
    "strict": STRICT,
    "strict, union": replace(STRICT, whole=lambda f: strict_iou(united(f))),
    "strict, erosion": replace(STRICT, hidden=_eroded_iou),
    "strict, misses dropped": replace(STRICT, finish=dropped_zeros),
    "strict, exact answers dropped": replace(STRICT, finish=dropped_ones),
    "strict, nothing hidden counts 0": replace(STRICT, hidden=_zero_where_nothing_is_hidden),
    "strict, mean over frames": replace(STRICT, averaging="frames"),
}
"""Name of the row -> its rules."""

PAPERS = ("Diffusion-VAS", "EoRaS", "TABE", "strict")
"""The rows that are protocols as they are used."""

WHOLE, HIDDEN = "miou", "miou_occ"


@dataclass(frozen=True)
class Protocols:
    """The results of one set of predictions, and of the modal and convex baselines, under every protocol."""

    tables: dict[str, Table]
    """Name of an answer -> row of ``ROWS`` -> ``miou`` (whole masks) and ``miou_occ`` (hidden parts)."""
    num_clips: int
    num_frames: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def spread(self, answer: str, measure: str) -> tuple[float, float]:
        """Return the smallest and the largest mean of one answer under the protocols of ``PAPERS``; nan without any."""
        means = [cell.mean for cell in (self.tables[answer][row][measure] for row in PAPERS) if cell.num_frames]
        return (min(means), max(means)) if means else (NOT_COUNTED, NOT_COUNTED)


def measure_protocols(order: Order) -> Protocols:
    """Read the truth and the answers once and measure them by the rules of every row.

    The truth shows the form of the files. Each frame counts once, not as often as EoRaS copies it in short clips.
    Raises FormatError for files that do not read, InputError for truth without masks, Cancelled.
    """
    benchmark = form_of(order.truth)
    truth = read_truth(benchmark, order.truth, order.track_map)
    predictions = unique_names(read_predictions(benchmark, order.predictions, truth))
    answers: dict[str, Answer] = {p.name: _answer(p.masks) for p in predictions}
    answers |= BASELINES if order.baselines else {}
    measured = measure(truth, answers, _every_rule(), progress=order.progress)
    problems = [*truth.problems, *measured.problems]
    for found in predictions:
        problems += [*found.problems, *compared(truth, found, "masks")]
    return Protocols(
        {name: _table(measured, name) for name in answers},
        num_clips=len(set(measured.frames.clips.tolist())),
        num_frames=len(measured.frames.keys),
        problems=tuple(problems),
        notes=truth.notes + tuple(note for found in predictions for note in found.notes),
    )


def form_of(truth: Path) -> str:
    """Return the benchmark that has files of this form. Raises InputError for TAO-Amodal's samples, which have no
    masks.
    """
    if truth.is_dir():
        if any((truth / place / "test_data.pkl").is_file() for place in kitti.PLACES):
            return "kitti"
        return "tabe-51" if video_folders(truth) else "movi"
    if is_project_export(truth):
        return "sail-vos"
    samples = load_list(truth, "samples")
    if samples and isinstance(samples[0], dict) and "amodal_bboxes" in samples[0]:
        raise InputError(f"{truth} has amodal boxes and no amodal masks; use `vas-tool evaluate tao-amodal` for boxes")
    return "sail-vos"


def _answer(masks: Mapping[str, MaskSource]) -> Answer:
    return lambda frame, seen: masks.get(frame.key)


def _every_rule() -> Protocol:
    """Return all rows as the measures of one protocol, so that each mask is decoded once."""

    def measures(form: Form) -> dict[str, Measure]:
        chosen = {name: rules for name, rules in ROWS.items() if rules.form == form}
        wholes = {f"{name} {WHOLE}": rules.whole for name, rules in chosen.items()}
        return wholes | {f"{name} {HIDDEN}": rules.hidden for name, rules in chosen.items()}

    return Protocol(
        name="protocols",
        reference=measures("reference"),
        strict=measures("strict"),
        reference_averaging="frames",
        second_reading=frozenset(f"{name} {HIDDEN}" for name in ROWS if name.startswith("TABE")),
        fit=linear,
    )


def _table(measured: Measurements, answer: str) -> Table:
    numbers = measured.rows[answer]
    return {
        name: {
            WHOLE: _cell(numbers[rules.form][f"{name} {WHOLE}"], measured, rules),
            HIDDEN: _cell(rules.finish(numbers[rules.form][f"{name} {HIDDEN}"]), measured, rules),
        }
        for name, rules in ROWS.items()
    }


def _cell(values: Numbers, measured: Measurements, rules: Rules) -> Cell:
    return Cell(mean(values, measured.frames.clips, rules.averaging), int(np.count_nonzero(~np.isnan(values))))
