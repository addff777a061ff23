"""Boxes of truth and answers as columns of numbers: a third of a million of them in little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vas_tool.evaluation.tao_boxes.matching import Bools, Doubles, Ints

MOST_AN_IMAGE = 300
"""Answers, those of the highest scores."""


@dataclass(frozen=True)
class Boxes:
    """Rows of boxes; images, categories, tracks and videos are numbers from 0."""

    image: Ints
    category: Ints
    track: Ints
    """A track is of one video and one category; -1: none is said."""
    box: Doubles
    """(N, 4) x, y, width, height, in pixels; may lie outside the picture."""

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class TrueBoxes(Boxes):
    """What is annotated."""

    visibility: Doubles
    """0..1."""
    out_of_frame: Bools


@dataclass(frozen=True)
class AnsweredBoxes(Boxes):
    """What was predicted."""

    score: Doubles

    def taken(self, rows: Ints | Bools) -> AnsweredBoxes:
        """Some of the rows."""
        return AnsweredBoxes(
            self.image[rows], self.category[rows], self.track[rows], box=self.box[rows], score=self.score[rows]
        )


@dataclass(frozen=True)
class World:
    """Images, videos and categories, by number, and what is known of which category is where."""

    num_images: int
    video_of: Ints
    """(images,)."""
    num_videos: int
    category_ids: tuple[int, ...]
    category_names: tuple[str, ...]
    frequency: npt.NDArray[np.str_]
    """(categories,) r, c or f as LVIS says it; empty where the file does not."""
    absent: frozenset[tuple[int, int]]
    """(image, category) pairs that were looked for and are not there."""
    not_exhaustive: frozenset[tuple[int, int]]
    """(image, category) pairs of which there are more than are annotated."""
    video_absent: frozenset[tuple[int, int]]
    video_not_exhaustive: frozenset[tuple[int, int]]

    @property
    def num_categories(self) -> int:
        """How many there are."""
        return len(self.category_ids)


def most_certain(answers: AnsweredBoxes) -> AnsweredBoxes:
    """At most ``MOST_AN_IMAGE`` an image; of equal scores the first ones. Sorted by image."""
    order = np.lexsort((np.arange(len(answers)), -answers.score, answers.image))
    images = answers.image[order]
    starts = np.searchsorted(images, images)
    return answers.taken(order[np.arange(len(order)) - starts < MOST_AN_IMAGE])


def keys_of(pairs: frozenset[tuple[int, int]], num_categories: int) -> Ints:
    """(image or video, category) pairs as sorted numbers."""
    return np.array(sorted(place * num_categories + category for place, category in pairs), np.int64)


def among(keys: Ints, known: Ints) -> Bools:
    """Which of the keys are among the sorted known ones."""
    if not known.size:
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys)
