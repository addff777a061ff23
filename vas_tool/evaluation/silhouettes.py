"""Draws clips of puppets: textured limbs that move in front of a textured ground, in full view on every frame.

Everything is drawn from random numbers, so nobody has rights in the clips. The same seed gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.types import Frame, Mask, SizeWH

SIZE_WH: SizeWH = (384, 256)
"""Width and height of the clips, in pixels."""

NUM_FRAMES = 25
"""Frames of a clip, as in the published benchmarks."""

HEIGHT = 0.45
"""Height of a puppet as a share of the picture's height. Puppets are designed about 100 units tall."""

Colour = tuple[int, int, int]
Random = np.random.Generator
Frames = npt.NDArray[np.uint8]
"""(T, H, W, 3) uint8, RGB."""
Masks = npt.NDArray[np.bool_]
"""(T, H, W) bool."""


@dataclass(frozen=True)
class FullView:
    """A clip, with the true masks of one object that nothing hides."""

    name: str
    frames: Frames
    masks: Masks
    """(T, H, W) bool: the masks of the object."""


@dataclass(frozen=True)
class Limb:
    """A capsule that lies along the x axis at rest and turns about the centre of its left round end."""

    length: float
    """Distance between the centres of both round ends, in units."""
    width: float
    """Diameter of the round ends, in units."""
    colour: Colour


@dataclass(frozen=True)
class Placed:
    """A limb on one frame."""

    limb: int
    """Index in the puppet's limbs."""
    x: float
    y: float
    angle: float
    """Degrees, clockwise on the screen from the x axis."""


@dataclass(frozen=True)
class Puppet:
    """Limbs, and their places in each phase of the movement."""

    limbs: tuple[Limb, ...]
    pose: Callable[[float], list[Placed]]
    """A function: phase (1 = one cycle) -> the placed limbs from back to front, in units relative to the middle."""


def silhouettes(seed: int = 0) -> Iterator[FullView]:
    """Yield one clip of each puppet."""
    for number, (name, make) in enumerate(PUPPETS.items()):
        yield full_view(name, make(), random=np.random.default_rng([seed, number]))


Path = Callable[[float], tuple[float, float, float]]
"""Time 0..1 -> (x, y, pixels per unit)."""


def full_view(
    name: str, puppet: Puppet, *, random: Random, size_wh: SizeWH = SIZE_WH, path: Path | None = None
) -> FullView:
    """Return a clip of the puppet moving across a ground. Without ``path`` it never leaves the picture."""
    width, height = size_wh
    ground = texture(random, size_wh, random_colour(random), fine=9)
    patches = [_patch(limb, random) for limb in puppet.limbs]
    frames, masks = [], []
    path = path or _path(random, size_wh)
    for i in range(NUM_FRAMES):
        time = i / (NUM_FRAMES - 1)
        x, y, scale = path(time)
        frame, mask = ground.copy(), np.zeros((height, width), np.bool_)
        for placed in puppet.pose(2.5 * time):
            matrix = _matrix(placed, x=x, y=y, scale=scale)
            _draw(frame, mask, patch=patches[placed.limb], matrix=matrix)
        frames.append(frame)
        masks.append(mask)
    return FullView(name, np.stack(frames), np.stack(masks))


def texture(random: Random, size_wh: SizeWH, colour: Colour, *, fine: int) -> Frame:
    """Return (H, W, 3) uint8: a colour with grain of about ``fine`` pixels."""
    width, height = size_wh
    coarse = random.integers(-45, 45, (height // fine + 2, width // fine + 2, 3)).astype(np.float32)
    grain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.array(colour, np.float32) + grain, 0, 255), dtype=np.uint8)


def random_colour(random: Random) -> Colour:
    """Return a colour that is neither black nor white."""
    red, green, blue = (int(n) for n in random.integers(40, 215, 3))
    return red, green, blue


def _path(random: Random, size_wh: SizeWH) -> Path:
    """Return a random path through the middle of the picture."""
    width, height = size_wh
    way = random.uniform(0.1, 0.2) * random.choice([-1, 1])
    bob, growth = random.uniform(0.0, 0.02), random.uniform(-0.12, 0.12)
    scale = HEIGHT * height / 100

    def at(time: float) -> tuple[float, float, float]:
        x = width * (0.5 + way * (2 * time - 1))
        return x, height * (0.5 + bob * math.sin(9 * time)), scale * (1 + growth * (time - 0.5))

    return at


# --- drawing ----------------------------------------------------------------------------------------------------------

PATCH_SCALE = 2
"""Pixels per unit of a limb's own picture, finer than in the frame."""


def _patch(limb: Limb, random: Random) -> npt.NDArray[np.uint8]:
    """Return (h, w, 4) RGBA of the limb at rest."""
    radius = limb.width * PATCH_SCALE / 2
    size = round(limb.length * PATCH_SCALE + 2 * radius) + 2, round(2 * radius) + 2
    alpha = np.zeros(size[::-1], np.uint8)
    middle = round(radius) + 1
    cv2.line(alpha, (middle, middle), (middle + round(limb.length * PATCH_SCALE), middle), 255, round(2 * radius))
    colours = texture(random, size, limb.colour, fine=6)
    return np.dstack([colours, alpha])


def _matrix(placed: Placed, *, x: float, y: float, scale: float) -> npt.NDArray[np.float64]:
    """Return the (2, 3) affine matrix from the limb's picture to the frame, without the limb's own pivot."""
    turn = math.radians(placed.angle)
    cos, sin = scale / PATCH_SCALE * math.cos(turn), scale / PATCH_SCALE * math.sin(turn)
    return np.array([[cos, -sin, x + scale * placed.x], [sin, cos, y + scale * placed.y]])


def _draw(frame: Frame, mask: Mask, *, patch: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64]) -> None:
    pivot = patch.shape[0] / 2  # the centre of the round end, on both axes
    centred = matrix.copy()
    centred[:, 2] -= matrix[:, :2] @ (pivot, pivot)
    drawn = cv2.warpAffine(patch, centred, (mask.shape[1], mask.shape[0]), flags=cv2.INTER_LINEAR)
    inside = drawn[..., 3] > 127
    frame[inside] = drawn[inside][:, :3]
    mask |= inside


# --- puppets ----------------------------------------------------------------------------------------------------------


def _chain(limbs: Sequence[Limb], first: int, *, at: tuple[float, float], angles: Sequence[float]) -> list[Placed]:
    """Return limbs ``first``, ``first`` + 1, ..., each at the end of the one before, with absolute angles."""
    x, y = at
    out = []
    for number, angle in enumerate(angles, first):
        out.append(Placed(number, x, y, angle))
        x += limbs[number].length * math.cos(math.radians(angle))
        y += limbs[number].length * math.sin(math.radians(angle))
    return out


def _wave(phase: float, shift: float = 0.0) -> float:
    return math.sin(2 * math.pi * (phase + shift))


def _walker() -> Puppet:
    skin, shirt, trousers = (205, 160, 130), (60, 90, 180), (50, 60, 70)
    leg = (Limb(22, 12, trousers), Limb(22, 9, trousers))
    arm = (Limb(17, 8, shirt), Limb(16, 7, skin))
    limbs = (*arm, *leg, Limb(30, 22, shirt), Limb(2, 19, skin), *leg, *arm)

    def pose(phase: float) -> list[Placed]:
        swing = 32 * _wave(phase)
        bend = 25 * (1 + _wave(phase, 0.25)) / 2, 25 * (1 - _wave(phase, 0.25)) / 2
        return [
            *_chain(limbs, 0, at=(0, -28), angles=(90 + swing, 70 + swing)),
            *_chain(limbs, 2, at=(0, 4), angles=(90 - swing, 90 - swing + bend[0])),
            Placed(4, 0, 0, -90),
            Placed(5, 2, -48, 0),
            *_chain(limbs, 6, at=(0, 4), angles=(90 + swing, 90 + swing + bend[1])),
            *_chain(limbs, 8, at=(0, -28), angles=(90 - swing, 70 - swing)),
        ]

    return Puppet(limbs, pose)


def _fish() -> Puppet:
    scales, fin = (220, 130, 50), (190, 80, 40)
    body_limbs = (Limb(22, 34, scales), Limb(20, 30, scales), Limb(18, 22, scales), Limb(18, 12, scales))
    limbs = (Limb(24, 6, fin), Limb(24, 6, fin), *body_limbs, Limb(14, 9, fin))

    def pose(phase: float) -> list[Placed]:
        angles = [14 * (k + 1) / 4 * _wave(phase, -0.12 * k) for k in range(4)]
        body = _chain(limbs, 2, at=(-45, 0), angles=angles)
        tip = body[-1]
        end = tip.x + 18 * math.cos(math.radians(tip.angle)), tip.y + 18 * math.sin(math.radians(tip.angle))
        flap = 20 * _wave(phase, -0.5)
        tail = [Placed(0, *end, 35 + flap), Placed(1, *end, -35 + flap)]
        return [*tail, *body, Placed(6, -20, 6, 60 + 20 * _wave(phase))]

    return Puppet(limbs, pose)


def _bird() -> Puppet:
    feathers, wing, beak = (120, 120, 200), (80, 80, 150), (230, 190, 60)
    wing_limbs = (Limb(26, 13, wing), Limb(26, 9, wing))
    limbs = (
        *wing_limbs,
        Limb(40, 24, feathers),
        Limb(8, 17, feathers),
        Limb(10, 5, beak),
        Limb(22, 10, wing),
        *wing_limbs,
    )

    def pose(phase: float) -> list[Placed]:
        beat = 50 * _wave(phase)
        return [
            *_chain(limbs, 0, at=(4, -4), angles=(-70 + beat, -60 + 1.5 * beat)),
            Placed(5, 18, 2, 12),
            Placed(2, -20, 0, 0),
            Placed(3, -28, -10, -10),
            Placed(4, -38, -10, 175),
            *_chain(limbs, 6, at=(-4, -2), angles=(-110 + beat, -120 + 1.5 * beat)),
        ]

    return Puppet(limbs, pose)


def _worm() -> Puppet:
    limbs = tuple(Limb(13, 20 - abs(k - 4), (90 + 12 * k, 150 - 6 * k, 70)) for k in range(9))

    def pose(phase: float) -> list[Placed]:
        angles = [55 * _wave(phase, 0.16 * k) for k in range(len(limbs))]
        placed = _chain(limbs, 0, at=(0, 0), angles=angles)
        x, y = float(np.mean([p.x for p in placed])), float(np.mean([p.y for p in placed]))
        return [Placed(p.limb, p.x - x, p.y - y, p.angle) for p in placed]

    return Puppet(limbs, pose)


def _crane() -> Puppet:
    steel, base = (220, 200, 60), (90, 90, 100)
    limbs = (Limb(44, 20, base), Limb(44, 12, steel), Limb(36, 10, steel), Limb(18, 7, base), Limb(18, 7, base))

    def pose(phase: float) -> list[Placed]:
        lift = 16 * _wave(phase, 0.1)
        arm = _chain(limbs, 1, at=(-10, 30), angles=(-75 + lift, -10 - lift))
        last = arm[-1]
        hand = last.x + 36 * math.cos(math.radians(last.angle)), last.y + 36 * math.sin(math.radians(last.angle))
        grip = 25 + 15 * _wave(phase, 0.3)
        return [Placed(3, *hand, 70 + grip), *arm, Placed(4, *hand, 70 - grip), Placed(0, -32, 40, 0)]

    return Puppet(limbs, pose)


def _crab() -> Puppet:
    shell, leg = (190, 60, 60), (150, 50, 60)
    claw = (Limb(20, 9, leg), Limb(16, 13, shell))
    limbs = (*(Limb(24, 7, leg) for _ in range(6)), Limb(30, 42, shell), *claw, *claw)

    def pose(phase: float) -> list[Placed]:
        legs = [
            Placed(k, 15 * side, 8, 90 - side * (15 + 28 * row) + 12 * _wave(phase, 0.3 * row + 0.25 * side))
            for k, (side, row) in enumerate((s, r) for s in (-1, 1) for r in range(3))
        ]
        wave = 20 * _wave(phase)
        right = _chain(limbs, 7, at=(24, -10), angles=(-40 + wave, -80 + wave))
        left = _chain(limbs, 9, at=(-24, -10), angles=(-140 - wave, -100 - wave))
        return [*legs, *right, *left, Placed(6, -15, 0, 0)]

    return Puppet(limbs, pose)


PUPPETS: dict[str, Callable[[], Puppet]] = {
    "walker": _walker,
    "fish": _fish,
    "bird": _bird,
    "worm": _worm,
    "crane": _crane,
    "crab": _crab,
}
"""Name of a puppet -> the function that makes it."""
