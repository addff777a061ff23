"""The segmenter's training samples: a picture with clicks, or frames made from one picture for tracking."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.training.labelled_pictures import Cutout, LabelledPictures, Mask, Picture

Map = npt.NDArray[np.float32]
FOLLOWED = 0.45
"""Share of the samples in which an object is tracked from a reference frame."""
MANY = 0.4
"""Probability of more than one click before the network's first answer."""
RADIUS = 4
"""Radius of a click's disc, in pixels of the network's input."""


@dataclass
class SegmenterSample:
    """One sample, at the size S of the network's input."""

    picture: Picture
    truth: Mask
    maps: Map
    """(4, S, S): see ``segmenter_net.MAPS``."""
    references: list[Cutout | None]
    """The sure and the recent reference."""
    clicked: bool
    """Whether clicks on the network's errors follow."""
    places: list[tuple[int, int, bool]] = field(default_factory=list)
    """The clicks so far: x, y, whether positive."""

    def click(self, error: Mask, *, random: np.random.Generator, positive: bool) -> None:
        """Add a click deep inside an error, mostly at its deepest point."""
        depth = depths(error)
        ys, xs = np.nonzero(depth >= depth.max() * random.choice([0.999, 0.999, 0.7, 0.4]))
        k = random.integers(len(ys))
        self.put(int(xs[k]), int(ys[k]), positive=positive)

    def put(self, x: int, y: int, *, positive: bool) -> None:
        """Add a click at a place."""
        cv2.circle(self.maps[0 if positive else 1], (x, y), RADIUS, 1.0, -1)
        self.places.append((x, y, positive))

    def correct(self, answer: Mask, random: np.random.Generator) -> None:
        """Add a click on the deeper of the two kinds of error, as a person does. Without an error, nothing is added."""
        missing, surplus = self.truth & ~answer, answer & ~self.truth
        positive = float(depths(missing).max()) >= float(depths(surplus).max())
        error = missing if positive else surplus
        if error.any():
            self.click(error, random=random, positive=positive)


def sample(pictures: LabelledPictures, random: np.random.Generator, size: int) -> SegmenterSample:
    """Return one sample. It depends only on ``random``."""
    return _to_follow(pictures, random, size) if random.random() < FOLLOWED else _to_click(pictures, random, size)


def _to_click(pictures: LabelledPictures, random: np.random.Generator, size: int) -> SegmenterSample:
    while True:
        shown = pictures.cutout(random, size)
        if random.random() < 0.45:
            shown = _pasted(pictures, shown, random)
        if shown.mask.sum() >= 60:
            break
    maps = np.zeros((4, size, size), np.float32)
    kind = random.random()
    if kind < 0.12:
        _box(maps[3], shown.mask, random)
    elif kind < 0.27:
        maps[2] = deformed(shown.mask, random)
    made = SegmenterSample(_recoloured(shown.picture, random), shown.mask, maps, [None, None], clicked=True)
    if kind > 0.27 or random.random() < 0.25:
        made.click(shown.mask, random=random, positive=True)
        if random.random() < MANY:
            _click_more(made, random)
    return made


def _click_more(made: SegmenterSample, random: np.random.Generator) -> None:
    """Add up to ten clicks at random places (RITM, section 3): on the object, near it, and anywhere beside it."""
    near = cv2.dilate(made.truth.astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    places = (made.truth, near & ~made.truth, ~made.truth)
    for kind in random.choice(3, size=random.integers(1, 11), p=(0.5, 0.35, 0.15)):
        inner = depths(places[kind])
        ys, xs = np.nonzero(inner >= min(2.0, float(inner.max())))
        if inner.any():
            k = random.integers(len(ys))
            made.put(int(xs[k]), int(ys[k]), positive=kind == 0)


def _pasted(pictures: LabelledPictures, shown: Cutout, random: np.random.Generator) -> Cutout:
    """Return the cutout with something in front of it, or with the object in front of another picture."""
    size = len(shown.mask)
    other = pictures.cutout(random, size)
    if random.random() < 0.65:
        front = _in_front(other, random)
        left = shown.mask & ~front.mask
        if left.sum() < 0.25 * shown.mask.sum():
            return shown
        return Cutout(_over(shown.picture, front, random), left)
    return Cutout(_over(other.picture, shown, random), shown.mask)


def _in_front(other: Cutout, random: np.random.Generator) -> Cutout:
    """Return a shifted object, or branches and poles filled with the other picture."""
    size = len(other.mask)
    if random.random() < 0.7:
        return _shifted(other, random.integers(-size // 2, size // 2, 2))
    drawn = np.zeros((size, size), np.uint8)
    for _ in range(random.integers(1, 5)):
        start, way = random.uniform(0, size, 2), random.normal(size=2)
        way = np.array([0.15, 1.0]) * way if random.random() < 0.6 else way
        way *= 1.5 * size / max(1e-3, float(np.hypot(*way)))
        bends = start + np.linspace(-1, 1, 5)[:, None] * way + random.normal(size=(5, 2)) * 0.03 * size
        cv2.polylines(drawn, [bends.astype(np.int32)], False, 1, int(random.uniform(0.01, 0.09) * size) + 1)
    return Cutout(other.picture, drawn > 0)


def _shifted(shown: Cutout, by: npt.NDArray[np.int_]) -> Cutout:
    return _moved(shown, np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float64), None)


def _over(behind: Picture, front: Cutout, random: np.random.Generator) -> Picture:
    alpha = cv2.GaussianBlur(front.mask.astype(np.float32), (0, 0), random.uniform(0.4, 1.2))[..., None]
    return (front.picture * alpha + behind * (1 - alpha)).astype(np.uint8)


def _recoloured(picture: Picture, random: np.random.Generator, strength: float = 1.0) -> Picture:
    shown = picture.astype(np.float32)
    if random.random() < 0.7:
        shown = shown * (1 + strength * random.uniform(-0.3, 0.3)) + strength * random.uniform(-25, 25)
    if random.random() < 0.5:
        shown = shown * (1 + strength * random.uniform(-0.15, 0.15, 3).astype(np.float32))
    if strength == 1.0 and random.random() < 0.08:
        shown = np.repeat(shown.mean(2, keepdims=True), 3, 2)
    if random.random() < 0.2:
        shown = np.asarray(cv2.GaussianBlur(shown, (0, 0), random.uniform(0.5, 2)), np.float32)
    return np.clip(shown, 0, 255).astype(np.uint8)


def _to_follow(pictures: LabelledPictures, random: np.random.Generator, size: int) -> SegmenterSample:
    """Return a reference frame, perhaps a recent one, and the frame to segment, all made from one cutout."""
    clip = _Scene(pictures, random, size)
    sure, recent, now = clip.frame(0.0), clip.frame(random.uniform(0.5, 0.95)), clip.frame(1.0)
    maps = np.zeros((4, size, size), np.float32)
    kind = random.random()
    if kind < 0.8:
        maps[2] = deformed(clip.whole if random.random() < 0.6 or not now.mask.any() else now.mask, random)
        if kind > 0.72:  # wrong flow
            away = random.normal(size=2) * 0.4 * np.sqrt(now.mask.sum())
            maps[2] = cv2.warpAffine(maps[2], np.array([[1, 0, away[0]], [0, 1, away[1]]]), (size, size))
    alone = kind < 0.15
    references: list[Cutout | None] = [None if alone else sure, None]
    if random.random() < 0.5 or (kind >= 0.8 and random.random() < 0.5):
        torn = deformed(recent.mask, random, 0.4) > 0.5
        references[1] = Cutout(recent.picture, torn)
    return SegmenterSample(
        now.picture, now.mask, maps, references, clicked=bool(now.mask.any()) and random.random() < 0.3
    )


class _Scene:
    """Layers that move between time 0 and 1: a scene or a background with the object on it, a twin, an occluder."""

    def __init__(self, pictures: LabelledPictures, random: np.random.Generator, size: int) -> None:
        self._random, self._size = random, size
        folder = pictures.folder(random)
        self._object = pictures.cutout(random, size, folder)
        self._behind = pictures.cutout(random, size) if random.random() < 0.6 else None
        self._paths = [self._path(strength) for strength in (1.0, 0.5, 1.0, 1.5)]
        twin = pictures.cutout(random, size, folder) if self._behind and random.random() < 0.45 else None
        self._twin = twin and _shifted(twin, random.integers(-size // 2, size // 2, 2))
        occluder = pictures.cutout(random, size) if random.random() < 0.4 else None
        self._occluder = occluder and _in_front(occluder, random)
        self._hidden = bool(self._behind) and random.random() < 0.12
        self._object = Cutout(_recoloured(self._object.picture, random), self._object.mask)
        self.whole: Mask = self._object.mask
        """The whole object, hidden part included, in the last frame."""

    def _path(self, strength: float) -> tuple[Map, Map | None]:
        """Return the layer's motion to time 1: turn, growth, shift as a (4,) vector, and a smooth deformation (S,
        S, 2).
        """
        size, random = self._size, self._random
        extent = np.sqrt(max(1, self._object.mask.sum()))
        strength *= 1.7 if random.random() < 0.25 else 1.0
        step = np.array(
            [random.uniform(-18, 18), np.log(random.uniform(0.78, 1.28)), *(random.uniform(-0.35, 0.35, 2) * extent)]
        )
        bend = None
        if random.random() < 0.7:
            coarse = random.normal(size=(5, 5, 2)).astype(np.float32) * random.uniform(0, 0.06) * extent
            bend = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        return (strength * step).astype(np.float32), bend

    def _at(self, layer: Cutout, path: int, time: float) -> Cutout:
        if time == 0:
            return layer
        step, bend = self._paths[path]
        turn, growth, across, down = (float(v) * time for v in step)
        ys, xs = np.nonzero(self._object.mask)
        centre = (float(xs.mean()), float(ys.mean()))
        matrix = np.asarray(cv2.getRotationMatrix2D(centre, turn, float(np.exp(growth))), np.float64)
        matrix[:, 2] += across, down
        return _moved(layer, matrix, None if bend is None else bend * time)

    def frame(self, time: float) -> Cutout:
        """Return the picture at a time, and the object's modal mask."""
        random = self._random
        front = self._at(self._object, 0, time)
        self.whole = front.mask
        seen = front.mask
        if self._behind is None:
            picture = front.picture
        else:
            picture = self._at(self._behind, 1, time).picture
            if self._twin is not None:
                picture = _over(picture, self._at(self._twin, 2, time), random)
            if self._hidden and time == 1.0:
                seen = np.zeros_like(seen)
            else:
                picture = _over(picture, front, random)
        if self._occluder is not None and time > 0:
            cover = self._at(self._occluder, 3, time)
            if time == 1.0 or (seen & ~cover.mask).sum() > 0.3 * seen.sum():
                picture, seen = _over(picture, cover, random), seen & ~cover.mask
        if seen.sum() < 40:
            seen = np.zeros_like(seen)
        if random.random() < 0.12:
            picture = _blurred_by_motion(picture, random)
        return Cutout(_recoloured(picture, random, 0.35), seen)


def _moved(layer: Cutout, matrix: npt.NDArray[np.float64], bend: Map | None) -> Cutout:
    size = len(layer.mask)
    mask = layer.mask.astype(np.float32)
    if bend is None:
        picture = opencv.warp_affine(layer.picture, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        return Cutout(picture, cv2.warpAffine(mask, matrix, (size, size)) > 0.5)
    back = cv2.invertAffineTransform(matrix)
    xs, ys = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    x, y = xs + bend[..., 0], ys + bend[..., 1]
    across = (back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.float32)
    down = (back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.float32)
    picture = opencv.remap(layer.picture, across, down, border=cv2.BORDER_REPLICATE)
    return Cutout(picture, opencv.remap(mask, across, down) > 0.5)


def _blurred_by_motion(picture: Picture, random: np.random.Generator) -> Picture:
    length, turn = int(random.uniform(0.01, 0.05) * len(picture)) * 2 + 3, random.uniform(0, 180)
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1 / length
    turned = np.asarray(cv2.getRotationMatrix2D((length // 2, length // 2), turn, 1.0))
    kernel = opencv.warp_affine(line, turned, (length, length))
    return np.asarray(cv2.filter2D(picture, -1, kernel / np.float32(max(float(kernel.sum()), 1e-3))), np.uint8)


def deformed(mask: Mask, random: np.random.Generator, strength: float = 1.0) -> Map:
    """Return the mask moved, bent, eroded at the border, perhaps torn, as optical flow would warp it; 0 or 1."""
    size = len(mask)
    extent = max(8.0, float(np.sqrt(mask.sum())))
    centre = (size / 2, size / 2)
    turn, growth = strength * random.uniform(-8, 8), 1 + strength * random.uniform(-0.1, 0.1)
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, turn, growth), np.float64)
    matrix[:, 2] += strength * random.uniform(-0.1, 0.1, 2) * extent
    soft = cv2.warpAffine(mask.astype(np.float32), matrix, (size, size))
    noise = cv2.resize(random.normal(size=(9, 9)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    soft = soft + noise * strength * random.uniform(0, 0.45)
    found = (cv2.GaussianBlur(soft, (0, 0), random.uniform(0.5, 4.0) * size / 224) > 0.5).astype(np.uint8)
    if random.random() < 0.4 * strength:
        spots = np.argwhere(found) if found.any() and random.random() < 0.5 else random.integers(0, size, (1, 2))
        y, x = spots[random.integers(len(spots))]
        radius = int(extent * random.uniform(0.1, 0.4))
        cv2.circle(found, (int(x), int(y)), radius, int(random.random() < 0.4), -1)
    return found.astype(np.float32)


def _box(channel: Map, mask: Mask, random: np.random.Generator) -> None:
    ys, xs = np.nonzero(mask)
    extent = max(np.ptp(xs), np.ptp(ys)) + 1
    corners = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) + random.normal(size=4) * 0.025 * extent
    left, top, right, bottom = np.clip(np.round(corners), 0, len(mask)).astype(int)
    channel[top:bottom, left:right] = 1.0


def depths(error: Mask) -> Map:
    """Return (H, W) each pixel's distance in pixels to the nearest pixel without an error, or to the picture's edge."""
    distances = cv2.distanceTransform(np.pad(error, 1).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distances[1:-1, 1:-1], np.float32)
