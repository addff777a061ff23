"""Clicks to a mask on one frame: each click changes what it was made for, and little else.

The first click chooses among growing candidates: the one in the middle of which it lies, and along whose border the
picture has edges. Every further click adds (or takes away) the part that the region graph ties to it; a person clicks
in the middle of what is wrong, so a change of which the click is not near the middle is made more local.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vas_tool.engines.builtin.pixel_model import PixelModel, signed_distance
from vas_tool.engines.builtin.region_graph import CERTAIN, Floats, RegionGraph, depth_inside, disk
from vas_tool.types import Mask

DOT = 4
"""Pixels around a click that obey it whatever else is known."""

PRIORS = (0.003, 0.01, 0.03, 0.1)
"""How firmly the mask before holds, from bold to local changes."""

CENTREDNESS = 0.7
"""The click's depth inside the change, relative to the deepest point, below which the change is too bold."""

LARGEST_CHANGE = {True: 4.0, False: 0.75}
"""What a positive, a negative click may add or take away, relative to the mask before."""

BORDER_PIXELS = 2.0
"""From the border before, within which a click may move it the other way."""

NOTHING = 0.002
BORDER = 0.05
"""How firmly everything, and the picture's border, is held to be background before the first click."""

ROUNDS, QUICK_ROUNDS = 25, 8
"""Of smoothing."""

AREAS = np.geomspace(0.003, 0.7, 18)
"""Of candidates for the first click, as parts of the picture."""

EDGE_SCORE, CENTRE_SCORE, COLOUR_SCORE, BORDER_SCORE = 0.39, 0.11, 0.021, -0.2
"""From a regression of overlap with the truth on 10,000 candidates, then by first clicks on 12 frames of 4 clips."""


@dataclass(frozen=True)
class SmallClick:
    """A click in small pixels."""

    x: int
    y: int
    positive: bool


@dataclass(frozen=True)
class PreparedFrame:
    """What clicks on a frame are answered from."""

    graph: RegionGraph
    pixels: PixelModel


def click_mask(
    frame: PreparedFrame, clicks: tuple[SmallClick, ...], before: Mask | None, *, quick: bool = False
) -> Mask:
    """(h, w): the mask after the last of ``clicks``, where ``before`` is the one after the others (None: none)."""
    last = clicks[-1]
    dot = disk(frame.graph.labels.shape, (last.x, last.y), DOT)
    if before is None or (not before.any() and last.positive):
        rough = _first(frame.graph, clicks, quick=quick) | dot if last.positive else np.zeros_like(dot)
    else:
        change = _change(frame.graph, clicks, before, quick=quick) | dot
        rough = before | change if last.positive else before & ~change
    inside, outside = dots(clicks, dot.shape, positive=True), dots(clicks, dot.shape, positive=False)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    mask = frame.pixels.refined(rough, inside=inside, outside=outside, rounds=rounds)
    return mask if before is None else _one_way(mask, before, last) & ~outside | inside


def _one_way(mask: Mask, before: Mask, click: SmallClick) -> Mask:
    """A positive click takes nothing away and a negative one adds nothing, but for the very border."""
    wrong = before & ~mask if click.positive else mask & ~before
    at_border = np.abs(signed_distance(before)) <= BORDER_PIXELS
    return mask ^ (wrong & ~at_border)


def dots(clicks: tuple[SmallClick, ...], shape: tuple[int, ...], *, positive: bool) -> Mask:
    """(h, w): the pixels that clicks of one kind are sure of; where both claim one, the later click has it."""
    out = np.zeros(shape[:2], bool)
    for click in clicks:
        out[disk(shape, (click.x, click.y), DOT)] = click.positive == positive
    return out


def _first(graph: RegionGraph, clicks: tuple[SmallClick, ...], *, quick: bool) -> Mask:
    """The best candidate for the object at the last click."""
    last = clicks[-1]
    fields = [_tied(graph, clicks, border) for border in ((BORDER,) if quick else (BORDER, BORDER / 5))]
    fields += [_alike(graph, last, reach) for reach in ((20.0,) if quick else (0.0, 20.0, 80.0))]
    best, best_score = None, -np.inf
    for field in fields:
        for mask in _growing(graph, field, last, areas=AREAS[::2] if quick else AREAS):
            score = _worth(graph, mask, last)
            if score > best_score:
                best, best_score = mask, score
    return disk(graph.labels.shape, (last.x, last.y), DOT) if best is None else best


def _growing(graph: RegionGraph, field: Floats, click: SmallClick, *, areas: Floats) -> list[Mask]:
    """The connected parts around the click where the field is above falling thresholds."""
    peak = field[graph.labels[click.y, click.x]]
    found: list[Mask] = []
    area = 0.0
    for threshold in np.quantile(graph.picture(field)[::3, ::3], 1 - areas):
        if threshold > peak:
            continue
        mask = connected(graph.picture(field) >= threshold, click)
        if mask.sum() > 1.1 * area and mask.sum() > 0.002 * mask.size:
            area = float(mask.sum())
            found.append(mask)
    return found


def _worth(graph: RegionGraph, mask: Mask, click: SmallClick) -> float:
    """How much a candidate looks like a whole object clicked in its middle."""
    depth = depth_inside(mask)
    centred = float(depth[click.y, click.x] / max(depth.max(), 1))
    small = mask.astype(np.uint8)
    rim = (small - cv2.erode(small, np.ones((3, 3), np.uint8))) > 0
    ring = (cv2.dilate(small, np.ones((11, 11), np.uint8)) > 0) & ~mask
    skin = mask & (depth < 8)
    if not (rim.any() and ring.any() and skin.any()):
        return -np.inf
    contrast = float(np.linalg.norm(graph.lab[skin].mean(axis=0) - graph.lab[ring].mean(axis=0)) / 30)
    touching = np.zeros_like(mask)
    touching[:2] = touching[-2:] = touching[:, :2] = touching[:, -2:] = True
    return float(
        CENTRE_SCORE * np.log(centred + 0.02)
        + EDGE_SCORE * graph.edge_rank[rim].mean()
        + COLOUR_SCORE * contrast
        + BORDER_SCORE * (mask & touching).sum() / rim.sum()
    )


def _tied(graph: RegionGraph, clicks: tuple[SmallClick, ...], border: float) -> Floats:
    weights = NOTHING + border * graph.border
    values = np.full_like(weights, -1.0)
    return graph.harmonic(*_with_clicks(graph, clicks, (values, weights)))


def _alike(graph: RegionGraph, click: SmallClick, reach: float) -> Floats:
    """Minus the distance in colour from the clicked region; ``reach`` weighs the distance in the picture."""
    colours = np.stack([graph.mean(graph.lab[..., c]) for c in range(3)], axis=1) / (12, 8, 8)
    height, width = graph.labels.shape
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    place = np.stack([graph.mean(columns), graph.mean(rows)], axis=1)
    here = graph.labels[click.y, click.x]
    far = ((colours - colours[here]) ** 2).sum(axis=1) + reach * ((place - place[here]) ** 2).sum(axis=1)
    return -far.astype(np.float32)


def _change(graph: RegionGraph, clicks: tuple[SmallClick, ...], before: Mask, *, quick: bool) -> Mask:
    """What the last click adds or takes away."""
    last = clicks[-1]
    share = 2 * graph.mean(before) - 1
    near = np.zeros_like(before)
    for prior in PRIORS[1:2] if quick else PRIORS:
        weights = np.full_like(share, prior + NOTHING)
        values = (prior * share - NOTHING) / (prior + NOTHING)
        wanted = graph.picture(graph.harmonic(*_with_clicks(graph, clicks, (values, weights)))) > 0
        change = (wanted & ~before) if last.positive else (before & ~wanted)
        change |= disk(change.shape, (last.x, last.y), DOT)
        near = connected(change, last)
        depth = depth_inside(near)
        modest = near.sum() <= LARGEST_CHANGE[last.positive] * max(before.sum(), 1)
        if modest and depth[last.y, last.x] >= CENTREDNESS * depth.max():
            break
    return near


def _with_clicks(
    graph: RegionGraph, clicks: tuple[SmallClick, ...], prior: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    values, weights = prior[0].astype(np.float32).copy(), prior[1].astype(np.float32).copy()
    for click in clicks:
        region = graph.labels[click.y, click.x]
        values[region], weights[region] = (1.0 if click.positive else -1.0), CERTAIN
    return values, weights


def connected(mask: Mask, click: SmallClick) -> Mask:
    """The part of a mask that holds the click; empty when the click is outside it."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return (labels == labels[click.y, click.x]) & mask
