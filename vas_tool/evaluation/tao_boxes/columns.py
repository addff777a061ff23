"""Holds boxes of truth and answers as columns of numbers, so that 330,000 boxes need little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vas_tool.evaluation.tao_boxes.matching import Bools, Doubles, Ints

MOST_AN_IMAGE = 300
"""Most answers per image. Those with the highest scores are kept."""


@dataclass(frozen=True)
class Boxes:
    """N boxes as columns. Images, categories, tracks and videos are numbered from 0."""

    image: Ints
    """(N,) image of each box."""
    category: Ints
    """(N,) category of each box."""
    track: Ints
    """(N,) track of each box; -1 without a track. A track is in one video and has one category."""
    box: Doubles
    """(N, 4) x, y, width, height in pixels; may lie outside the picture."""

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class TrueBoxes(Boxes):
    """The annotated boxes."""

    visibility: Doubles
    """(N,) visibility, 0..1."""
    out_of_frame: Bools


@dataclass(frozen=True)
class AnsweredBoxes(Boxes):
    """The predicted boxes."""

    score: Doubles
    """(N,) score of each box."""

    def taken(self, rows: Ints | Bools) -> AnsweredBoxes:
        """Return some of the rows."""
        return AnsweredBoxes(
            self.image[rows], self.category[rows], self.track[rows], box=self.box[rows], score=self.score[rows]
        )


@dataclass(frozen=True)
class ImageTable:
    """The videos and categories of images by number, and which categories each image was searched for."""

    num_images: int
    video_of: Ints
    """(images,) video of each image."""
    num_videos: int
    category_ids: tuple[int, ...]
    frequency: npt.NDArray[np.str_]
    """(categories,) frequency in LVIS, r, c or f; empty where the file does not state it."""
    absent: frozenset[tuple[int, int]]
    """(image, category) pairs: the category was searched for and is not in the image."""
    not_exhaustive: frozenset[tuple[int, int]]
    """(image, category) pairs: not all objects of the category are annotated in the image."""
    video_absent: frozenset[tuple[int, int]]
    video_not_exhaustive: frozenset[tuple[int, int]]

    @property
    def num_categories(self) -> int:
        """Number of categories."""
        return len(self.category_ids)


def most_certain(answers: AnsweredBoxes) -> AnsweredBoxes:
    """Return at most ``MOST_AN_IMAGE`` answers per image, sorted by image; of equal scores the first ones."""
    order = np.lexsort((np.arange(len(answers)), -answers.score, answers.image))
    images = answers.image[order]
    starts = np.searchsorted(images, images)
    return answers.taken(order[np.arange(len(order)) - starts < MOST_AN_IMAGE])


def keys_of(pairs: frozenset[tuple[int, int]], num_categories: int) -> Ints:
    """Return (image or video, category) pairs as sorted numbers."""
    return np.array(sorted(place * num_categories + category for place, category in pairs), np.int64)


def among(keys: Ints, known: Ints) -> Bools:
    """Return which of the keys are in the sorted ``known`` keys."""
    if not known.size:
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys)
