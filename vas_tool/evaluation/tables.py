"""Computes the tables of a report from the numbers per frame: means, Top-K, curves, categories, worst frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vas_tool.evaluation.averages import (
    FORMS,
    VISIBILITIES,
    About,
    Averaging,
    Form,
    Numbers,
    best_of,
    buckets_between,
    mean,
    reference_bucket,
    strict_bucket,
)
from vas_tool.evaluation.measuring import Frames, Measurements, Row
from vas_tool.evaluation.problems import Problem, counted

Finish = Mapping[str, Callable[[Numbers], Numbers]]

NUM_WORST = 12
"""How many frames a report shows."""

LESS_IS_BETTER = frozenset({"invented"})
"""Measures whose smallest number is the best."""

WORST_OF_A_CLIP = 2
"""Most worst frames of one clip, so that one lost object does not fill the page."""


@dataclass(frozen=True)
class Cell:
    """One mean of a table."""

    mean: float
    """The mean, 0..1; nan when no frame counts."""
    num_frames: int
    """How many frames count for the mean."""


@dataclass(frozen=True)
class Rules:
    """The rules by which the reference takes means. Strict means are always over clips."""

    reference_averaging: Averaging = "frames"
    finish: Finish = field(default_factory=dict)
    picture_means: frozenset[str] = frozenset()
    """Reference measures that are averaged over pictures instead."""
    buckets: Sequence[float] = VISIBILITIES
    """Borders of the visibility buckets, ascending from 0 to 1."""

    def averaging(self, form: Form, measure: str) -> Averaging:
        """Return what counts once in the mean of a measure: frames, clips or pictures."""
        if form == "reference" and measure in self.picture_means:
            return "pictures"
        return self.reference_averaging if form == "reference" else "clips"

    def finished(self, form: Form, measure: str, values: Numbers) -> Numbers:
        """Return the numbers of a measure after the reference has dropped the frames that it drops."""
        change = self.finish.get(measure) if form == "reference" else None
        return change(values) if change else values


Table = dict[str, dict[str, Cell]]
"""Name of a row -> measure -> mean."""


@dataclass(frozen=True)
class WorstFrame:
    """A frame with a low number of the first result file."""

    key: str
    clip: str
    image: str
    measure: str
    """The measure by which the frame is among the worst."""
    value: float
    """Its number, 0..1."""


@dataclass(frozen=True)
class Evaluation:
    """The content of a report."""

    benchmark: str
    about: About
    num_clips: int
    num_frames: int
    """How many frames were measured."""
    tables: Mapping[Form, Table]
    """Form -> table of all frames."""
    curves: Mapping[Form, Mapping[tuple[float, float], Table]]
    """Form -> visibility bucket (from, to) -> table of the bucket."""
    categories: Mapping[Form, Mapping[str, Table]]
    """Form -> category -> table of its frames."""
    hypotheses: tuple[str, ...] = ()
    """Names of the rows that are hypotheses of one method, in their order. The other rows are for comparison."""
    worst: tuple[WorstFrame, ...] = ()
    """Worst frames of the first of ``hypotheses``, in the strict form."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the report about the files."""
    sources: tuple[str, ...] = ()
    """Names of the files that were compared."""
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    """Name of a row -> milliseconds per frame, where the answers were made during the evaluation."""
    printed: Table = field(default_factory=dict)
    """Rows that the papers print for this benchmark, with 0 frames each: nobody measured them here."""
    measured: Measurements | None = None
    """The numbers of every frame, of which the tables are the means."""

    @property
    def left_out(self) -> dict[str, int]:
        """Number of problems of each kind."""
        return counted(self.problems)


def summarised(
    measured: Measurements, rules: Rules, *, hypotheses: Sequence[str], benchmark: str, about: About
) -> Evaluation:
    """Return all tables. ``hypotheses`` names the rows that are hypotheses of one method; of several, Top-K is
    taken.
    """
    rows = {**measured.rows, **top_k({name: measured.rows[name] for name in hypotheses})}
    frames = measured.frames
    everything = np.ones(len(frames.keys), np.bool_)
    categories = np.asarray(frames.categories)
    return Evaluation(
        benchmark=benchmark,
        about=about,
        hypotheses=tuple(hypotheses),
        num_clips=len(set(frames.clips.tolist())),
        num_frames=len(frames.keys),
        tables={form: _table(rows, frames, rules, form=form, chosen=everything) for form in FORMS},
        curves={form: _curves(rows, frames, rules, form=form) for form in FORMS},
        categories={
            form: {
                name: _table(rows, frames, rules, form=form, chosen=categories == name)
                for name in sorted(set(frames.categories))
            }
            for form in FORMS
        },
        worst=tuple(_worst(rows[hypotheses[0]], frames)) if hypotheses else (),
        problems=measured.problems,
        measured=measured,
    )


def top_k(hypotheses: Mapping[str, Row]) -> dict[str, Row]:
    """Return the rows top-2 to top-K: on each frame the best of the first 2 to K answers (Diffusion-VAS paper)."""
    rows = list(hypotheses.values())

    def best(k: int, form: Form) -> dict[str, Numbers]:
        return {
            measure: best_of([row[form][measure] for row in rows[:k]], less_is_better=measure in LESS_IS_BETTER)
            for measure in rows[0][form]
        }

    return {best_row(k): {form: best(k, form) for form in FORMS} for k in range(2, len(rows) + 1)}


def best_row(k: int) -> str:
    """Return the name of the row with the best of the first k answers."""
    return f"top-{k}"


def _table(
    rows: Mapping[str, Row], frames: Frames, rules: Rules, *, form: Form, chosen: npt.NDArray[np.bool_]
) -> Table:
    places = frames.counted(chosen, form)
    return {
        name: {
            measure: _cell(
                rules.finished(form, measure, values), frames, places, averaging=rules.averaging(form, measure)
            )
            for measure, values in row[form].items()
        }
        for name, row in rows.items()
    }


def _cell(values: Numbers, frames: Frames, places: npt.NDArray[np.int64], *, averaging: Averaging) -> Cell:
    chosen = values[places]
    return Cell(mean(chosen, frames.groups(averaging)[places], averaging), int(np.count_nonzero(~np.isnan(chosen))))


def _curves(rows: Mapping[str, Row], frames: Frames, rules: Rules, *, form: Form) -> dict[tuple[float, float], Table]:
    chosen_by = {
        bucket: reference_bucket(frames.visibility, frames.clips, bucket)
        if form == "reference"
        else strict_bucket(np.where(frames.absent, np.nan, frames.visibility), bucket)
        for bucket in buckets_between(rules.buckets)
    }
    return {bucket: _table(rows, frames, rules, form=form, chosen=chosen) for bucket, chosen in chosen_by.items()}


def _worst(row: Row, frames: Frames) -> list[WorstFrame]:
    strict = row["strict"]
    measure = "miou_occ" if "miou_occ" in strict and not np.isnan(strict["miou_occ"]).all() else "miou"
    values = strict[measure]
    found: list[WorstFrame] = []
    shown: dict[int, int] = {}
    # Of equally bad frames, those where least is seen come first: missing all of an object says more than a few pixels.
    for i in np.lexsort((frames.visibility, values)):
        clip = int(frames.clips[i])
        if math.isnan(values[i]) or len(found) == NUM_WORST:
            break
        if shown.get(clip, 0) < WORST_OF_A_CLIP:
            shown[clip] = shown.get(clip, 0) + 1
            name, image = frames.clip_names[clip], frames.images[i]
            found.append(WorstFrame(frames.keys[i], name, image, measure, float(values[i])))
    return found
