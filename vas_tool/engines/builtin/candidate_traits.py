"""What is to be seen of a candidate: how central the click is in it, edges along it, colours, size, agreement.

Somebody who sees the whole error clicks in the middle of its largest part: so a candidate counts more when the click is
in its middle, and when the clicks before would have been in the middle of what was wrong then, were it the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.candidate_means import (
    CHANGE,
    EDGE,
    LAB,
    MOTION,
    SCORE,
    STILL,
    Average,
    averages,
    near,
)
from vas_tool.engines.builtin.candidates import KINDS, Candidate, Scene
from vas_tool.engines.builtin.region_graph import Floats, depth_inside
from vas_tool.types import Mask

REMEMBERED = 2
"""Clicks before the last that a candidate has to agree with."""

STRONG, WEAK = 0.85, 0.2
"""Rank from which an edge is strong; part of the new border that may have a weaker edge than what is told of it."""

MOST_GROWTH, MOST_OFFSET = 1.5, 4.0
"""Traits are cut there."""

COMPARED = 3000
"""Pixels from which candidates are compared with each other."""

TOUCHING = 1.5
"""Pixels that a disc in the middle may miss the border by, and touch it."""

TRAITS = (
    "log of the click's depth relative to the deepest point",
    "log of the click's depth relative to its depth in all that may change",
    "mean edge along the new border",
    "part of the new border on strong edges",
    "difference of colour across the new border",
    "part of the border on the picture's border",
    "part of the border that is new",
    "log of the area relative to the picture",
    "mean agreement with earlier clicks",
    "worst agreement with earlier clicks",
    "mean score of the pixels",
    "mean score of the pixels around",
    "log of the area relative to the mask before",
    "the same, where it is larger",
    "log of the area relative to its depth",
    "log of the border relative to the area",
    "log of the border that has no edge relative to the area",
    "mean edge inside",
    "weakest fifth of the edge along the new border",
    "spread of colours",
    "score of the pixels above those around",
    "log of the growth to the next of its series",
    "log of the growth from the one before",
    "overlap with the three most like it of other series",
    "the same of ten",
    "log of the number of clicks",
    "whether nothing hangs on it by a neck",
    *(f"whether it is of the kind {kind}" for kind in KINDS),
    "distance of the click from the deepest point, in depths",
    "how far to one side the border nearest to the click lies",
    "part of its convex hull that it fills",
    "part of its outline that it fills",
    "mean change",
    "mean change around",
    "difference of motion across the new border",
    "spread of motion",
    "part that hardly changes",
)
"""Of each candidate, in this order."""


def traits_of(scene: Scene, found: Sequence[Candidate]) -> Floats:
    """(n, len(TRAITS))."""
    masks = [c.mask for c in found]
    depths, shown = [depth_inside(mask) for mask in masks], averages(scene, masks)
    each = list(zip(masks, depths, shown, strict=True))
    alone = [[*_middle(scene, depth), *_looks(scene, mask, depth, average=average)] for mask, depth, average in each]
    forms = [_form(mask, depth, scene.click) for mask, depth, _ in each]
    moves = [_moves(average) for average in shown]
    together = np.c_[np.array(alone), _relations(found, len(scene.clicks)), np.array(forms), np.array(moves)]
    return together.astype(np.float32)


def _middle(scene: Scene, depth: Floats) -> list[float]:
    here, deepest = float(depth[scene.click]), max(float(depth.max()), 1.0)
    return [float(np.log(here / deepest + 0.03)), float(np.log(here / max(scene.depth, 1.0) + 0.03))]


def _looks(scene: Scene, mask: Mask, depth: Floats, *, average: Average) -> list[float]:
    rim, area = int(np.count_nonzero(mask & (depth <= TOUCHING))), int(np.count_nonzero(mask))
    new = mask & near(scene.domain & ~mask, np.ones((3, 3), np.uint8))
    num_new = int(np.count_nonzero(new))
    edges = np.sort(scene.edge[new]) if num_new else np.ones(1, np.float32)
    within, around, edge = float(average.inside[SCORE]), float(average.ring[SCORE]), float(edges.mean())
    share = float(np.log(area / max(1, int(np.count_nonzero(scene.history[-1])))))
    return [
        edge,
        float((edges > STRONG).mean()),
        float(np.linalg.norm(average.skin[LAB] - average.ring[LAB])) / 30,
        _on_border(mask) / max(rim, 1),
        num_new / max(rim, 1),
        float(np.log(area / mask.size)),
        *_agreement(scene, mask),
        within,
        around,
        share,
        max(0.0, share),
        float(np.log(area / max(float(depth.max()), 1.0) ** 2)),
        float(np.log(rim**2 / area)),
        float(np.log((num_new * (1 - edge) + 1) / np.sqrt(area))),
        float(average.inside[EDGE]),
        float(np.interp(WEAK * (len(edges) - 1), np.arange(len(edges)), edges)),
        float(average.spread[LAB].mean()) / 20,
        within - around,
    ]


def _on_border(mask: Mask) -> int:
    return int(sum(np.count_nonzero(side) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])))


def _agreement(scene: Scene, change: Mask) -> tuple[float, float]:
    """How well the clicks before were in the middle of the worst error of then, were the changed mask the truth."""
    before = scene.history[-1]
    truth = before | change if scene.clicks[-1][2] else before & ~change
    told = [0.0]
    for (row, column, added), mask in list(zip(scene.clicks[:-1], scene.history[:-1], strict=True))[-REMEMBERED:]:
        missing, surplus = depth_inside(truth & ~mask), depth_inside(mask & ~truth)
        here = float((missing if added else surplus)[row, column])
        told.append(float(np.log(here / max(float(missing.max()), float(surplus.max()), 1.0) + 0.1)))
    return sum(told) / max(len(told) - 1, 1), min(told)


def _relations(found: Sequence[Candidate], num_clicks: int) -> Floats:
    """(n, 13): of candidates to each other, and of what kind they are."""
    series = np.array([c.series for c in found])
    overlap = _overlaps([c.mask for c in found])
    agreed = np.sort(np.where(series[:, None] != series[None], overlap, 0), axis=1)[:, ::-1]
    growth = _growth(found, series)
    kind = np.array([[c.kind == k for k in KINDS] for c in found])
    firm, clicks = np.array([c.firm for c in found]), np.full(len(found), np.log(num_clicks))
    return np.c_[growth, agreed[:, :3].mean(axis=1), agreed[:, :10].mean(axis=1), clicks, firm, kind]


def _overlaps(masks: Sequence[Mask]) -> Floats:
    """(n, n): about the IoU, from about COMPARED pixels."""
    step = max(1, round(float(np.sqrt(masks[0].size / COMPARED))))
    flat = np.stack([m[::step, ::step].ravel() for m in masks]).astype(np.float32)
    flat += 1e-3 * np.stack([m.ravel()[:1] for m in masks])
    sizes = flat.sum(axis=1) + 1e-3
    both = flat @ flat.T
    return np.asarray(both / (sizes[:, None] + sizes[None] - both))


def _growth(found: Sequence[Candidate], series: npt.NDArray[np.int64]) -> Floats:
    """(n, 2): to the next of the series, and from the one before."""
    areas = np.log(np.array([np.count_nonzero(c.mask) for c in found]) + 1.0)
    out = np.full((len(found), 2), MOST_GROWTH)
    for one in np.unique(series):
        at = np.flatnonzero(series == one)
        steps = np.diff(areas[at])
        out[at[:-1], 0], out[at[1:], 1] = steps, steps
    return np.minimum(out, MOST_GROWTH).astype(np.float32)


def _moves(average: Average) -> list[float]:
    """How it moves and changes, and what is around it."""
    return [
        float(average.inside[CHANGE]),
        float(average.ring[CHANGE]),
        float(np.linalg.norm(average.skin[MOTION] - average.ring[MOTION])),
        float(average.spread[MOTION].mean()),
        float(average.inside[STILL]),
    ]


def _form(mask: Mask, depth: Floats, click: tuple[int, int]) -> list[float]:
    """How central the click is, and how whole the mask."""
    deepest = np.unravel_index(int(depth.argmax()), depth.shape)
    offset = float(np.hypot(deepest[0] - click[0], deepest[1] - click[1])) / max(float(depth.max()), 1.0)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outer = max(outlines, key=len)
    filled = cv2.contourArea(outer) + len(outer) / 2 + 1
    hull = cv2.contourArea(cv2.convexHull(outer)) + len(outer) / 2 + 1
    points = np.concatenate([outline[:, 0] for outline in outlines])
    return [
        min(offset, MOST_OFFSET),
        _one_sided(points - np.array(click[::-1]), float(depth[click])),
        filled / hull,
        float(np.count_nonzero(mask)) / filled,
    ]


def _one_sided(away: npt.NDArray[np.int32], depth: float) -> float:
    """0..1: 0 when the border is touched on opposite sides, as in the middle of something."""
    far = np.hypot(*away.T)
    touching = far <= max(depth, float(far.min())) + TOUCHING
    return float(np.hypot(*(away[touching] / np.maximum(far[touching], 0.5)[:, None]).mean(axis=0)))
