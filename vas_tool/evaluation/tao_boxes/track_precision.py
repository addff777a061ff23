"""Computes track AP: matches whole tracks of one category in one video by their overlap in space and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vas_tool.evaluation.tao_boxes.columns import (
    AnsweredBoxes,
    Boxes,
    ImageTable,
    TrueBoxes,
    among,
    keys_of,
    most_certain,
)
from vas_tool.evaluation.tao_boxes.matching import (
    IGNORED,
    THRESHOLDS,
    WRONG,
    Doubles,
    Groups,
    Ints,
    matched,
)
from vas_tool.evaluation.tao_boxes.precision import precisions

HIDDEN_BELOW, HIDDEN_MORE_THAN = 0.8, 5
"""A track is partly hidden (HP) when more than 5 of its annotations have a visibility below 0.8."""

TRACK_FILTERS = ("", "HP")


@dataclass(frozen=True)
class _Tracks:
    """Tracks, ordered by group."""

    key: Ints
    """(tracks,) number of the pair of video and category."""
    category: Ints
    score: Doubles
    rows: list[Ints]
    """For each track, the rows of its boxes, by image."""


def track_precisions(image_table: ImageTable, truth: TrueBoxes, answers: AnsweredBoxes) -> Doubles:
    """Return (filters, thresholds, categories, 101) precisions; see ``precision.precisions``. Boxes need a track to
    count.
    """
    found = most_certain(answers)
    found = found.taken(found.track >= 0)
    num = image_table.num_categories
    true, own = _tracks(image_table, truth, np.zeros(len(truth))), _tracks(image_table, found, found.score)
    looked_for = among(own.key, np.unique(true.key)) | among(own.key, keys_of(image_table.video_absent, num))
    own = _only(own, np.flatnonzero(looked_for))
    hidden = np.array([(truth.visibility[r] < HIDDEN_BELOW).sum() > HIDDEN_MORE_THAN for r in true.rows], np.bool_)
    counts = np.stack([np.ones(len(true.key), np.bool_), hidden])
    states = np.full((len(counts), len(THRESHOLDS), len(own.key)), WRONG, np.uint8)
    for mine, others in Groups(own.key, true.key).pairs():
        for few, all_ in zip(mine, others, strict=True):
            overlaps = [
                [_overlap(_placed(found, own.rows[i]), _placed(truth, true.rows[k])) for k in all_] for i in few
            ]
            states[:, :, few] = matched(np.array(overlaps)[None], ~counts[:, all_][:, None])[:, :, 0]
    more_there = among(own.key, keys_of(image_table.video_not_exhaustive, num))
    states[:, :, more_there] = np.where(states[:, :, more_there] == WRONG, IGNORED, states[:, :, more_there])
    wanted = np.stack([np.bincount(true.category[kept], minlength=num) for kept in counts])
    return precisions(states, own.score, own.category, wanted=wanted)


def _tracks(image_table: ImageTable, boxes: Boxes, scores: Doubles) -> _Tracks:
    """Return the tracks in the order of their groups, within a group by falling mean score of their boxes."""
    order = np.lexsort((boxes.image, boxes.track))
    starts = np.flatnonzero(np.diff(boxes.track[order], prepend=-1))
    rows = np.split(order, starts[1:]) if len(order) else []
    firsts = order[starts] if len(order) else order
    category = boxes.category[firsts]
    key = image_table.video_of[boxes.image[firsts]] * image_table.num_categories + category
    score = np.array([scores[own].mean() for own in rows])
    return _only(_Tracks(key, category, score, rows), np.lexsort((np.arange(len(key)), -score, key)))


def _only(tracks: _Tracks, chosen: Ints) -> _Tracks:
    rows = [tracks.rows[i] for i in chosen]
    return _Tracks(tracks.key[chosen], tracks.category[chosen], tracks.score[chosen], rows)


def _placed(boxes: Boxes, rows: Ints) -> tuple[Ints, Doubles]:
    return boxes.image[rows], boxes.box[rows]


def _overlap(mine: tuple[Ints, Doubles], other: tuple[Ints, Doubles]) -> float:
    """Return the summed intersection over the summed union of two tracks, given as images and xywh boxes.

    On an image with only one of the tracks, its box is the union.
    """
    _, left, right = np.intersect1d(mine[0], other[0], assume_unique=True, return_indices=True)
    a, b = mine[1], other[1]
    low, high = np.maximum(a[left, :2], b[right, :2]), np.minimum(_ends(a)[left], _ends(b)[right])
    inter = float(np.maximum(high - low, 0).prod(1).sum())
    union = float(a[:, 2:].prod(1).sum() + b[:, 2:].prod(1).sum()) - inter
    return inter / union if union > 0 else 0.0


def _ends(boxes: Doubles) -> Doubles:
    return boxes[:, :2] + boxes[:, 2:]
