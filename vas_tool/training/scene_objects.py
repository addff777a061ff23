"""Objects around a drawn object, nearer or farther: bars, fences, walls, leaves, round objects, similar objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.training.drawn_camera import DrawnCamera
from vas_tool.training.shapes import NUM_FRAMES, SIDE, SIZE, Path, Random, drawn, fill, smooth

Covered = npt.NDArray[np.bool_]
"""(T, SIDE, SIDE) bool: the pixels that an object covers."""

PathXY = npt.NDArray[np.float64]
"""(T, 2) pixels: the middle of something, relative to the middle of the picture."""

NEARER, FARTHER = (0.08, 0.4), (-0.35, -0.02)
"""Differences of depth from the object, as shares of the depth range."""

STANDS = 0.5
"""Share of the objects that stand still in the scene. The others move."""

MOST_FARTHER = 4
ALONE = np.zeros(1)
"""The offset of a single band."""


@dataclass(frozen=True)
class SceneObject:
    """Another object than the drawn one."""

    height: float
    """How much nearer than the object it is, as a share of the depth range; below 0 it is farther."""
    covered: Covered


Shape = Callable[[Random, PathXY], Covered]


def nearer(random: Random, camera: DrawnCamera) -> list[SceneObject]:
    """Return one to three objects in front, the nearest last. Most of them hide a part of the object."""
    return _by_height(_occluder(random, camera) for _ in range(random.choice([1, 1, 1, 2, 3])))


def _occluder(random: Random, camera: DrawnCamera) -> SceneObject:
    shapes: list[Shape] = [_bar, _bar, _fence, _ellipses, _leaves, _wide, _wide, _edge, _other]
    return _obj(random, camera, shapes, heights=NEARER)


def farther(random: Random, camera: DrawnCamera) -> list[SceneObject]:
    """Return the objects behind, the farthest first; none in a third of the clips."""
    count = random.integers(1, MOST_FARTHER + 1) * (random.random() > 1 / 3)
    shapes: list[Shape] = [_bar, _fence, _ellipses, _leaves, _wide, _edge, _other]
    return _by_height(_obj(random, camera, shapes, heights=FARTHER) for _ in range(count))


def _by_height(objects: Iterable[SceneObject]) -> list[SceneObject]:
    return sorted(objects, key=lambda obj: obj.height)


def _obj(random: Random, camera: DrawnCamera, shapes: list[Shape], *, heights: tuple[float, float]) -> SceneObject:
    height, shape = random.uniform(*heights), shapes[random.integers(len(shapes))]
    path_xy = _standing(random, camera.passing(height)) if random.random() < STANDS else _going(random)
    return SceneObject(height, camera.obj(shape(random, path_xy)))


def _standing(random: Random, passing: PathXY) -> PathXY:
    """Return the path of something that stands still and is near the object on one frame."""
    return np.asarray(passing - passing[random.integers(NUM_FRAMES)] + random.normal(0, 0.4 * SIZE, 2))


def _going(random: Random) -> PathXY:
    angle = random.normal(0, 0.25) + (random.random() < 0.3) * random.uniform(0, np.pi)
    return np.asarray(course(random, 1.3 * SIZE)[:, None] * np.array([np.cos(angle), np.sin(angle)]))


def course(random: Random, reach: float) -> Path:
    """Return offsets along one direction: passing by, coming and going, or staying."""
    time = np.linspace(-1, 1, NUM_FRAMES) * random.choice([-1, 1])
    kind = random.random()
    if kind < 0.6:
        path = reach * (time * random.uniform(0.7, 2.2) + random.uniform(-0.4, 0.4))
    elif kind < 0.85:
        path = smooth(random, 0.6 * reach, pace=9.0)
    else:
        path = np.full(NUM_FRAMES, random.uniform(-0.8, 0.8) * reach)
    return np.asarray(path + smooth(random, 1.5, pace=3.0))


# --- shapes -----------------------------------------------------------------------------------------------------------


def _bands(random: Random, path_xy: PathXY, *, widths: Path, offsets: Path = ALONE) -> Covered:
    """Return parallel bands through the picture, mostly across their path, which move together."""
    heading = path_xy[-1] - path_xy[0]
    across_path = np.arctan2(heading[1], heading[0]) if np.hypot(*heading) > 1 else 0.0
    angle = across_path + random.normal(0, 0.15) + (random.random() < 0.15) * random.uniform(-1.2, 1.2)
    normal = np.array([np.cos(angle), np.sin(angle)])
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    across = columns * normal[0] + rows * normal[1]
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    for i, at in enumerate(path_xy @ normal):
        for width, offset in zip(widths, offsets, strict=True):
            out[i] |= np.abs(across - at - offset) < width / 2
    return out


def _bar(random: Random, path_xy: PathXY) -> Covered:
    return _bands(random, path_xy, widths=np.array([random.uniform(0.25, 1.2) * SIZE]))


def _wide(random: Random, path_xy: PathXY) -> Covered:
    return _bands(random, path_xy, widths=np.array([random.uniform(1.8, 3.6) * SIZE]))


def _fence(random: Random, path_xy: PathXY) -> Covered:
    count, gap = random.integers(2, 7), random.uniform(0.35, 0.9) * SIZE
    widths = np.full(count, gap * random.uniform(0.2, 0.6))
    return _bands(random, path_xy, widths=widths, offsets=(np.arange(count) - (count - 1) / 2) * gap)


def _edge(random: Random, path_xy: PathXY) -> Covered:
    """Return a wall: everything on one side of a line."""
    side = random.choice([-1, 1])
    return _bands(random, path_xy, widths=np.array([6 * SIZE]), offsets=np.array([side * 3 * SIZE]))


def _ellipses(random: Random, path_xy: PathXY) -> Covered:
    return _heap(random, path_xy, count=int(random.integers(1, 3)), size=(0.35, 1.1), spread=0.4)


def _leaves(random: Random, path_xy: PathXY) -> Covered:
    return _heap(random, path_xy, count=int(random.integers(6, 20)), size=(0.1, 0.4), spread=0.9)


def _heap(random: Random, path_xy: PathXY, *, count: int, size: tuple[float, float], spread: float) -> Covered:
    """Return round objects that move together."""
    places = random.normal(0, spread * SIZE, (count, 2))
    shapes = [_leaf(random, random.uniform(*size) * SIZE) for _ in range(count)]
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), np.uint8)
    for picture, middle in zip(out, SIDE / 2 + path_xy, strict=True):
        for place, shape in zip(places, shapes, strict=True):
            fill(picture, shape + place + middle)
    return out > 127


def _leaf(random: Random, size: float) -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = size * (1 + 0.2 * random.normal() * np.cos(2 * angles) + 0.15 * random.normal() * np.cos(3 * angles))
    return np.stack([radius * np.cos(angles), radius * random.uniform(0.5, 1.0) * np.sin(angles)], axis=1)


def _other(random: Random, path_xy: PathXY) -> Covered:
    """Return another creature, blob or compound of about the object's size."""
    size, out = random.uniform(0.6, 1.6), np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    for i, (mask, at) in enumerate(zip(drawn(random), path_xy, strict=True)):
        place = np.array([[size, 0, (1 - size) * SIDE / 2 + at[0]], [0, size, (1 - size) * SIDE / 2 + at[1]]])
        out[i] = cv2.warpAffine(mask, place, (SIDE, SIDE)) > 0.5
    return out
