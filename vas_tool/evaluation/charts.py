"""Curves as SVG text: no script, no fonts to fetch, told apart by dashes and marks as well as by colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from vas_tool.drawing import OBJECT_COLOURS, hex_of

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 40
"""Room around the plot, in pixels."""

DASHES = ("", "7 4", "2 3", "10 3 2 3", "4 2", "1 4")

ORDER = (5, 6, 4, 0, 3, 1)
"""Of the colours: dark enough on white first."""

Point = tuple[float, float]
"""Place on the axis 0..1, mean 0..1 (nan: no frame there)."""


@dataclass(frozen=True)
class Axis:
    """What goes from left to right."""

    label: str
    ticks: Mapping[float, str]
    """Place 0..1 -> what is written there."""


VISIBILITY = Axis("visibility, %", {tick / 5: f"{20 * tick}" for tick in range(6)})


def best_of_axis(num_hypotheses: int) -> Axis:
    """1 ... K, from end to end."""
    places = {k: (k - 1) / (num_hypotheses - 1) for k in range(1, num_hypotheses + 1)}
    return Axis("best of", {place: str(k) for k, place in places.items()})


def curves(title: str, lines: Mapping[str, Sequence[Point]], axis: Axis = VISIBILITY) -> str:
    """One chart: means (percent) over the axis, a line a row."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        *_axes(axis),
        *(_line(name, points, place) for place, (name, points) in enumerate(lines.items())),
        "</svg>",
    ]
    return "".join(parts)


def key(names: Sequence[str]) -> str:
    """What each line is: a sample of it beside its name."""
    return "".join(
        f'<span class="key"><svg viewBox="0 0 34 10" width="34" height="10">'
        f'<path d="M1 5H33" fill="none" {_stroke(place)}/></svg>{escape(name)}</span>'
        for place, name in enumerate(names)
    )


def _stroke(place: int) -> str:
    colour = hex_of(OBJECT_COLOURS[ORDER[place % len(ORDER)]])
    return f'stroke="{colour}" stroke-width="2.5" stroke-dasharray="{DASHES[place % len(DASHES)]}"'


def _x(place: float) -> float:
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def _y(mean: float) -> float:
    return TOP + (1 - mean) * (HEIGHT - TOP - BOTTOM)


def _axes(axis: Axis) -> list[str]:
    parts = []
    for mean in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(f'<path d="M{_x(0):.1f} {_y(mean):.1f}H{_x(1):.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{_y(mean) + 4:.1f}" text-anchor="end">{100 * mean:.0f}</text>')
    for place, tick in axis.ticks.items():
        parts.append(f'<text x="{_x(place):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{escape(tick)}</text>')
    parts.append(f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{escape(axis.label)}</text>')
    return parts


def _line(name: str, points: Sequence[Point], place: int) -> str:
    there = [(_x(x), _y(min(1.0, max(0.0, y)))) for x, y in points if not math.isnan(y)]
    if not there:
        return ""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in there)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" {_stroke(place)} fill="#fff"/>' for x, y in there)
    return f'<g><title>{escape(name)}</title><path d="{path}" fill="none" {_stroke(place)}/>{marks}</g>'
