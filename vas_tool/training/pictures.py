"""Labelled pictures to learn clicks from: frames of labelled clips, and drawn shapes pasted over them.

What is pasted is a thing cut out of a photograph, or a drawn shape with the texture of one picture, or of several where
it is made of parts. It lies on another picture: its outline is known to the pixel, and its inside is as uneven as real
things are.
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

DRAWN = 0.25
"""Part of the pasted things that are drawn, where there are cutouts."""

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


def cutouts_in(folder: Path) -> list[npt.NDArray[np.uint8]]:
    """The (h, w, 4) RGBA pictures of a folder that say what is seen of a thing. Raises FormatError when none does."""
    read = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in image_paths(folder)]
    things = [r for r in read if r is not None and r.dtype == np.uint8 and r.ndim == 3 and r.shape[2] == 4]
    if not things:
        raise FormatError(f"{folder} has no picture with transparency; name a folder of RGBA PNG pictures")
    return [np.ascontiguousarray(thing[..., [2, 1, 0, 3]]) for thing in things]


@dataclass(frozen=True)
class Sources:
    """What pictures are pasted together from."""

    pictures: Sequence[Frame]
    cutouts: Sequence[npt.NDArray[np.uint8]] = ()
    """(h, w, 4) RGBA each: a thing, and where it is."""


def pasted(sources: Sources, seed: int) -> LabelledPicture:
    """One to four things over a natural picture; the same for a seed."""
    random = np.random.default_rng(seed)
    while True:
        size_wh = WIDTH, int(random.choice(HEIGHTS))
        ground = _part(sources.pictures, size_wh, random)
        seen: list[npt.NDArray[np.float32]] = []
        for _ in range(random.integers(1, 5)):
            shape, texture = _thing(sources, size_wh, random)
            shadow = cv2.GaussianBlur(shape, (0, 0), random.uniform(2, 9))[..., None] * random.uniform(0, 0.4)
            texture = _toned(texture, shape, random, ground=ground)
            ground = ground * (1 - shadow) * (1 - shape[..., None]) + texture * shape[..., None]
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


def _thing(sources: Sources, size_wh: SizeWH, random: Random) -> tuple[npt.NDArray[np.float32], Colours]:
    """((H, W) how much of each pixel it covers, its colours)."""
    if not len(sources.cutouts) or random.random() < DRAWN:
        shape = _shape(size_wh, random)
        return shape, _texture(sources.pictures, shape, random)
    cutout = sources.cutouts[random.integers(len(sources.cutouts))]
    place = _placed(cutout.shape[:2], size_wh, random)
    lit = cutout[..., :3] * random.uniform(0.7, 1.3) + random.normal(0, 10, 3)
    colours = cv2.warpAffine(lit, place, size_wh, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    alpha = cutout[..., 3].astype(np.float32) / 255
    return np.clip(cv2.warpAffine(alpha, place, size_wh), 0, 1), np.asarray(np.clip(colours, 0, 255))


def _placed(shape: tuple[int, ...], size_wh: SizeWH, random: Random) -> npt.NDArray[np.float64]:
    """(2, 3): somewhere, about SMALLEST to LARGEST pixels across, a little turned, perhaps mirrored."""
    height, width = shape
    zoom = float(np.exp(random.uniform(np.log(2 * SMALLEST), np.log(1.4 * LARGEST)))) / max(height, width)
    angle, mirror = np.deg2rad(random.normal(0, 12)), -1 if random.random() < 0.5 else 1
    turn = zoom * np.array([[mirror * np.cos(angle), -np.sin(angle)], [mirror * np.sin(angle), np.cos(angle)]])
    middle = random.uniform(0.1, 0.9) * size_wh[0], random.uniform(0.15, 0.85) * size_wh[1]
    return np.c_[turn, np.array(middle) - turn @ (width / 2, height / 2)]


def _toned(texture: Colours, shape: npt.NDArray[np.float32], random: Random, *, ground: Colours) -> Colours:
    """Somewhat like what it is pasted over, as things in one light are."""
    weight = float(shape.sum()) + 1e-6
    apart = ((ground - texture) * shape[..., None]).sum(axis=(0, 1)) / weight
    return np.asarray(np.clip(texture + random.uniform(0, 0.8) * apart, 0, 255))


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
