"""Draws sets of clips that resemble the papers' benchmarks, with the true hidden parts, and measures by their
protocols.

They rank methods against one another. Their numbers cannot be compared with the numbers of the papers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

import vas_tool.evaluation.bench as bench
import vas_tool.evaluation.movi as movi
import vas_tool.evaluation.sail_vos as sail_vos
import vas_tool.evaluation.tabe51 as tabe51
import vas_tool.evaluation.tao_amodal as tao_amodal
from vas_tool.evaluation.boxes_overlap import THRESHOLDS, box_iou
from vas_tool.evaluation.measuring import Measure, Protocol
from vas_tool.evaluation.occlusion_cases import OcclusionCase, behind, composed, occlusion_cases
from vas_tool.evaluation.overlap import FrameMasks
from vas_tool.evaluation.silhouettes import (
    PUPPETS,
    SIZE_WH,
    FullView,
    Limb,
    Path,
    Placed,
    Puppet,
    Random,
    full_view,
    random_colour,
    silhouettes,
)
from vas_tool.evaluation.tables import Cell, Evaluation, Table
from vas_tool.masks import box_xywh
from vas_tool.types import Canvas

LEAST_HIDDEN = 0.05
"""Share of an object's pixels that must be hidden over the clip, for a scene's object to be a case."""


@dataclass(frozen=True)
class MadeSet:
    """A set of cases, and the protocol by which it is measured."""

    cases: Callable[[int], Iterator[OcclusionCase]]
    """A function: seed -> the cases. The same seed gives the same bits."""
    protocol: Protocol
    shown: Sequence[str]
    """The reference measures that the papers' tables give."""


# --- scenes of several objects ----------------------------------------------------------------------------------------


def scene(name: str, views: Sequence[FullView], *, random: Random) -> Iterator[OcclusionCase]:
    """Yield each object of one picture as a case, the farthest first, on the ground of the first view.

    Left out are objects that are hidden by less than ``LEAST_HIDDEN`` or that show no pixel on some frame: SAIL-VOS's
    samples have neither.
    """
    frames = views[0].frames
    for place, view in enumerate(views):
        frames = np.where(view.masks[..., None], view.frames, frames)
        own, front = replace(view, frames=frames), views[place + 1 :]
        case = composed(f"{name} {view.name}", own, front, random=random, behind=views[:place])
        if all(modal.any() for modal in case.modal.values()) and case.hidden_fraction >= LEAST_HIDDEN:
            yield replace(case, occluder=view.name)


def _sail_vos(seed: int) -> Iterator[OcclusionCase]:
    """Three puppets that cross in the middle of the picture, in every neighbourhood of the list of puppets."""
    names = list(PUPPETS)
    for number in range(len(names)):
        random = np.random.default_rng([seed, number, 1])
        chosen = [names[(number + k) % len(names)] for k in range(3)]
        views = [full_view(name, PUPPETS[name](), random=random) for name in chosen]
        yield from scene(f"scene {number}", views, random=random)


# --- things at rest before a camera that moves ------------------------------------------------------------------------

MOVI_WH, MOVI_FRAMES = (256, 256), 24
MOVI_THINGS = 4


def _crate(random: Random) -> Puppet:
    """A thing of two parts that does not move itself."""
    limbs = (
        Limb(random.uniform(5, 45), random.uniform(30, 50), random_colour(random)),
        Limb(random.uniform(5, 35), random.uniform(15, 35), random_colour(random)),
    )
    places = [Placed(0, -15, 5, 0), Placed(1, random.uniform(-15, 10), random.uniform(-25, -10), -90)]
    return Puppet(limbs, lambda phase: places)


def _seen_from(x: float, nearness: float) -> Path:
    """The path of a thing at rest before a camera that moves: the nearer, the larger and the faster."""

    def at(time: float) -> tuple[float, float, float]:
        moved = 0.35 * nearness * (time - 0.5)
        return MOVI_WH[0] * (x + moved), MOVI_WH[1] * (0.4 + 0.2 * nearness), 0.6 + 0.6 * nearness

    return at


def _movi(seed: int) -> Iterator[OcclusionCase]:
    """Scenes of things at rest, of 24 frames of 256 x 256."""
    for number in range(5):
        random = np.random.default_rng([seed, number, 2])
        views = []
        for k in range(MOVI_THINGS):
            path = _seen_from(random.uniform(0.3, 0.7), (k + 1) / MOVI_THINGS)
            view = full_view(f"thing {k}", _crate(random), random=random, size_wh=MOVI_WH, path=path)
            views.append(FullView(view.name, view.frames[:MOVI_FRAMES], view.masks[:MOVI_FRAMES]))
        yield from scene(f"scene {number}", views, random=random)


# --- one object that goes behind something ----------------------------------------------------------------------------


def _tabe(seed: int) -> Iterator[OcclusionCase]:
    """Puppets that are wholly hidden on some frames, and puppets behind two layers."""
    for view in silhouettes(seed):
        for kind in ("block", "layers"):
            yield behind(view, kind, seed=seed)


# --- objects that leave the picture -----------------------------------------------------------------------------------

TAO_PADDING = 0.25
"""Padding of Diffusion-VAS's canvas on TAO-Amodal, by the size of the frame, on each side."""


def _tao(seed: int) -> Iterator[OcclusionCase]:
    """Puppets half of which leaves the picture, on the canvas that Diffusion-VAS uses for TAO-Amodal."""
    canvas = Canvas.padded(SIZE_WH, TAO_PADDING)
    for number, (name, make) in enumerate(PUPPETS.items()):
        random = np.random.default_rng([seed, number, 3])
        wide = full_view(name, make(), random=random, size_wh=canvas.size_wh, path=_leaving(canvas, random))
        rows, columns = canvas.window
        inside = FullView(name, wide.frames[:, rows, columns], wide.masks[:, rows, columns])
        case = composed(f"{name} leaves", inside, (), random=random)
        yield replace(case, occluder="border", amodal=wide.masks, padded=canvas)


def _leaving(canvas: Canvas, random: Random) -> Path:
    """Return a path, in canvas pixels, from the picture's middle to its border and back. Most frames are near the
    border.
    """
    width, height = canvas.frame_wh
    side = random.choice([-1, 1])

    def at(time: float) -> tuple[float, float, float]:
        x = canvas.pad_left + width * (0.5 + side * 0.49 * math.sqrt(max(0.0, math.sin(math.pi * time))))
        return x, canvas.pad_top + height * 0.5, 0.45 * height / 100

    return at


def _boxes(frame: FrameMasks) -> float:
    """Return the IoU of the boxes of both masks. The answer is united with the modal mask first, as in Diffusion-VAS's
    metric_diffusion_vas_tao_amodal.py.
    """
    true, found = (np.array([box_xywh(m)], float) for m in (frame.amodal, frame.predicted | frame.modal))
    return float(box_iou(true, found)[0])


def _reaches(threshold: float, *, strictly_above: bool) -> Measure:
    if strictly_above:
        return lambda frame: float(_boxes(frame) > threshold)
    return lambda frame: float(_boxes(frame) >= threshold)


def _hits(*, strictly_above: bool) -> Mapping[str, Measure]:
    hits = {f"ap{round(100 * t)}": _reaches(t, strictly_above=strictly_above) for t in THRESHOLDS}
    return {"miou": _boxes, **hits}


BOXES = Protocol(
    name="tao-amodal",
    reference=_hits(strictly_above=True),
    strict=_hits(strictly_above=False),
    reference_averaging="frames",
    about=tao_amodal.ABOUT,
)
"""The measures of ``tao_amodal``, of the boxes of masks."""


def _occluders(seed: int) -> Iterator[OcclusionCase]:
    return occlusion_cases(silhouettes(seed))


MADE_SETS: dict[str, MadeSet] = {
    "occluders": MadeSet(_occluders, bench.PROTOCOL, ("miou", "miou_occ")),
    "sail-vos": MadeSet(_sail_vos, sail_vos.PROTOCOL, ("miou", "miou_occ")),
    "movi": MadeSet(_movi, movi.PROTOCOL, ("miou_full", "miou_occ")),
    "tabe-51": MadeSet(_tabe, tabe51.PROTOCOL, ("miou", "miou_occ")),
    "tao-amodal": MadeSet(_tao, BOXES, ("ap25", "ap50", "ap75")),
}
"""Name -> set. All but ``occluders`` are named after the benchmark whose manner and protocol they have."""


def side_by_side(found: Mapping[str, Evaluation]) -> dict[str, Table]:
    """Return tables of all sets: one row per method, one column per set and measure. ``found`` is set -> evaluation.

    ``reference`` has the measures of the papers' tables, ``strict`` the strict ones. Each set whose evaluation has
    printed rows adds a table with the numbers that the papers print for the real benchmark.
    """
    tables = {"reference": dict[str, Column](), "strict": dict[str, Column]()}
    for name, evaluation in found.items():
        shown = MADE_SETS[name].shown
        strict = shown if name == "tao-amodal" else ("miou", "miou_occ")
        tables["reference"] |= _columns(name, evaluation.tables["reference"], shown)
        tables["strict"] |= _columns(name, evaluation.tables["strict"], strict)
    beside = {f"printed in the papers, {name}": e.printed for name, e in found.items() if e.printed}
    return {kind: _rows(columns) for kind, columns in tables.items()} | beside


Column = dict[str, Cell]
"""Name of the row -> mean."""


def _columns(name: str, table: Table, measures: Sequence[str]) -> dict[str, Column]:
    return {f"{name} {measure}": {row: cells[measure] for row, cells in table.items()} for measure in measures}


def _rows(columns: Mapping[str, Column]) -> Table:
    """Return the table with these columns; a row that a set lacks has no frame there."""
    names = dict.fromkeys(row for column in columns.values() for row in column)
    return {row: {title: column.get(row, EMPTY_CELL) for title, column in columns.items()} for row in names}


EMPTY_CELL = Cell(float("nan"), 0)
"""Cell for a row that a set does not have."""
