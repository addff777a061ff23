"""Labelled pictures to learn clicks from: frames of labelled clips, and drawn shapes pasted over them.

A pasted shape has the texture of one picture, or of several where it is made of parts, and lies on another one: its
outline is known to the pixel, and its inside is as uneven as real things are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.evaluation.silhouettes import FullView
from vas_tool.training.shapes import SIDE, SIZE, Random, drawn
from vas_tool.types import Frame, Mask, SizeWH
from vas_tool.video.images import image_paths

WIDTH, HEIGHTS = 480, (270, 320, 360)
SMALLEST, LARGEST = 30.0, 300.0
"""Pixels across: of pasted shapes."""

MOST = 640
"""Pixels on the longer side of a texture."""

LEAST_SEEN = 120
"""Pixels of a pasted shape that must be seen."""

Colours = npt.NDArray[np.float64]
"""(H, W, 3) 0..255."""


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with the true mask of one object."""

    name: str
    """``clip/frame``, for who watches the run."""
    frame: Frame
    mask: Mask


def frames_of(view: FullView, *, every: int) -> Iterator[LabelledPicture]:
    """Some frames of a labelled clip, those that show something of the object."""
    for index in range(0, len(view.frames), every):
        if view.masks[index].any():
            yield LabelledPicture(f"{view.name}/{index}", view.frames[index], view.masks[index])


def textures_in(folder: Path) -> list[Frame]:
    """The pictures of a folder, at most MOST pixels on a side. Raises FormatError when it has none that read."""
    read = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in image_paths(folder)]
    pictures = [np.ascontiguousarray(picture[..., ::-1]) for picture in read if picture is not None]
    if not pictures:
        raise FormatError(f"{folder} has no picture that reads; name a folder of PNG or JPEG pictures")
    scales = [min(1.0, MOST / max(picture.shape[:2])) for picture in pictures]
    return [
        cv2.resize(p, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for p, s in zip(pictures, scales, strict=True)
    ]


def pasted(pictures: Sequence[Frame], seed: int) -> LabelledPicture:
    """One to three shapes of natural texture over a natural picture; the same for a seed."""
    random = np.random.default_rng(seed)
    while True:
        size_wh = WIDTH, int(random.choice(HEIGHTS))
        ground = _part(pictures, size_wh, random)
        seen: list[npt.NDArray[np.float32]] = []
        for _ in range(random.integers(1, 4)):
            shape = _shape(size_wh, random)
            shadow = cv2.GaussianBlur(shape, (0, 0), 6)[..., None]
            texture = _texture(pictures, shape, random)
            ground = ground * (1 - 0.3 * shadow) * (1 - shape[..., None]) + texture * shape[..., None]
            seen = [*(other * (1 - shape) for other in seen), shape]
        masks = [shape > 0.5 for shape in seen if (shape > 0.5).sum() >= LEAST_SEEN]
        if masks:
            return LabelledPicture(f"pasted{seed}/0", _filmed(ground, random), masks[random.integers(len(masks))])


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


def _shape(size_wh: SizeWH, random: Random) -> npt.NDArray[np.float32]:
    masks = drawn(random)
    zoom = float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST)))) / (2 * SIZE)
    x, y = random.uniform(0.15, 0.85) * size_wh[0], random.uniform(0.2, 0.8) * size_wh[1]
    place = np.array([[zoom, 0, x - zoom * SIDE / 2], [0, zoom, y - zoom * SIDE / 2]])
    shape = cv2.warpAffine(masks[random.integers(len(masks))], place, size_wh, flags=cv2.INTER_CUBIC)
    return np.clip(shape, 0, 1)


def _texture(pictures: Sequence[Frame], shape: npt.NDArray[np.float32], random: Random) -> Colours:
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


def _filmed(picture: Colours, random: Random) -> Frame:
    """Blurred, noisy and compressed, as frames of videos are."""
    soft = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 1.1))
    noisy = np.clip(soft + random.normal(0, random.uniform(0, 4), soft.shape), 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(60, 95))]
    _, stored = cv2.imencode(".jpg", np.ascontiguousarray(noisy[..., ::-1]), quality)
    back = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    assert back is not None, "what was just encoded decodes"
    return np.ascontiguousarray(back[..., ::-1])
