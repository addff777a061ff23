"""Moving silhouettes: creatures with limbs, soft blobs and stiff compounds, drawn from random numbers.

They use no pictures of others. Coordinates are those of the object: its own motion through the picture is removed, as
registration does in real clips.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Random = np.random.Generator
Masks = npt.NDArray[np.float32]
"""(T, SIDE, SIDE) float32 in 0..1."""
Path = npt.NDArray[np.float64]
"""(T,) a number on each frame."""

SIDE = 112
"""Pixels of the pictures."""

NUM_FRAMES = 25
SIZE = 30.0
"""Approximate radius of an object in pixels."""

SHIFT = 4
"""OpenCV draws in sixteenths of a pixel."""


def smooth(random: Random, std: float, *, pace: float = 6.0, length: int = NUM_FRAMES) -> Path:
    """Return a random path that turns about every ``pace`` frames, with standard deviation ``std``."""
    knots = max(3, round(length / pace) + 2)
    values = random.normal(0, std, knots)
    at = np.linspace(0, knots - 1, length)
    low = np.minimum(at.astype(int), knots - 2)
    share = (1 - np.cos(np.pi * (at - low))) / 2
    return np.asarray(values[low] * (1 - share) + values[low + 1] * share)


def drawn(random: Random) -> Masks:
    """Return one object of a random kind on NUM_FRAMES frames."""
    kind: Callable[[Random], Masks] = random.choice(np.array([_creature, _creature, _blob, _compound], object))
    masks = _turned(kind(random), random)
    if random.random() < 0.35:
        masks = _bitten(masks, random)
    if random.random() < 0.4:
        masks = _ragged(masks, random)
    return masks


def fill(picture: npt.NDArray[np.uint8], points: npt.NDArray[np.float64], value: int = 255) -> None:
    """Draw a polygon of (N, 2) points, edges smooth."""
    fixed = np.round(points * 2**SHIFT).astype(np.int32)
    cv2.fillPoly(picture, [fixed], value, lineType=cv2.LINE_AA, shift=SHIFT)


def capsule(picture: npt.NDArray[np.uint8], ends: tuple[Path, Path], widths: tuple[float, float]) -> None:
    """Draw a limb between two ends, with a width at each."""
    (a, b), across = ends, ends[1] - ends[0]
    length = max(1e-6, float(np.hypot(*across)))
    normal = np.array([-across[1], across[0]]) / length / 2
    fill(
        picture,
        np.stack([a + normal * widths[0], b + normal * widths[1], b - normal * widths[1], a - normal * widths[0]]),
    )
    for end, width in zip(ends, widths, strict=True):
        centre = tuple(int(v) for v in np.round(end * 2**SHIFT))
        cv2.circle(picture, centre, round(width / 2 * 2**SHIFT), 255, cv2.FILLED, cv2.LINE_AA, SHIFT)


# --- kinds ------------------------------------------------------------------------------------------------------------


def _creature(random: Random) -> Masks:
    """A body with limbs of one to three parts that swing."""
    body_length, body_width = random.uniform(0.4, 1.3) * SIZE, random.uniform(0.3, 0.9) * SIZE
    lean, tempo = random.uniform(0, 2 * np.pi) * (random.random() < 0.3), random.uniform(0.2, 2.5)
    limbs = [_limb(random, body_length) for _ in range(random.integers(1, 8))]
    wobble = smooth(random, 0.1)
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), np.uint8)
    for i, picture in enumerate(out):
        angle = lean + wobble[i]
        along = np.array([np.cos(angle), np.sin(angle)])
        middle = np.array([SIDE / 2, SIDE / 2])
        capsule(picture, (middle - along * body_length / 2, middle + along * body_length / 2), (body_width, body_width))
        phase = tempo * i / (NUM_FRAMES - 1)
        for limb in limbs:
            limb(picture, middle, (angle, phase))
    return out.astype(np.float32) / np.float32(255)


def _limb(random: Random, body_length: float) -> Callable[[npt.NDArray[np.uint8], Path, tuple[float, float]], None]:
    root = random.uniform(-0.55, 0.55) * body_length
    hang = random.choice([-1, 1, 1]) * np.pi / 2 * random.uniform(0.3, 1.2) + np.pi * (random.random() < 0.15)
    count = random.integers(1, 4)
    lengths = random.uniform(0.25, 0.65, count) * SIZE * 2 / np.sqrt(count)
    widths = np.sort(random.uniform(0.08, 0.38, count + 1))[::-1] * SIZE
    swings = random.uniform(0, 0.8, count) * (random.random() < 0.8)
    shifts, bends = random.uniform(0, 1, count), random.normal(0, 0.4, count)

    def draw(picture: npt.NDArray[np.uint8], middle: Path, moment: tuple[float, float]) -> None:
        angle, phase = moment
        at = middle + root * np.array([np.cos(angle), np.sin(angle)])
        turn = angle + hang
        for k in range(count):
            turn += bends[k] + swings[k] * np.sin(2 * np.pi * (phase + shifts[k]))
            end = at + lengths[k] * np.array([np.cos(turn), np.sin(turn)])
            capsule(picture, (at, end), (widths[k], widths[k + 1]))
            at = end

    return draw


def _blob(random: Random) -> Masks:
    """A closed curve whose waves grow and shrink."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = range(2, random.integers(4, 9))
    moves = random.uniform(0.1, 1.0)
    sizes = {k: random.normal(0, 0.35 / k) + smooth(random, 0.25 * moves / k) for k in waves}
    phases = {k: random.uniform(0, 2 * np.pi) + smooth(random, 0.5 * moves) for k in waves}
    stretch = random.uniform(0.5, 1.0)
    out = np.zeros((NUM_FRAMES, SIDE, SIDE), np.uint8)
    for i, picture in enumerate(out):
        radius = SIZE * (1 + sum(sizes[k][i] * np.cos(k * angles + phases[k][i]) for k in waves)).clip(0.15, 1.5)
        points = np.stack([radius * np.cos(angles), stretch * radius * np.sin(angles)], axis=1)
        fill(picture, points + SIDE / 2)
    return out.astype(np.float32) / np.float32(255)


def _compound(random: Random) -> Masks:
    """Polygons and ellipses joined stiffly, some with holes: vehicles, furniture, tools."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(random.integers(2, 6)):
        fill(picture, _piece(random, random.uniform(0.3, 1.0)))
    for _ in range(random.integers(0, 3)):
        fill(picture, _piece(random, random.uniform(0.08, 0.3)), 0)
    return np.repeat(picture[None].astype(np.float32) / 255, NUM_FRAMES, axis=0)


def _piece(random: Random, size: float) -> npt.NDArray[np.float64]:
    corners = int(random.choice([3, 4, 4, 4, 5, 24]))
    start = np.pi / 4 if corners == 4 else random.uniform(0, 2 * np.pi)
    angles = start + np.arange(corners) * 2 * np.pi / corners
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * random.uniform(0.4, 1.0, 2) * SIZE * size * 1.2
    turn = random.choice([0, 0, random.uniform(0, np.pi)])
    turned = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(turned + SIDE / 2 + random.uniform(-0.7, 0.7, 2) * SIZE * (1.1 - size))


# --- what happens to all of them --------------------------------------------------------------------------------------


def _turned(masks: Masks, random: Random) -> Masks:
    """Return the masks turned and mirrored, and slightly turned in depth from frame to frame."""
    base = random.uniform(-0.3, 0.3) if random.random() < 0.7 else random.uniform(0, 2 * np.pi)
    deep = random.uniform(0, 0.25) * (random.random() < 0.6)
    squeeze = np.exp(smooth(random, deep, pace=10.0))
    shear = smooth(random, deep / 2, pace=10.0)
    flip, middle = random.choice([-1, 1]), np.array([SIDE / 2 - 0.5, SIDE / 2 - 0.5])
    cos, sin = np.cos(base), np.sin(base)
    out = np.empty_like(masks)
    for i, mask in enumerate(masks):
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[flip * squeeze[i], shear[i]], [0, 1]])
        out[i] = cv2.warpAffine(mask, np.column_stack([linear, middle - linear @ middle]), (SIDE, SIDE))
    return out


def _bitten(masks: Masks, random: Random) -> Masks:
    """Return the masks with cuts, because annotated silhouettes are often cut by something that is not in the depth."""
    x, y = (SIDE / 2 + random.normal(0, 0.5 * SIZE) + np.cumsum(smooth(random, random.uniform(0, 1.2))) for _ in "xy")
    width, height = random.uniform(0.12, 0.5) * SIZE, random.uniform(0.4, 2.5) * SIZE
    lean = random.normal(0, 0.2) + smooth(random, 0.1)
    out = np.empty_like(masks)
    for i, mask in enumerate(masks):
        bite = np.zeros((SIDE, SIDE), np.uint8)
        half = height / 2 * np.array([np.sin(lean[i]), np.cos(lean[i])])
        middle = np.array([x[i], y[i]])
        capsule(bite, (middle - half, middle + half), (width, 2 * width))
        out[i] = mask * (1 - bite.astype(np.float32) / 255)
    return out if out.sum() > 0.4 * masks.sum() and out.sum(axis=(1, 2)).min() > 60 else masks


def _ragged(masks: Masks, random: Random) -> Masks:
    """Return the masks with noisy outlines, like real masks."""
    amount = random.uniform(0.3, 1.6)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    out = np.empty_like(masks)
    for i, mask in enumerate(masks):
        coarse = random.normal(0, amount, (2, SIDE // 6, SIDE // 6)).astype(np.float32)
        dx, dy = (cv2.resize(c, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for c in coarse)
        out[i] = cv2.remap(mask, columns + dx, rows + dy, cv2.INTER_LINEAR)
    return out
