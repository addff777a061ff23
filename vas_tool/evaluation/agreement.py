"""Measures the agreement of several answers for one hidden part: of annotators, seeds or engines, with or without
truth.

Only the hidden part counts: pixels outside every modal mask. Frames on which nothing is hidden are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from vas_tool.hypotheses import covering
from vas_tool.masks import area, iou
from vas_tool.types import Mask

NUM_BINS = 15
"""Bins of equal width of the calibration error (Guo et al., On calibration of modern neural networks, ICML 2017)."""

Sums = npt.NDArray[np.float64]
"""(NUM_BINS, 3): number of pixels, sum of the probabilities, sum of the truths of each bin."""


@dataclass(frozen=True)
class FrameAgreement:
    """The agreement on one frame of one object."""

    frame_index: int
    num_answers: int
    """Number of answers that were compared."""
    pairwise_iou: float
    """Mean IoU of the hidden parts over all pairs of answers, 0..1."""
    coverage: float
    """Share of the truth's hidden part that the union of the answers has; nan where the truth hides nothing."""
    sums: Sums
    """Sums from which ``calibration_error`` is computed."""

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the probability mask on this frame."""
        return calibration_error(self.sums)


@dataclass(frozen=True)
class Agreement:
    """The agreement on all frames of one object."""

    name: str
    frames: tuple[FrameAgreement, ...]

    @property
    def pairwise_iou(self) -> float:
        """Mean over the frames; nan without any."""
        return _mean([frame.pairwise_iou for frame in self.frames])

    @property
    def coverage(self) -> float:
        """Mean over the frames that have one; nan without any."""
        return _mean([frame.coverage for frame in self.frames if not np.isnan(frame.coverage)])

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over the pixels of all frames; nan without any."""
        return calibration_error(np.sum([frame.sums for frame in self.frames], axis=0)) if self.frames else np.nan


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else np.nan


def frame_agreement(frame_index: int, hidden: Sequence[Mask], truth: Mask | None = None) -> FrameAgreement | None:
    """Return how far two or more hidden parts (H, W) agree; None where neither an answer nor the truth hides anything.

    The probability of a pixel is the share of the answers that have it. With ``truth``, the true hidden part, the
    probabilities from all answers are compared with it. Without, each answer in turn is the truth for the others.
    """
    if not any(mask.any() for mask in (*hidden, *([] if truth is None else [truth]))):
        return None
    pairs = [iou(a, b) for a, b in combinations(hidden, 2)]
    rounds = [(truth, hidden)] if truth is not None else list(_each_in_turn(hidden))
    return FrameAgreement(
        frame_index,
        len(hidden),
        _mean(pairs),
        _mean([area(true & _union(others)) / area(true) for true, others in rounds if true.any()]),
        np.sum([calibration_sums(covering(others), true) for true, others in rounds], axis=0),
    )


def _each_in_turn(hidden: Sequence[Mask]) -> Iterator[tuple[Mask, list[Mask]]]:
    for place, mask in enumerate(hidden):
        yield mask, [*hidden[:place], *hidden[place + 1 :]]


def _union(masks: Sequence[Mask]) -> Mask:
    return np.asarray(np.logical_or.reduce(list(masks)))


def calibration_sums(probability: npt.NDArray[np.float64], truth: Mask) -> Sums:
    """Return the sums for ``calibration_error`` of the probabilities (H, W), 0..1, against the mask ``truth`` (H, W).

    Pixels with a probability of 0 outside the truth are left out: they are most of a picture, and would make every
    error small.
    """
    doubted = (probability > 0) | truth
    p, true = probability[doubted], truth[doubted]
    # As in the paper a bin has its upper border: (0, 1/15], (1/15, 2/15], ...; 0 belongs to the first.
    bins = np.clip(np.ceil(p * NUM_BINS - 1e-9).astype(np.int64) - 1, 0, NUM_BINS - 1)
    weights = (None, p, true.astype(np.float64))
    return np.stack([np.bincount(bins, weights=w, minlength=NUM_BINS) for w in weights], axis=1).astype(np.float64)


def calibration_error(sums: Sums) -> float:
    """Return the expected calibration error, 0..1: the mean over the bins, weighted by their pixels, of the distance
    between the mean probability and the share of true pixels. nan without pixels.
    """
    total = sums[:, 0].sum()
    return float(np.abs(sums[:, 2] - sums[:, 1]).sum() / total) if total else np.nan


def least_agreed(found: Sequence[Agreement], count: int) -> list[tuple[str, FrameAgreement]]:
    """Return (name of the object, frame) for the ``count`` frames with the smallest pairwise IoU, the smallest
    first.
    """
    every = [(agreement.name, frame) for agreement in found for frame in agreement.frames]
    return sorted(every, key=lambda pair: pair[1].pairwise_iou)[:count]
