"""A picture cut into about a thousand small regions, and how well neighbours and look-alikes hold together."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.motion import CHANNELS
from vas_tool.types import Frame, Mask

Floats = npt.NDArray[np.float32]

GRID = 11
"""Pixels between the seeds that regions grow from."""

EDGE_GRADIENT = 120.0
EDGE_COLOUR = 20.0
EDGE_MOTION = 0.5
"""Colour gradient and colour difference (CIE Lab, 8 bit) and difference of motion at which two neighbours hold together
1/e as well."""

MOTION_EDGE = 25.0
"""Colour gradient that a border between what changes and what does not is worth."""

LOOK_ALIKES = 8
"""Regions of the most similar colours that each region is tied to, wherever they are."""

TIE = 0.15
"""How strong those ties are beside those of neighbours."""

CERTAIN = 100.0
"""Weight of a click."""

PRECISION, MOST_STEPS, TINY = 1e-5, 400, 1e-30
"""Of the conjugate gradients: what may be left of the error, relative to the first; nothing is divided by less."""


@dataclass(frozen=True)
class RegionGraph:
    """Regions of one frame."""

    labels: npt.NDArray[np.int32]
    """(h, w): region of each pixel, from 0."""
    sizes: Floats
    """(n,): pixels a region."""
    weights: Floats
    """(n, n): how well two regions hold together."""
    border: Floats
    """(n,): 1 where a region touches the picture's border."""
    lab: Floats
    """(h, w, 3): smoothed CIE Lab colours, 8 bit scale."""
    motion: Floats
    """(h, w, channels): see ``motion``."""
    edge_rank: Floats
    """(h, w): 0..1, the share of pixels with a weaker gradient."""

    def mean(self, values: npt.NDArray[np.generic]) -> Floats:
        """(n,): mean of an (h, w) picture over each region."""
        total = np.bincount(self.labels.ravel(), values.ravel().astype(np.float32), minlength=len(self.sizes))
        return (total / self.sizes).astype(np.float32)

    def harmonic(self, values: Floats, weights: Floats) -> Floats:
        """(n, fields): the smoothest values that stay near the given ones where those weigh something.

        A random walker (Grady 2006) with priors: one symmetric linear system a field, all solved at once by conjugate
        gradients: about a thousandth off a direct solution, which takes five times as long and more.
        """
        own = self.weights.sum(axis=1, keepdims=True) + weights
        found, rest = np.zeros_like(own), values * weights
        toward = rest / own
        left = first = (rest * toward).sum(axis=0)
        for _ in range(MOST_STEPS):
            if (left <= PRECISION**2 * first).all():
                break
            through = own * toward - self.weights @ toward
            step = left / np.maximum((toward * through).sum(axis=0), TINY)
            found += step * toward
            rest = rest - step * through
            before, left = left, (rest * rest / own).sum(axis=0)
            toward = rest / own + left / np.maximum(before, TINY) * toward
        return found

    def picture(self, values: Floats) -> Floats:
        """(h, w): each pixel with its region's value."""
        return values[self.labels]


def cut(frame: Frame, motion: Floats) -> RegionGraph:
    """The regions of an (h, w, 3) RGB frame, by watershed from a grid of seeds that avoid edges.

    ``motion``: (h, w, channels) of ``motion``; where it changes is an edge, too.
    """
    smooth = cv2.bilateralFilter(frame, 5, 25, 3)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32)
    gradient = np.max([_gradient(lab[..., c]) for c in range(3)], axis=0)
    gradient = np.maximum(gradient, MOTION_EDGE * _gradient(motion[..., CHANNELS.index("change of colour")]))
    labels = _flooded(gradient, _seeds(gradient), lab)
    count = int(labels.max()) + 1
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count), 1).astype(np.float32)
    colours, moves = _region_means(lab, labels, sizes), _region_means(motion, labels, sizes)
    weights = _neighbours(labels, gradient, colours=colours, moves=moves)
    weights += TIE * _look_alikes(lab, labels, colours=colours)
    edge = np.zeros(labels.shape, bool)
    edge[:2] = edge[-2:] = edge[:, :2] = edge[:, -2:] = True
    border = (np.bincount(labels.ravel(), edge.ravel(), minlength=count) > 0).astype(np.float32)
    return RegionGraph(labels, sizes, weights, border, lab, motion, _ranked(gradient))


def _gradient(channel: Floats) -> Floats:
    return np.hypot(cv2.Sobel(channel, cv2.CV_32F, 1, 0), cv2.Sobel(channel, cv2.CV_32F, 0, 1))


def _seeds(gradient: Floats) -> npt.NDArray[np.int32]:
    """One marker a grid cell, on its flattest spot."""
    markers = np.zeros(gradient.shape, np.int32)
    height, width = gradient.shape
    number = 0
    for y in range(GRID // 2, height, GRID):
        for x in range(GRID // 2, width, GRID):
            y0, x0 = max(0, y - 3), max(0, x - 3)
            window = gradient[y0 : y + 4, x0 : x + 4]
            row, column = np.unravel_index(int(window.argmin()), window.shape)
            number += 1
            markers[y0 + row, x0 + column] = number
    return markers if number else np.ones(gradient.shape, np.int32)


def _flooded(gradient: Floats, markers: npt.NDArray[np.int32], lab: Floats) -> npt.NDArray[np.int32]:
    relief = cv2.merge([np.clip(gradient / 2, 0, 255).astype(np.uint8)] * 3)
    # watershed gives the picture's border no region, not even at a seed; of a tiny picture that would leave nothing
    labels = np.maximum(cv2.watershed(relief, markers.copy()), markers)
    while (labels <= 0).any():
        labels = _lines_given(labels, lab)
    return np.asarray(labels - 1, np.int32)


def _lines_given(labels: npt.NDArray[np.int32], lab: Floats) -> npt.NDArray[np.int32]:
    """Each pixel on a line between regions goes to the one beside it whose colour there is most like its own."""
    height, width = labels.shape
    rows, columns = np.nonzero(labels <= 0)
    steps = np.array([(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right])
    beside = np.clip(rows + steps[:, :1], 0, height - 1), np.clip(columns + steps[:, 1:], 0, width - 1)
    apart = ((lab[beside] - lab[rows, columns]) ** 2).sum(axis=-1)
    nearest = np.where(labels[beside] > 0, apart, np.inf).argmin(axis=0)
    out = labels.copy()
    out[rows, columns] = np.maximum(labels[beside][nearest, np.arange(len(rows))], 0)
    return out


def _region_means(picture: Floats, labels: npt.NDArray[np.int32], sizes: Floats) -> Floats:
    """(n, channels) of an (h, w, channels) picture."""
    flat = labels.ravel()
    channels = [picture[..., c].ravel() for c in range(picture.shape[2])]
    return np.stack([np.bincount(flat, c, minlength=len(sizes)) / sizes for c in channels], axis=1).astype(np.float32)


def _neighbours(labels: npt.NDArray[np.int32], gradient: Floats, *, colours: Floats, moves: Floats) -> Floats:
    """(n, n): the length of the common border, less where an edge runs along it."""
    count = len(colours)
    first = np.r_[labels[:, :-1].ravel(), labels[:-1].ravel()].astype(np.int64)
    second = np.r_[labels[:, 1:].ravel(), labels[1:].ravel()].astype(np.int64)
    across = np.r_[
        np.maximum(gradient[:, :-1], gradient[:, 1:]).ravel(), np.maximum(gradient[:-1], gradient[1:]).ravel()
    ]
    differ = first != second
    pairs = np.minimum(first, second)[differ] * count + np.maximum(first, second)[differ]
    unique, where = np.unique(pairs, return_inverse=True)
    length = np.bincount(where)
    strength = np.bincount(where, across[differ]) / length
    one, other = unique // count, unique % count
    apart = np.linalg.norm(colours[one] - colours[other], axis=1) / EDGE_COLOUR
    apart += np.linalg.norm(moves[one] - moves[other], axis=1) / EDGE_MOTION
    held = length / GRID * np.exp(-strength / EDGE_GRADIENT - apart) + 1e-3
    weights = np.zeros((count, count), np.float32)
    weights[one, other] = weights[other, one] = held
    return weights


def _look_alikes(lab: Floats, labels: npt.NDArray[np.int32], *, colours: Floats) -> Floats:
    """(n, n): ties between regions of similar colour, texture and surroundings."""
    height, width = labels.shape
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=len(colours)), 1).astype(np.float32)
    spread = np.sqrt(np.maximum(_region_means(lab**2, labels, sizes) - colours**2, 0))
    around = _region_means(cv2.GaussianBlur(lab, (0, 0), 8), labels, sizes)
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    place = _region_means(np.dstack([columns, rows, rows]), labels, sizes)[:, :2]
    traits = np.c_[colours / (12, 8, 8), spread / (10, 8, 8), around / (25, 14, 14), place * 3].astype(np.float32)
    norms = (traits**2).sum(axis=1)
    distance = np.maximum(norms[:, None] + norms[None] - 2 * traits @ traits.T, 0)
    np.fill_diagonal(distance, np.inf)
    ties = np.zeros_like(distance)
    count = min(LOOK_ALIKES, len(traits) - 1)
    if count > 0:
        nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
        rows_ = np.arange(len(traits))[:, None]
        ties[rows_, nearest] = np.exp(-distance[rows_, nearest] / 2)
    return np.maximum(ties, ties.T)


def _ranked(gradient: Floats) -> Floats:
    smooth = cv2.GaussianBlur(gradient, (0, 0), 0.7)
    sample = np.sort(smooth.ravel()[::7])
    rank = (np.searchsorted(sample, smooth) / len(sample)).astype(np.float32)
    return cv2.dilate(rank, np.ones((3, 3)))


def disk(shape: tuple[int, ...], centre_xy: tuple[float, float], radius: int) -> Mask:
    """(h, w) bool: a filled circle."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.circle(canvas, (round(centre_xy[0]), round(centre_xy[1])), radius, 1, cv2.FILLED)
    return canvas > 0


def depth_inside(mask: Mask) -> Floats:
    """(h, w): distance of each True pixel from the nearest False one; the picture's border counts as False."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
