"""Computes average precision from the states of answers, as LVIS does."""

from __future__ import annotations

import numpy as np

from vas_tool.evaluation.tao_boxes.matching import IGNORED, RIGHT, THRESHOLDS, WRONG, Bools, Doubles, Ints, States

RECALLS = np.linspace(0, 1, 101)
"""Recalls at which precision is read."""

NOTHING_TO_FIND = -1.0
"""Precision of a category without truth that passes the filter. It counts in no mean."""


def precisions(states: States, scores: Doubles, categories: Ints, *, wanted: Ints) -> Doubles:
    """Return (F, T, C, 101) the precision at each recall.

    ``states`` (F, T, N), ``scores`` (N,) and ``categories`` (N,) describe the answers in the order of their images. Of
    equal scores the first ranks higher. ``wanted`` (F, C) is the number of truth boxes or tracks.
    """
    num_filters, num_categories = wanted.shape
    found = np.full((num_filters, len(THRESHOLDS), num_categories, len(RECALLS)), NOTHING_TO_FIND)
    order = np.lexsort((np.arange(len(scores)), -scores, categories))
    bounds = np.searchsorted(categories[order], np.arange(num_categories + 1))
    for category in np.flatnonzero(wanted.any(0)):
        own = states[..., order[bounds[category] : bounds[category + 1]]]
        for number in np.flatnonzero(wanted[:, category]):
            found[number, :, category] = [_at_recalls(row, int(wanted[number, category])) for row in own[number]]
    return found


def _at_recalls(states: States, wanted: int) -> Doubles:
    """Return (101,) the best precision at each recall or above it; 0 where the recall is not reached."""
    counted = states[states != IGNORED]
    right, wrong = np.cumsum(counted == RIGHT), np.cumsum(counted == WRONG)
    recall = right / wanted
    precision = right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    return np.where(places < len(best), np.append(best, 0.0)[places], 0.0)


def average(found: Doubles, *, categories: Bools | None = None) -> float:
    """Return the mean of (T, C, 101) precisions, 0..1; ``NOTHING_TO_FIND`` when no category has truth."""
    chosen = found if categories is None else found[:, categories]
    kept = chosen[chosen > NOTHING_TO_FIND]
    return float(kept.mean()) if kept.size else NOTHING_TO_FIND
