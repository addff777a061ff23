"""Matches answers to truth as LVIS does, for many small groups, all thresholds and all filters together.

A group holds the boxes of one category on one image, or the tracks of one category in one video. In a group, each
answer, in order of falling score, takes the free truth that overlaps it most, if the overlap reaches the threshold. It
takes truth that a filter ignores only if there is no other; such an answer counts neither as right nor as wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Thresholds of IoU."""

ALMOST_ONE = 1 - 1e-10
"""Upper limit of a threshold, as in LVIS."""

CHUNK = 1 << 22
"""Most numbers in memory at a time: groups x filters x thresholds x truth."""

WRONG, RIGHT, IGNORED = 0, 1, 2
"""States of an answer."""

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
States = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Groups:
    """Answers and truth, each sorted by group. Within a group, answers are sorted by falling score."""

    answers: Ints
    """(N,) group of each answer."""
    truth: Ints
    """(M,) group of each truth."""

    def pairs(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield ((B, D) answers, (B, G) truth) as indices, for groups that have both. Groups of one shape come
        together.
        """
        groups, first, num_answers = np.unique(self.answers, return_index=True, return_counts=True)
        own, start, num_truth = np.unique(self.truth, return_index=True, return_counts=True)
        _, left, right = np.intersect1d(groups, own, assume_unique=True, return_indices=True)
        shapes = num_answers[left] * (len(self.truth) + 1) + num_truth[right]
        order = np.argsort(shapes, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(shapes[order])) + 1):
            if not members.size:
                continue
            count, other = num_answers[left[members[0]]], num_truth[right[members[0]]]
            yield (
                first[left[members]][:, None] + np.arange(count),
                start[right[members]][:, None] + np.arange(other),
            )


def chunks(answers: Ints, truth: Ints, *, num_filters: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield the pairs of ``Groups.pairs`` in parts that fit into memory."""
    size = max(1, CHUNK // (num_filters * len(THRESHOLDS) * truth.shape[1]))
    for begin in range(0, len(answers), size):
        yield answers[begin : begin + size], truth[begin : begin + size]


def matched(ious: Doubles, ignored: Bools) -> States:
    """Return (F, T, B, D) states from (B, D, G) IoUs and (F, B, G) ignored truth. Unmatched answers are WRONG."""
    num_groups, num_answers, num_truth = ious.shape
    shape = (len(ignored), len(THRESHOLDS), num_groups)
    taken = np.zeros((*shape, num_truth), np.bool_)
    states = np.zeros((*shape, num_answers), np.uint8)
    least = np.minimum(THRESHOLDS, ALMOST_ONE)[None, :, None, None]
    preferred = np.where(ignored, 0.0, 2.0)[:, None]  # above any IoU
    for number in range(num_answers):
        overlap = ious[None, None, :, number]
        worth = np.where((overlap >= least) & ~taken, overlap + preferred, -1.0)
        best = num_truth - 1 - worth[..., ::-1].argmax(-1)  # of equal IoUs the last one, as in LVIS's loop
        hit = np.take_along_axis(worth, best[..., None], -1)[..., 0] >= 0
        chosen = (np.arange(num_truth) == best[..., None]) & hit[..., None]
        taken |= chosen
        counts_not = (chosen & ignored[:, None]).any(-1)
        states[..., number] = np.where(counts_not, IGNORED, np.where(hit, RIGHT, WRONG))
    return states


def box_ious(answers: Doubles, truth: Doubles) -> Doubles:
    """Return (..., D, G) IoUs of (..., D, 4) and (..., G, 4) xywh boxes, as pycocotools computes them."""
    a, b = answers[..., :, None, :], truth[..., None, :, :]
    width = np.minimum(a[..., 0] + a[..., 2], b[..., 0] + b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 1] + a[..., 3], b[..., 1] + b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    inter = np.where((width > 0) & (height > 0), width * height, 0.0)
    union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=inter > 0)
