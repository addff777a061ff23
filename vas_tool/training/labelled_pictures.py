"""Pictures with object masks from folders, and windows of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv

Picture = npt.NDArray[np.uint8]
"""(H, W, 3), RGB."""
Mask = npt.NDArray[np.bool_]

SHARES = {
    "coco_by": 0.30, "ccp_clothing": 0.12, "feral_cat": 0.08, "rf_animals": 0.16, "oxford_pets": 0.11,
    "caltech_animals": 0.07, "rf_road": 0.07, "rf_food": 0.04, "rf_mushrooms": 0.015, "rf_pipes": 0.015,
    "rf_stones": 0.02,
}  # fmt: skip
"""Probability of each folder."""
TOGETHER = 0.25
"""Probability that two objects that touch count as one, for example a rider and a horse."""
BEYOND = (124, 116, 104)
"""Colour of a window beyond the picture: the mean colour."""
SMALLEST, LARGEST = 250, 0.85
"""Least pixels of an object, and its greatest share of the picture."""


@dataclass(frozen=True)
class Cutout:
    """A square window of a picture, and the object in it: (S, S, 3) and (S, S)."""

    picture: Picture
    mask: Mask


class LabelledPictures:
    """``ROOT/FOLDER/images/NAME.*`` and ``ROOT/FOLDER/masks/NAME.png`` (one number an object), kept as files in memory.

    Raises ``FileNotFoundError`` where ``root`` has none of the folders of ``SHARES``.
    """

    def __init__(self, root: Path) -> None:
        self._files: dict[str, list[tuple[bytes, bytes]]] = {}
        for name in SHARES:
            paths = sorted((root / name / "images").glob("*"))
            if paths:
                masks = root / name / "masks"
                self._files[name] = [(p.read_bytes(), (masks / f"{p.stem}.png").read_bytes()) for p in paths]
        if not self._files:
            message = f"{root} has none of the folders {', '.join(SHARES)}; give the folder that holds them."
            raise FileNotFoundError(message)
        shares = np.array([SHARES[name] for name in self._files])
        self._names, self._shares = list(self._files), shares / shares.sum()

    def folder(self, random: np.random.Generator) -> str:
        """Return a random folder."""
        return str(random.choice(self._names, p=self._shares))

    def instance(self, random: np.random.Generator, folder: str = "") -> tuple[Picture, Mask]:
        """Return a random picture and one object in it."""
        while True:
            files = self._files[folder or self.folder(random)]
            image, labels = files[random.integers(len(files))]
            found = _objects(numbers := _decoded(labels, cv2.IMREAD_UNCHANGED))
            if not len(found):
                continue
            mask = numbers == random.choice(found)
            if random.random() < TOGETHER and len(found) > 1:
                mask = _with_a_neighbour(numbers, mask, random)
            return np.ascontiguousarray(_decoded(image, cv2.IMREAD_COLOR)[..., ::-1]), mask

    def cutout(self, random: np.random.Generator, size: int, folder: str = "") -> Cutout:
        """Return a window around an object, from close-up to the whole picture, mirrored or not."""
        while True:
            picture, mask = self.instance(random, folder)
            found = _window(picture, mask, random=random, size=size)
            if found.mask.sum() >= 0.0012 * size * size:
                return found


def _decoded(content: bytes, flags: int) -> Picture:
    return opencv.decoded(content, flags)


def _objects(numbers: Picture) -> npt.NDArray[np.intp]:
    counts = np.bincount(numbers.ravel())
    counts[0] = 0
    return np.flatnonzero((counts > SMALLEST) & (counts < LARGEST * numbers.size))


def _with_a_neighbour(numbers: Picture, mask: Mask, random: np.random.Generator) -> Mask:
    around = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    near = np.setdiff1d(np.unique(numbers[around & ~mask]), [0])
    return mask if not len(near) else mask | (numbers == random.choice(near))


def _window(picture: Picture, mask: Mask, *, random: np.random.Generator, size: int) -> Cutout:
    """Return the whole picture (25 %), a close-up of the border (10 %), or a window of 1.05 to 3 times the object's
    size.
    """
    height, width = mask.shape
    ys, xs = np.nonzero(mask)
    low, high = np.array([xs.min(), ys.min()]), np.array([xs.max() + 1, ys.max() + 1])
    extent, centre = (high - low).max(), (low + high) / 2
    kind = random.random()
    if kind < 0.25:
        side = float(max(height, width))
    elif kind < 0.35:
        side = max(48.0, extent * random.uniform(0.45, 0.9))
        k = random.integers(len(xs))
        centre = 0.3 * centre + 0.7 * np.array([xs[k], ys[k]])
    else:
        side = max(48.0, extent * random.uniform(1.05, 3.0))
    side = min(side, float(max(height, width)))
    centre = centre + random.uniform(-0.45, 0.45, 2) * np.maximum(0, side - (high - low))
    if random.random() < 0.7:
        centre = np.clip(centre, side / 2, np.maximum(side / 2, np.array([width, height]) - side / 2))
    turned = random.uniform(-14, 14) if random.random() < 0.3 else 0.0
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), turned, size / side)
    matrix[:, 2] += size / 2 - centre
    if random.random() < 0.5:
        matrix = np.array([[-1, 0, size - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    return Cutout(
        opencv.warp_affine(picture, matrix, (size, size), borderValue=BEYOND),
        cv2.warpAffine(mask.astype(np.float32), matrix, (size, size), flags=cv2.INTER_LINEAR) > 0.5,
    )
