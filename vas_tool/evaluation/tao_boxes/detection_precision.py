"""Computes detection AP: matches boxes of one category on one image, independent of their tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from vas_tool.evaluation.tao_boxes.columns import AnsweredBoxes, ImageTable, TrueBoxes, among, keys_of, most_certain
from vas_tool.evaluation.tao_boxes.matching import (
    IGNORED,
    THRESHOLDS,
    WRONG,
    Bools,
    Doubles,
    Groups,
    box_ious,
    chunks,
    matched,
)
from vas_tool.evaluation.tao_boxes.precision import precisions


def _between(lowest: float, highest: float) -> Callable[[TrueBoxes], Bools]:
    return lambda truth: (truth.visibility >= lowest) & (truth.visibility <= highest)


FILTERS: Mapping[str, Callable[[TrueBoxes], Bools]] = {
    "": _between(0, 1),
    "HO": _between(0, 0.1),
    "PO": _between(0.1, 0.8),
    "HV": _between(0.8, 1),
    "HP": _between(0, 0.8),
    "OOF": lambda truth: truth.out_of_frame,
}
"""Name of a filter -> which truth counts: all, heavily occluded, partially occluded, highly visible, occluded (heavily
or partially), out of the frame.

Both ends of a range belong to it. Truth that does not count is ignored, not absent.
"""


def detection_precisions(image_table: ImageTable, truth: TrueBoxes, answers: AnsweredBoxes) -> Doubles:
    """Return (filters, thresholds, categories, 101) precisions; see ``precision.precisions``."""
    num = image_table.num_categories
    true_keys = truth.image * num + truth.category
    found = most_certain(answers)
    keys = found.image * num + found.category
    looked_for = among(keys, np.unique(true_keys)) | among(keys, keys_of(image_table.absent, num))
    found, keys = found.taken(looked_for), keys[looked_for]
    order = np.lexsort((np.arange(len(keys)), -found.score, keys))
    found, keys = found.taken(order), keys[order]
    rows = np.argsort(true_keys, kind="stable")
    counts = np.stack([keep(truth)[rows] for keep in FILTERS.values()])
    states = np.full((len(FILTERS), len(THRESHOLDS), len(found)), WRONG, np.uint8)
    for own, others in Groups(keys, true_keys[rows]).pairs():
        for part, other in chunks(own, others, num_filters=len(FILTERS)):
            overlaps = box_ious(found.box[part], truth.box[rows[other]])
            states[:, :, part] = matched(overlaps, ~counts[:, other])
    more_there = among(keys, keys_of(image_table.not_exhaustive, num))
    states[:, :, more_there] = np.where(states[:, :, more_there] == WRONG, IGNORED, states[:, :, more_there])
    wanted = np.stack([np.bincount(truth.category[rows[kept]], minlength=num) for kept in counts])
    return precisions(states, found.score, found.category, wanted=wanted)
