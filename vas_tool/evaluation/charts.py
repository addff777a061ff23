"""Curves as SVG text, without scripts or external fonts. Dashes and marks distinguish the lines as well as colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from vas_tool.drawing import OBJECT_COLOURS, hex_of

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 40
"""Margins around the plot, in pixels."""

DASHES = ("", "7 4", "2 3", "10 3 2 3", "4 2", "1 4")

ORDER = (5, 6, 4, 0, 3, 1)
"""Order in which the colours are used. Colours that are dark enough on white come first."""

Point = tuple[float, float]
"""Position on the axis (0..1) and mean (0..1; nan when no frame is there)."""


@dataclass(frozen=True)
class Axis:
    """The horizontal axis of a chart."""

    label: str
    ticks: Mapping[float, str]
    """Position (0..1) -> label."""


VISIBILITY = Axis("visibility, %", {tick / 5: f"{20 * tick}" for tick in range(6)})


def best_of_axis(num_hypotheses: int) -> Axis:
    """Return an axis with the labels 1 to K over its whole length."""
    places = {k: (k - 1) / (num_hypotheses - 1) for k in range(1, num_hypotheses + 1)}
    return Axis("best of", {place: str(k) for k, place in places.items()})


def curves(title: str, lines: Mapping[str, Sequence[Point]], axis: Axis = VISIBILITY) -> str:
    """Return one chart as SVG: means in percent over the axis, one line for each row of the table."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        *_axes(axis),
        *(_line(name, points, place) for place, (name, points) in enumerate(lines.items())),
        "</svg>",
    ]
    return "".join(parts)


def key(names: Sequence[str]) -> str:
    """Return the legend as SVG: a sample of each line beside its name."""
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
