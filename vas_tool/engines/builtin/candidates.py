"""What a click may mean: connected parts of the picture around it.

They are grown from several ways of being near to the click: like it in colour, tied to it by the region graph more or
less firmly, looking like what is known of the object; and plain discs, for when nothing else fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.region_graph import CERTAIN, Floats, RegionGraph, depth_inside, disk
from vas_tool.types import Mask, Scalar

STEP = 2
"""Candidates are made and weighed on every second pixel of every second row."""

AREAS = np.geomspace(0.0008, 0.75, 22)
"""Of candidates, as parts of where the change may be."""

GROWTH = 1.12
"""How much larger than the one before a candidate has to be."""

PRIORS = (0.003, 0.01, 0.03, 0.1)
"""How firmly the mask before holds, from bold to local changes."""

NOTHING, BORDER = 0.002, 0.05
"""How firmly everything, and the picture's border before the first click, is held to be background."""

REACHES = (0.0, 20.0, 80.0)
"""How much the distance in the picture counts beside the one in colour."""

MOTION_APART, MOVING_REACH = 0.15, 10.0
"""Difference in motion that counts as much as 1 in colour, and how much distance in the picture counts beside it."""

COLOURED = (0.0, 0.22)
"""How much colour counts beside motion."""

RADII = np.geomspace(3, 80, 9)
"""Of discs, in thinned pixels."""

NECK = 0.3
"""Of the depth at the click: what is joined by less may be another thing."""

HANGING = 1.05
"""How much larger a candidate has to be than without what hangs on it by a neck, to be one of its own."""

KINDS = ("alike", "boldest", "bold", "local", "most local", "known", "disc", "moving")
"""Ways of being near to a click."""


@dataclass(frozen=True)
class SmallClick:
    """A click in small pixels."""

    x: int
    y: int
    positive: bool


@dataclass(frozen=True)
class Question:
    """What the last of some clicks asks."""

    graph: RegionGraph
    clicks: tuple[SmallClick, ...]
    history: tuple[Mask, ...]
    """(h, w): the mask before each click."""
    score: Floats | None
    """(h, w): -1..1, how much each pixel looks like the object, when anything is known of it."""

    @property
    def first(self) -> bool:
        """Whether nothing is known of the object."""
        return not self.history[-1].any()


@dataclass(frozen=True)
class Scene:
    """A question on every second pixel."""

    lab: Floats
    motion: Floats
    edge: Floats
    score: Floats
    domain: Mask
    """Where the change may be."""
    clicks: tuple[tuple[int, int, bool], ...]
    """(row, column, positive)."""
    history: tuple[Mask, ...]
    depth: float
    """Of the last click in ``domain``."""

    @property
    def click(self) -> tuple[int, int]:
        """(row, column) of the last one."""
        return self.clicks[-1][:2]


@dataclass(frozen=True)
class Candidate:
    """One thing that a click may mean."""

    mask: Mask
    """Thinned."""
    kind: str
    series: int
    """Candidates of one series grow from one field, each around the one before."""
    firm: bool
    """Whether nothing hangs on it by a neck."""


def thinned(picture: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Every second pixel of every second row."""
    return picture[::STEP, ::STEP]


def scene_of(question: Question, domain: Mask) -> Scene:
    """The question as candidates see it; ``domain``: (h, w) where the change may be."""
    graph, last = question.graph, question.clicks[-1]
    height, width = ((n + STEP - 1) // STEP for n in domain.shape)
    edge = cv2.dilate(graph.edge_rank, np.ones((STEP, STEP), np.uint8), anchor=(0, 0))
    score = np.zeros(domain.shape, np.float32) if question.score is None else question.score
    clicks = tuple((min(c.y // STEP, height - 1), min(c.x // STEP, width - 1), c.positive) for c in question.clicks)
    small = thinned(domain | disk(domain.shape, (last.x, last.y), STEP)).copy()
    small[clicks[-1][:2]] = True
    return Scene(
        lab=thinned(graph.lab),
        motion=thinned(graph.motion),
        edge=thinned(edge),
        score=thinned(score),
        domain=small,
        clicks=clicks,
        history=tuple(thinned(m) for m in question.history),
        depth=float(depth_inside(small)[clicks[-1][:2]]),
    )


def candidates(question: Question, scene: Scene, *, quick: bool) -> list[Candidate]:
    """At least one; each holds the click and lies in the scene's domain."""
    areas, radii = (AREAS[::3], RADII[::2]) if quick else (AREAS, RADII)
    found: list[Candidate] = []
    for number, (kind, field) in enumerate(_fields(question, quick=quick)):
        tied = kind not in ("alike", "known", "moving") and not question.first
        for mask, firm in _grown(field, scene, areas=areas, zero=tied):
            found.append(Candidate(mask, kind, 2 * number + firm, firm))
    row, column = scene.click
    for radius in radii:
        disc = disk(scene.domain.shape, (column, row), round(radius)) & scene.domain
        found.append(Candidate(connected(disc, scene.click), "disc", -1, firm=True))
    return found


def _fields(question: Question, *, quick: bool) -> Iterator[tuple[str, Floats]]:
    """(kind, thinned) each: how near every place is to the click."""
    graph, last = question.graph, question.clicks[-1]
    labels, sign = thinned(graph.labels), 1 if last.positive else -1
    traits = _colours_and_places(graph)
    for reach in REACHES[1:2] if quick else REACHES:
        yield "alike", -_unlikeness(traits, int(graph.labels[last.y, last.x]), reach)[labels]
    yield from (("moving", -field[labels]) for field in _otherwise_moving(graph, traits, last, quick=quick))
    for kind, field in _harmonics(graph, question, quick=quick):
        yield kind, sign * field[labels]
    if question.score is not None:
        told = sign * graph.mean(question.score)
        yield "known", (told - 0.1 * _unlikeness(traits, int(graph.labels[last.y, last.x]), 30.0))[labels]
        yield "known", sign * thinned(question.score)


def _otherwise_moving(
    graph: RegionGraph, traits: tuple[Floats, Floats], click: SmallClick, *, quick: bool
) -> Iterator[Floats]:
    """(n,) each: difference in motion from the clicked region, once in colour, too; nothing when all is still."""
    if not graph.motion.any():
        return
    channels = range(graph.motion.shape[2])
    moves = np.stack([graph.mean(graph.motion[..., c]) for c in channels], axis=1) / MOTION_APART
    here = int(graph.labels[click.y, click.x])
    for colour in COLOURED[1:] if quick else COLOURED:
        yield _unlikeness((np.c_[moves, colour * traits[0]], traits[1]), here, MOVING_REACH)


def _colours_and_places(graph: RegionGraph) -> tuple[Floats, Floats]:
    colours = np.stack([graph.mean(graph.lab[..., c]) for c in range(3)], axis=1) / (12, 8, 8)
    height, width = graph.labels.shape
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    return colours, np.stack([graph.mean(columns), graph.mean(rows)], axis=1)


def _unlikeness(traits: tuple[Floats, Floats], here: int, reach: float) -> Floats:
    """(n,): distance in colour from a region; ``reach`` weighs the distance in the picture."""
    colours, places = (((t - t[here]) ** 2).sum(axis=1) for t in traits)
    return np.asarray(colours + reach * places, np.float32)


def _harmonics(graph: RegionGraph, question: Question, *, quick: bool) -> Iterator[tuple[str, Floats]]:
    """(kind, (n,) field) each: -1..1, harmonic between clicks of both kinds and what is held to be so before them."""
    told = list(_held(graph, question, quick=quick))
    values, weights = (np.stack([held[which] for held in told], axis=1).astype(np.float32) for which in (1, 2))
    for click in question.clicks:
        region = graph.labels[click.y, click.x]
        values[region], weights[region] = (1.0 if click.positive else -1.0), CERTAIN
    yield from zip((kind for kind, _, _ in told), graph.harmonic(values, weights).T, strict=True)


def _held(graph: RegionGraph, question: Question, *, quick: bool) -> Iterator[tuple[str, Floats, Floats]]:
    """(kind, (n,) values, how much each weighs) of what is held before the clicks."""
    if question.first:
        borders = {"boldest": BORDER} if quick else {"boldest": BORDER, "bold": BORDER / 5}
        for kind, border in borders.items():
            yield kind, np.full_like(graph.sizes, -1), NOTHING + border * graph.border
        return
    share = 2 * graph.mean(question.history[-1]) - 1
    for kind, prior in list(zip(KINDS[1:5], PRIORS, strict=True))[1 if quick else 0 : 2 if quick else None]:
        yield kind, (prior * share - NOTHING) / (prior + NOTHING), np.full_like(share, prior + NOTHING)


def _grown(field: Floats, scene: Scene, *, areas: Floats, zero: bool) -> Iterator[tuple[Mask, bool]]:
    """(mask, firm): the connected parts around the click where the field is above falling thresholds.

    A firm one goes without what hangs on it by a neck; where something does, the part with it comes, too.
    """
    size, firm_size = 0, 0
    for threshold in _thresholds(field, scene, areas=areas, zero=zero):
        loose = connected((field >= threshold) & scene.domain, scene.click)
        grown = int(np.count_nonzero(loose))
        if grown <= GROWTH * size:
            continue
        size = grown
        firm = _without_hanging(loose, scene.click)
        kept = int(np.count_nonzero(firm))
        if kept > GROWTH * firm_size:
            firm_size = kept
            yield firm, True
        if kept < grown / HANGING:
            yield loose, False


def _thresholds(field: Floats, scene: Scene, *, areas: Floats, zero: bool) -> list[float]:
    """Falling; none above the field at the click. ``zero``: where a harmonic field changes sides is one of them."""
    inside = np.sort(field[scene.domain])[::-1]
    levels = [float(inside[min(int(share * len(inside)), len(inside) - 1)]) for share in areas]
    if zero:
        levels = sorted([*levels, 0.0], reverse=True)
    peak = float(field[scene.click])
    return [min(level, peak) for level in levels]


def _without_hanging(whole: Mask, row_column: tuple[int, int]) -> Mask:
    """A part around the click, without what hangs on it by a neck much thinner than the part is there."""
    depth = depth_inside(whole)
    neck = NECK * float(depth[row_column])
    if neck < 1:
        return whole
    core = connected(depth > neck, row_column)
    return whole & (cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 3) <= neck + 1)


def connected(mask: Mask, row_column: tuple[int, int]) -> Mask:
    """The part of a mask that holds a pixel; empty when the pixel is outside it."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return (labels == labels[row_column]) & mask
