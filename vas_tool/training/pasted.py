"""Pasted clips to learn clicks from: drawn shapes over pictures, some of them moving, some under a moving camera.

A pasted shape has the texture of one picture, or of several where it is made of parts, and lies on another one: its
outline is known to the pixel, and its inside is as uneven as real things are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.motion import OFFSETS
from vas_tool.engines.builtin.registration import Affine
from vas_tool.training.pictures import LabelledPicture, motion_at
from vas_tool.training.shapes import SIDE, SIZE, Random, drawn
from vas_tool.types import Frame, SizeWH

WIDTH, HEIGHTS = 480, (270, 320, 360)
SMALLEST, LARGEST = 30.0, 300.0
"""Pixels across: of pasted shapes."""

LEAST_SEEN = 120
"""Pixels of a pasted shape that must be seen."""

MIDDLE = max(OFFSETS)
"""The frame of a pasted clip that is learned from; as many are before and behind it."""

ALONE, STILL_CAMERA, STILL_THING, SWINGING = 0.25, 0.4, 0.35, 0.5
"""Part of the pictures that stand alone; of cameras and of things that do not move; of moving things that swing."""

CAMERA_SPEED = 3.0, 1.5, 0.004, 0.004
THING_SPEED = 4.0, 2.0, 0.01, 0.02
"""A frame, standard deviations: pixels to the right and down, growth, turn in radians."""

SWING = 3.0, 0.5
"""Frames of its speed that a thing swings to a side, and radians a frame."""

Colours = npt.NDArray[np.float64]
"""(H, W, 3) 0..255."""
Shares = npt.NDArray[np.float32]
"""(H, W) 0..1."""
Speed = npt.NDArray[np.float64]
"""(4,): see THING_SPEED."""


@dataclass(frozen=True)
class _Way:
    """How something moves from the middle frame on."""

    speed: Speed
    about_xy: tuple[float, float]
    swings: bool = False
    phase: float = 0.0

    def pose(self, frames: int) -> Affine:
        """(3, 3): middle frame -> so many frames later."""
        moved = self.speed * frames
        if self.swings:
            moved = self.speed * SWING[0] * (np.sin(SWING[1] * frames + self.phase) - np.sin(self.phase))
        (right, down, growth, turn), (x, y) = moved, self.about_xy
        cos, sin = np.exp(growth) * np.cos(turn), np.exp(growth) * np.sin(turn)
        shift = x + right - cos * x + sin * y, y + down - sin * x - cos * y
        return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [0, 0, 1]])


@dataclass(frozen=True)
class _Thing:
    """A shape with its texture."""

    shape: Shares
    texture: Colours
    way: _Way


@dataclass(frozen=True)
class _Film:
    """How frames of one video are blurred, noisy and compressed."""

    blur: float
    noise: float
    quality: int

    def frame(self, picture: Colours, random: Random) -> Frame:
        """As a decoder gives it."""
        soft = cv2.GaussianBlur(picture, (0, 0), self.blur)
        noisy = np.clip(soft + random.normal(0, self.noise, soft.shape), 0, 255).astype(np.uint8)
        bgr = np.ascontiguousarray(noisy[..., ::-1])
        _, stored = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        back = cv2.imdecode(stored, cv2.IMREAD_COLOR)
        assert back is not None, "what was just encoded decodes"
        return np.ascontiguousarray(back[..., ::-1])


def pasted(pictures: Sequence[Frame], seed: int) -> LabelledPicture:
    """One to three shapes of natural texture over a natural picture, perhaps moving; the same for a seed."""
    random = np.random.default_rng(seed)
    while True:
        size_wh = WIDTH, int(random.choice(HEIGHTS))
        ground, camera = _part(pictures, size_wh, random), _camera(size_wh, random)
        things = [_thing(pictures, size_wh, random) for _ in range(random.integers(1, 4))]
        seen = _seen([thing.shape for thing in things])
        masks = [shape > 0.5 for shape in seen if (shape > 0.5).sum() >= LEAST_SEEN]
        if masks:
            film = _Film(random.uniform(0.3, 1.1), random.uniform(0, 4), int(random.integers(60, 95)))
            times = range(1) if random.random() < ALONE else range(-MIDDLE, MIDDLE + 1)
            frames = [film.frame(_painted(ground, things, camera, at=at), random) for at in times]
            here = times.index(0)
            mask = masks[random.integers(len(masks))]
            return LabelledPicture(f"pasted{seed}/0", frames[here], motion_at(frames, here), mask)


def _camera(size_wh: SizeWH, random: Random) -> _Way:
    moves = random.random() >= STILL_CAMERA
    return _Way(moves * random.normal(0, CAMERA_SPEED), (size_wh[0] / 2, size_wh[1] / 2))


def _thing(pictures: Sequence[Frame], size_wh: SizeWH, random: Random) -> _Thing:
    shape, (x, y) = _shape(size_wh, random)
    moves, fast = random.random() >= STILL_THING, float(np.exp(random.normal(0, 0.8)))
    speed = moves * fast * random.normal(0, THING_SPEED)
    way = _Way(speed, (x, y), random.random() < SWINGING, random.uniform(0, 2 * np.pi))
    return _Thing(shape, _texture(pictures, shape, random), way)


def _seen(shapes: Sequence[Shares]) -> list[Shares]:
    """What is seen of each; later ones lie before earlier ones."""
    seen: list[Shares] = []
    for shape in shapes:
        seen = [*(other * (1 - shape) for other in seen), shape]
    return seen


def _painted(ground: Colours, things: Sequence[_Thing], camera: _Way, *, at: int) -> Colours:
    """The picture ``at`` frames after the middle one."""
    out = _warped(ground, camera.pose(at), cv2.BORDER_REFLECT)
    for thing in things:
        pose = camera.pose(at) @ thing.way.pose(at)
        shape = _warped(thing.shape, pose, cv2.BORDER_CONSTANT)[..., None]
        shadow = cv2.GaussianBlur(shape[..., 0], (0, 0), 6)[..., None]
        out = out * (1 - 0.3 * shadow) * (1 - shape) + _warped(thing.texture, pose, cv2.BORDER_REFLECT) * shape
    return out


def _warped(picture: npt.NDArray[np.floating], pose: Affine, border: int) -> npt.NDArray[np.floating]:
    if (pose == np.eye(3)).all():
        return picture
    return cv2.warpAffine(picture, pose[:2], picture.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=border)


def _part(pictures: Sequence[Frame], size_wh: SizeWH, random: Random) -> Colours:
    """A part of one of the pictures, in other light, perhaps mirrored or in other colours."""
    picture, (width, height) = pictures[random.integers(len(pictures))], size_wh
    across = int(min(picture.shape[1], picture.shape[0] * width / height) * random.uniform(0.5, 1.0))
    down = max(1, int(across * height / width))
    x, y = random.integers(0, picture.shape[1] - across + 1), random.integers(0, picture.shape[0] - down + 1)
    part = cv2.resize(picture[y : y + down, x : x + across], size_wh, interpolation=cv2.INTER_AREA)
    part = part[:, ::-1] if random.random() < 0.5 else part
    part = part[..., random.permutation(3)] if random.random() < 0.3 else part
    return np.asarray(np.clip(part * random.uniform(0.7, 1.3) + random.normal(0, 12, 3), 0, 255))


def _shape(size_wh: SizeWH, random: Random) -> tuple[Shares, tuple[float, float]]:
    """A drawn shape somewhere in the picture, and its middle."""
    masks = drawn(random)
    zoom = float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST)))) / (2 * SIZE)
    x, y = random.uniform(0.15, 0.85) * size_wh[0], random.uniform(0.2, 0.8) * size_wh[1]
    place = np.array([[zoom, 0, x - zoom * SIDE / 2], [0, zoom, y - zoom * SIDE / 2]])
    shape = cv2.warpAffine(masks[random.integers(len(masks))], place, size_wh, flags=cv2.INTER_CUBIC)
    return np.clip(shape, 0, 1), (x, y)


def _texture(pictures: Sequence[Frame], shape: Shares, random: Random) -> Colours:
    """Of one to three parts, divided by straight lines through the shape; half of them paler."""
    height, width = shape.shape
    texture = _part(pictures, (width, height), random)
    rows, columns = np.mgrid[:height, :width]
    inside = np.argwhere(shape > 0.5)
    for _ in range(random.integers(0, 3) if len(inside) else 0):
        (row, column), angle = inside[random.integers(len(inside))], random.uniform(0, 2 * np.pi)
        beyond = (rows - row) * np.sin(angle) + (columns - column) * np.cos(angle) > 0
        darker = np.clip(texture * random.uniform(0.5, 1.5), 0, 255)
        other = _part(pictures, (width, height), random) if random.random() < 0.7 else darker
        texture = np.where(beyond[..., None], other, texture)
    return 0.6 * texture + 0.4 * texture.mean(axis=(0, 1)) if random.random() < 0.5 else texture
