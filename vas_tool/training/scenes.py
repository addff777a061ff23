"""Drawn objects behind drawn things, seen as registration, tracking and depth see real ones: not quite exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.registration import Affine
from vas_tool.engines.learned.evidence import RESOLUTION, Evidence, Soft, Window, evidence, window_around
from vas_tool.training.shapes import NUM_FRAMES, SIDE, SIZE, Masks, Path, Random, drawn, fill, smooth
from vas_tool.types import SizeWH

LEAST_HIDDEN, MOST_HIDDEN = 0.08, 0.75
"""Of an object over its clip."""

TRIES = 12
MOST_GONE = 12
"""Frames that show nothing of it."""

UNTRUSTED = 0.2
"""Part of the clips whose depth is of no use."""

TARGETS = 5
"""Frames that are learned from, of each clip."""

Occluder = Callable[[Random], npt.NDArray[np.bool_]]


@dataclass
class DrawnViews:
    """``learned.evidence.Views`` of a drawn clip."""

    truth: Masks
    outlines: Masks
    nearness: Masks
    drift: npt.NDArray[np.float64]
    """(T, 3, 3): how far registration has gone astray on each frame."""
    trusted: bool
    within: Masks
    """Where the frame is."""
    size_wh: SizeWH = (SIDE, SIDE)
    clearness: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        areas = self.outlines.sum(axis=(1, 2))
        largest = max(areas.max(), 1e-6)
        self.clearness = {i: float(a / largest) for i, a in enumerate(areas) if a > max(20, 0.03 * largest)}

    def outline(self, frame_index: int) -> Soft:
        """(h, w): the modal mask."""
        return self.outlines[frame_index]

    def nearer(self, frame_index: int) -> Soft:
        """(h, w): see ``evidence.Views``."""
        return self.nearness[frame_index]

    def between(self, source: int, target: int) -> Affine:
        """(2, 3): what registration would say; the truth is the identity."""
        return np.asarray((self.drift[target] @ np.linalg.inv(self.drift[source]))[:2])

    @property
    def seen(self) -> list[int]:
        """The frames on which something of the object is seen, ascending."""
        return list(self.clearness)

    def inside(self, frame_index: int) -> Soft:
        """(h, w): see ``evidence.Views``."""
        return self.within[frame_index]

    def may_tell(self, frame_index: int) -> bool:
        """Between the first and the last seen frame."""
        return bool(self.clearness) and min(self.clearness) <= frame_index <= max(self.clearness)


@dataclass(frozen=True)
class Sample:
    """One frame to learn from."""

    evidence: Evidence
    truth: Soft
    """(R, R): the whole object in the window."""


def samples(random: Random) -> Iterator[Sample]:
    """TARGETS frames of one drawn clip."""
    views = scene(random)
    hidden = (views.truth - views.outlines).sum(axis=(1, 2))
    gone = np.array([i not in views.clearness for i in range(NUM_FRAMES)])
    weights = np.where(hidden > 25, 1.0 + 1.5 * gone, 0.05)
    for index in random.choice(NUM_FRAMES, min(TARGETS, NUM_FRAMES), replace=False, p=weights / weights.sum()):
        around = window_around(views, int(index))
        if around is not None:
            window = _unsteady(around, random)
            cut = window.affine(RESOLUTION)
            truth = cv2.warpAffine(views.truth[index], cut, (RESOLUTION, RESOLUTION), flags=cv2.INTER_LINEAR)
            yield Sample(evidence(views, int(index), window), np.asarray(truth, np.float32))


def _unsteady(window: Window, random: Random) -> Window:
    """The same place, a little larger or smaller: real windows come from real boxes."""
    side = window.side * random.uniform(0.92, 1.15)
    shift = (window.side - side) / 2 + random.normal(0, 0.02 * side, 2)
    return Window(window.left + shift[0], window.top + shift[1], side)


def scene(random: Random) -> DrawnViews:
    """An object of which 8 to 75 % is hidden."""
    while True:
        truth = drawn(random)
        for _ in range(TRIES):
            layers = [occluder(random) for _ in range(random.choice([1, 1, 1, 2, 3]))]
            front = np.logical_or.reduce(layers)
            beyond = _frame_edge(random)
            seen = truth * ~(front | beyond)
            if _fits(truth, seen):
                return _views(truth, seen, layers, beyond=beyond, random=random)


def _fits(truth: Masks, seen: Masks) -> bool:
    hidden = 1 - seen.sum() / max(truth.sum(), 1)
    gone = (seen.sum(axis=(1, 2)) < 20).sum()
    return bool(LEAST_HIDDEN <= hidden <= MOST_HIDDEN and gone <= MOST_GONE)


def _views(
    truth: Masks, seen: Masks, layers: list[npt.NDArray[np.bool_]], *, beyond: npt.NDArray[np.bool_], random: Random
) -> DrawnViews:
    trusted = bool(random.random() > UNTRUSTED)
    front = np.logical_or.reduce(layers)
    look = _DepthLook.drawn(len(layers), random)
    nearness = np.stack([look.nearness(seen[i], [layer[i] for layer in layers], random) for i in range(NUM_FRAMES)])
    outlines = _tracked(seen, random)
    drift = _drift(truth, front | beyond, random)
    return DrawnViews(truth, outlines, nearness, drift, trusted, (~beyond).astype(np.float32))


# --- in front ---------------------------------------------------------------------------------------------------------


def occluder(random: Random) -> npt.NDArray[np.bool_]:
    """(T, SIDE, SIDE): where something nearer is."""
    kinds: list[Occluder] = [_bar, _bar, _fence, _ellipses, _leaves, _wide, _wide, _edge]
    return kinds[random.integers(len(kinds))](random)


def _course(random: Random, reach: float) -> Path:
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
    course = _course(random, 1.3 * SIZE)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    across = columns * np.cos(angle) + rows * np.sin(angle)
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    for i in range(NUM_FRAMES):
        for width, offset in zip(widths, offsets, strict=True):
            out[i] |= np.abs(across - course[i] - offset) < width / 2
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
    angle, course = random.uniform(0, 2 * np.pi), _course(random, 1.3 * SIZE)
    places = random.normal(0, spread * SIZE, (count, 2))
    shapes = [_leaf(random, random.uniform(*size) * SIZE) for _ in range(count)]
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), np.uint8)
    for i, picture in enumerate(out):
        middle = SIDE / 2 + course[i] * np.array([np.cos(angle), np.sin(angle)])
        for place, shape in zip(places, shapes, strict=True):
            fill(picture, shape + place + middle)
    return out > 127


def _leaf(random: Random, size: float) -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = size * (1 + 0.2 * random.normal() * np.cos(2 * angles) + 0.15 * random.normal() * np.cos(3 * angles))
    return np.stack([radius * np.cos(angles), radius * random.uniform(0.5, 1.0) * np.sin(angles)], axis=1)


def _frame_edge(random: Random) -> npt.NDArray[np.bool_]:
    """(T, SIDE, SIDE): what lies beyond the frame; mostly nothing."""
    beyond = np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    if random.random() < 0.8:
        return beyond
    course = _course(random, 0.6 * SIZE) + random.uniform(0.4, 1.2) * SIZE
    for i in range(NUM_FRAMES):
        beyond[i, :, max(0, round(SIDE / 2 + course[i])) :] = True
    return np.rot90(beyond, int(random.integers(4)), axes=(1, 2))


# --- what is known of it ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _DepthLook:
    """How depth looks in one clip."""

    heights: npt.NDArray[np.float64]
    """Of each layer, in the depth range above the object's."""
    noise: float
    blur: float
    ground: tuple[float, float]
    """Of what is behind, at the top and at the bottom."""

    @classmethod
    def drawn(cls, num_layers: int, random: Random) -> _DepthLook:
        top = random.uniform(-0.4, -0.1)
        return cls(
            random.uniform(0.08, 0.4, num_layers),
            random.uniform(0.01, 0.05),
            random.uniform(0.3, 1.5),
            (top, random.uniform(top, -0.04)),
        )

    def nearness(self, seen: Soft, front: list[npt.NDArray[np.bool_]], random: Random) -> Soft:
        """(h, w): 0.5 at the object, above it in front; soft borders and noise as estimated depth has them."""
        depth = np.repeat(np.linspace(*self.ground, SIDE)[:, None], SIDE, axis=1)
        depth[seen > 0.5] = 0.0
        for height, layer in zip(self.heights, front, strict=True):
            depth[layer] = height
        coarse = random.normal(0, self.noise, (SIDE // 5, SIDE // 5))
        blurred = cv2.GaussianBlur(depth, (0, 0), self.blur) + cv2.resize(coarse, (SIDE, SIDE))
        return np.asarray(np.clip(0.5 + blurred / 0.2, 0, 1), np.float32)


def _tracked(seen: Masks, random: Random) -> Masks:
    """The modal masks as a tracker gives them: soft or hard, some a little too small or too large."""
    hard = (seen > 0.5).astype(np.uint8)
    if random.random() < 0.7:
        return seen.astype(np.float32) if random.random() < 0.5 else hard.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    change = cv2.erode if random.random() < 0.5 else cv2.dilate
    return np.stack([change(mask, kernel) if random.random() < 0.5 else mask for mask in hard]).astype(np.float32)


def _drift(truth: Masks, hiding: npt.NDArray[np.bool_], random: Random) -> npt.NDArray[np.float64]:
    """(T, 3, 3): a slow walk of shift, turn and size; faster where little is seen, with leaps where nothing is."""
    hidden = 1 - (truth * ~hiding).sum(axis=(1, 2)) / np.maximum(truth.sum(axis=(1, 2)), 1)
    level = np.exp(random.uniform(np.log(0.03), np.log(0.7)))
    pace = level * (0.3 + 3 * hidden**2)
    steps = random.normal(0, 1, (NUM_FRAMES, 4)) * pace[:, None] * np.array([1, 1, 0.010, 0.008])
    leaps = (hidden > 0.85) & (random.random(NUM_FRAMES) < 0.25)
    steps[leaps, :2] += random.normal(0, random.choice([1.0, 4.0]), (int(leaps.sum()), 2))
    x, y, turn, size = np.cumsum(steps, axis=0).T
    bump = _bump(hidden > 0.9, random)
    return np.stack([_similarity((x[i] + bump[i, 0], y[i] + bump[i, 1]), turn[i], size[i]) for i in range(NUM_FRAMES)])


def _bump(gone: npt.NDArray[np.bool_], random: Random) -> npt.NDArray[np.float64]:
    """(T, 2): where nothing is seen the way is taken to be straight, and is not."""
    out, start = np.zeros((NUM_FRAMES, 2)), 0
    height = random.normal(0, 3.0, 2)
    for i in range(NUM_FRAMES + 1):
        if i < NUM_FRAMES and gone[i]:
            continue
        length = i - start
        if length > 0:
            out[start:i] = np.sin(np.pi * (np.arange(length) + 1) / (length + 1))[:, None] * height * min(1, length / 5)
        start = i + 1
    return out


def _similarity(shift: tuple[float, float], turn: float, log_size: float) -> Affine:
    cos, sin, size = np.cos(turn), np.sin(turn), np.exp(log_size)
    linear, middle = size * np.array([[cos, -sin], [sin, cos]]), np.array([SIDE / 2, SIDE / 2])
    out = np.eye(3)
    out[:2, :2], out[:2, 2] = linear, middle - linear @ middle + shift
    return out
