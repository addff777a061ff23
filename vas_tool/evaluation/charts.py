"""Curves as SVG text: no script, no fonts to fetch, told apart by dashes and marks as well as by colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from vas_tool.drawing import OBJECT_COLOURS, hex_of

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 40
"""Room around the plot, in pixels."""

DASHES = ("", "7 4", "2 3", "10 3 2 3", "4 2", "1 4")

ORDER = (5, 6, 4, 0, 3, 1)
"""Of the colours: dark enough on white first."""

Point = tuple[float, float]
"""Visibility 0..1, mean 0..1 (nan: no frame there)."""


def curves(title: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """One chart: mean (percent) over visibility, a line a row."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        *_axes(),
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


def _x(visibility: float) -> float:
    return LEFT + visibility * (WIDTH - LEFT - RIGHT)


def _y(mean: float) -> float:
    return TOP + (1 - mean) * (HEIGHT - TOP - BOTTOM)


def _axes() -> list[str]:
    parts = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(f'<path d="M{_x(0):.1f} {_y(tick):.1f}H{_x(1):.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{_y(tick) + 4:.1f}" text-anchor="end">{100 * tick:.0f}</text>')
        parts.append(f'<text x="{_x(tick):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{100 * tick:.0f}</text>')
    parts.append(f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 5}" text-anchor="middle">visibility, %</text>')
    return parts


def _line(name: str, points: Sequence[Point], place: int) -> str:
    there = [(_x(x), _y(min(1.0, max(0.0, y)))) for x, y in points if not math.isnan(y)]
    if not there:
        return ""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in there)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" {_stroke(place)} fill="#fff"/>' for x, y in there)
    return f'<g><title>{escape(name)}</title><path d="{path}" fill="none" {_stroke(place)}/>{marks}</g>'
