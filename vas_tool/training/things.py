"""Things in front of a drawn object: bars, fences, walls, leaves, round things."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vas_tool.training.shapes import NUM_FRAMES, SIDE, SIZE, Path, Random, fill, smooth

Occluder = Callable[[Random], npt.NDArray[np.bool_]]


def occluder(random: Random) -> npt.NDArray[np.bool_]:
    """(T, SIDE, SIDE): where something nearer is."""
    kinds: list[Occluder] = [_bar, _bar, _fence, _ellipses, _leaves, _wide, _wide, _edge]
    return kinds[random.integers(len(kinds))](random)


def course(random: Random, reach: float) -> Path:
    """Offsets along one direction: passing by, coming and going, or staying."""
    time = np.linspace(-1, 1, NUM_FRAMES) * random.choice([-1, 1])
    kind = random.random()
    if kind < 0.6:
        path = reach * (time * random.uniform(0.7, 2.2) + random.uniform(-0.4, 0.4))
    elif kind < 0.85:
        path = smooth(random, 0.6 * reach, pace=9.0)
    else:
        path = np.full(NUM_FRAMES, random.uniform(-0.8, 0.8) * reach)
    return np.asarray(path + smooth(random, 1.5, pace=3.0))


def _bands(random: Random, widths: Path, offsets: Path) -> npt.NDArray[np.bool_]:
    """Parallel endless bands through the picture, mostly upright; all move together."""
    angle = random.normal(0, 0.15) + (random.random() < 0.25) * random.uniform(0, np.pi)
    way = course(random, 1.3 * SIZE)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    across = columns * np.cos(angle) + rows * np.sin(angle)
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    for i in range(NUM_FRAMES):
        for width, offset in zip(widths, offsets, strict=True):
            out[i] |= np.abs(across - way[i] - offset) < width / 2
    return out


def _bar(random: Random) -> npt.NDArray[np.bool_]:
    return _bands(random, np.array([random.uniform(0.25, 1.2) * SIZE]), np.zeros(1))


def _wide(random: Random) -> npt.NDArray[np.bool_]:
    return _bands(random, np.array([random.uniform(1.8, 3.6) * SIZE]), np.zeros(1))


def _fence(random: Random) -> npt.NDArray[np.bool_]:
    count, gap = random.integers(2, 7), random.uniform(0.35, 0.9) * SIZE
    widths = np.full(count, gap * random.uniform(0.2, 0.6))
    return _bands(random, widths, (np.arange(count) - (count - 1) / 2) * gap)


def _edge(random: Random) -> npt.NDArray[np.bool_]:
    """A wall: everything on one side of a line."""
    return _bands(random, np.array([6 * SIZE]), np.array([random.choice([-1, 1]) * 3 * SIZE]))


def _ellipses(random: Random) -> npt.NDArray[np.bool_]:
    return _heap(random, count=int(random.integers(1, 3)), size=(0.35, 1.1), spread=0.4)


def _leaves(random: Random) -> npt.NDArray[np.bool_]:
    return _heap(random, count=int(random.integers(6, 20)), size=(0.1, 0.4), spread=0.9)


def _heap(random: Random, *, count: int, size: tuple[float, float], spread: float) -> npt.NDArray[np.bool_]:
    """Round things that move together."""
    angle, way = random.uniform(0, 2 * np.pi), course(random, 1.3 * SIZE)
    places = random.normal(0, spread * SIZE, (count, 2))
    shapes = [_leaf(random, random.uniform(*size) * SIZE) for _ in range(count)]
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), np.uint8)
    for i, picture in enumerate(out):
        middle = SIDE / 2 + way[i] * np.array([np.cos(angle), np.sin(angle)])
        for place, shape in zip(places, shapes, strict=True):
            fill(picture, shape + place + middle)
    return out > 127


def _leaf(random: Random, size: float) -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = size * (1 + 0.2 * random.normal() * np.cos(2 * angles) + 0.15 * random.normal() * np.cos(3 * angles))
    return np.stack([radius * np.cos(angles), radius * random.uniform(0.5, 1.0) * np.sin(angles)], axis=1)
