"""Reads TAO-Amodal's evaluation file and a list of predictions into columns. Wrong records are listed by id.

truth        validation_lvis_v1.json: images (neg_category_ids, not_exhaustive_category_ids), videos (the same),
             categories (frequency, merged), annotations (bbox or amodal_bbox, visibility, out_of_frame, track_id)
predictions  [{image_id, category_id, bbox [x, y, w, h] (amodal), score, track_id, video_id}, ...]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.tao_boxes.columns import AnsweredBoxes, ImageTable, TrueBoxes
from vas_tool.evaluation.tao_boxes.matching import Ints
from vas_tool.formats.coco_fields import is_extent, is_id, is_integer, is_number, is_rate
from vas_tool.formats.json_files import load_json

LISTS = ("videos", "images", "annotations", "categories")
Pairs = frozenset[tuple[int, int]]
Row = tuple[Any, ...]


@dataclass
class Numbers:
    """Numbers ids from 0, in the order of the ids."""

    images: dict[Any, int]
    videos: dict[Any, int]
    categories: dict[Any, int]
    """Category id -> number. A category that was merged into another has the number of the other."""
    video_of: Ints


@dataclass
class BoxTruth:
    """The content of an evaluation file."""

    image_table: ImageTable
    boxes: TrueBoxes
    numbers: Numbers
    problems: list[Problem] = field(default_factory=list)


def read_truth(path: Path) -> BoxTruth:
    """Read the evaluation file; ``problems`` lists wrong records. Raises FormatError when it is unreadable or lacks a
    list.
    """
    data = load_json(path, allow_nan=True)
    if not isinstance(data, dict) or not all(isinstance(data.get(name), list) for name in LISTS):
        raise FormatError(f"{path} lacks one of {', '.join(LISTS)}; name validation_lvis_v1.json of TAO-Amodal")
    numbers, problems = _numbers(data), list[Problem]()
    tracks = _TrackNumbers()
    rows = _rows(data["annotations"], lambda r: _true_row(r, numbers, tracks), _RecordProblems("annotation", problems))
    image_table = _image_table(data, numbers)
    columns = list(zip(*rows, strict=True)) or [()] * 6
    image, category, track = (np.array(column, np.int64) for column in columns[:3])
    boxes = TrueBoxes(
        image,
        category,
        track,
        box=np.array(columns[3], float).reshape(-1, 4),
        visibility=np.array(columns[4], float),
        out_of_frame=np.array(columns[5], bool),
    )
    return BoxTruth(image_table, boxes, numbers, problems)


def read_answers(path: Path, truth: BoxTruth) -> tuple[AnsweredBoxes, list[Problem]]:
    """Return the answers of a file, and its problems. Raises FormatError when it is no list or no record is usable."""
    data = load_json(path, allow_nan=True)
    if not isinstance(data, list):
        raise FormatError(f"{path} is no list of predictions; see vas-tool export --format tao-amodal")
    problems, tracks = list[Problem](), _TrackNumbers()
    rows = _rows(data, lambda r: _answered_row(r, truth.numbers, tracks), _RecordProblems("prediction", problems))
    if problems and not rows:
        raise FormatError(f"{path} holds no prediction of use for this truth; the first problem: {problems[0]}")
    columns = list(zip(*rows, strict=True)) or [()] * 5
    image, category, track = (np.array(column, np.int64) for column in columns[:3])
    answers = AnsweredBoxes(
        image,
        category,
        track,
        box=np.array(columns[3], float).reshape(-1, 4),
        score=np.array(columns[4], float),
    )
    return answers, problems


class _TrackNumbers:
    """Numbers tracks. A track id that several videos use is a different track in each; a track has one category."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, Any], int] = {}
        self._categories: dict[int, int] = {}

    def number(self, video: int, track_id: Any, category: int) -> int:
        number = self._numbers.setdefault((video, track_id), len(self._numbers))
        if self._categories.setdefault(number, category) != category:
            raise FormatError(f"track {track_id} has another category on another image; a track needs one")
        return number


@dataclass
class _RecordProblems:
    """Records of one kind by id, and their problems."""

    kind: str
    problems: list[Problem]

    def add(self, record: Any, position: int, what: str) -> None:
        """Add a record under its id, or under its position if it has none."""
        known = record.get("id", f"at {position}") if isinstance(record, dict) else f"at {position}"
        self.problems.append(Problem(f"{self.kind} {known}", what, "bad record"))


def _rows(
    records: Iterable[Any], row_of: Callable[[Mapping[str, Any]], Row], found_problems: _RecordProblems
) -> list[Row]:
    rows = list[Row]()
    for position, record in enumerate(records):
        try:
            if not isinstance(record, dict):
                raise FormatError(f"it is {type(record).__name__}, not a record")
            rows.append(row_of(record))
        except FormatError as error:
            found_problems.add(record, position, str(error))
    return rows


def _true_row(record: Mapping[str, Any], numbers: Numbers, tracks: _TrackNumbers) -> Row:
    image, category, track = _places(record, numbers, tracks)
    box = record.get("amodal_bbox", record.get("bbox"))
    visibility = record.get("visibility", 1.0)
    if not is_extent(box):
        raise FormatError(f"its box is {box}; it needs x, y, width, height, the last two above 0")
    if not is_rate(visibility):
        raise FormatError(f"its visibility is {visibility!r}; it needs a number from 0 to 1")
    return image, category, track, box, visibility, bool(record.get("out_of_frame", False))


def _answered_row(record: Mapping[str, Any], numbers: Numbers, tracks: _TrackNumbers) -> Row:
    image, category, track = _places(record, numbers, tracks)
    if not is_extent(record.get("bbox")):
        raise FormatError(f"its bbox is {record.get('bbox')}; it needs x, y, width, height, the last two above 0")
    if not is_number(record.get("score")):
        raise FormatError(f"its score is {record.get('score')!r}; it needs a number")
    return image, category, track, record["bbox"], record["score"]


def _places(record: Mapping[str, Any], numbers: Numbers, tracks: _TrackNumbers) -> tuple[int, int, int]:
    """Return the numbers of the image, category and track; -1 for no track."""
    image_id, category_id, track_id = (record.get(key) for key in ("image_id", "category_id", "track_id"))
    if not is_id(image_id) or image_id not in numbers.images:
        raise FormatError(f"its image_id {image_id!r} is not among the truth's images")
    if not is_integer(category_id) or category_id not in numbers.categories:
        raise FormatError(f"its category_id {category_id!r} is not among the truth's categories")
    image, category = numbers.images[image_id], numbers.categories[category_id]
    if not is_id(track_id):
        return image, category, -1
    return image, category, tracks.number(int(numbers.video_of[image]), track_id, category)


def _numbers(data: Mapping[str, Any]) -> Numbers:
    try:
        images = {image["id"]: image["video_id"] for image in data["images"]}
        videos = _numbered(video["id"] for video in data["videos"])
        names = _numbered(category["id"] for category in data["categories"])
        merged = {m["id"]: names[c["id"]] for c in data["categories"] for m in c.get("merged") or ()}
        ordered = _numbered(images)
        video_of = np.array([videos[images[image_id]] for image_id in ordered], np.int64)
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"an image, video or category lacks an id that it needs, or names none that is there ({error!r})"
        ) from error
    return Numbers(ordered, videos, merged | names, video_of)


def _numbered(ids: Iterable[Any]) -> dict[Any, int]:
    found = set(ids)
    return {known: number for number, known in enumerate(sorted(found, key=lambda i: (isinstance(i, str), i)))}


def _image_table(data: Mapping[str, Any], numbers: Numbers) -> ImageTable:
    own = {category["id"]: category for category in data["categories"]}
    ids = sorted(own, key=lambda i: numbers.categories[i])
    listed: dict[str, Pairs] = {}
    for key in ("neg_category_ids", "not_exhaustive_category_ids"):
        for name, places in (("images", numbers.images), ("videos", numbers.videos)):
            listed[f"{name} {key}"] = _pairs(data[name], key, places=places, categories=numbers.categories)
    listed = _from_videos(listed, numbers)
    return ImageTable(
        num_images=len(numbers.images),
        video_of=numbers.video_of,
        num_videos=len(numbers.videos),
        category_ids=tuple(ids),
        frequency=np.array([str(own[i].get("frequency", "")) for i in ids]),
        absent=listed["images neg_category_ids"],
        not_exhaustive=listed["images not_exhaustive_category_ids"],
        video_absent=listed["videos neg_category_ids"],
        video_not_exhaustive=listed["videos not_exhaustive_category_ids"],
    )


def _pairs(records: Iterable[Any], key: str, *, places: Mapping[Any, int], categories: Mapping[Any, int]) -> Pairs:
    return frozenset(
        (places[record["id"]], categories[category_id])
        for record in records
        for category_id in record.get(key) or ()
        if category_id in categories
    )


def _from_videos(listed: dict[str, Pairs], numbers: Numbers) -> dict[str, Pairs]:
    """Return lists that TAO states per video as lists per image."""
    images_of = defaultdict(list)
    for image, video in enumerate(numbers.video_of.tolist()):
        images_of[video].append(image)
    for key in ("neg_category_ids", "not_exhaustive_category_ids"):
        if not listed[f"images {key}"]:
            listed_categories = listed[f"videos {key}"]
            listed[f"images {key}"] = frozenset(
                (image, c) for video, c in listed_categories for image in images_of[video]
            )
    return listed
