"""Checks one exported file for ``verify``, and defines the report."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vas_tool.errors import FormatError
from vas_tool.formats.burst import check_burst
from vas_tool.formats.coco_checks import check_coco
from vas_tool.formats.json_files import load_json
from vas_tool.formats.polygon_checks import check_cocoa, check_kins
from vas_tool.formats.sample_reading import is_samples, samples_of
from vas_tool.formats.tao_predictions import check_predictions, is_predictions
from vas_tool.formats.tao_reading import is_tao_amodal, tao_amodal_of
from vas_tool.formats.video_checks import check_youtube_vis

FormatKind = Literal[
    "coco",
    "kins",
    "cocoa",
    "youtube-vis",
    "burst",
    "hf-dataset",
    "diffusion-vas",
    "tao-amodal predictions",
    "tao-amodal annotations",
    "sequences",
    "tabe",
    "layers",
    "exr",
    "openraster",
    "psd",
    "prores",
    "webm",
    "gen-omnimatte",
    "sv4d",
    "scene",
    "project",
    "several",
    "unknown",
]

EMPTY = "the file holds an empty list, no sample and no prediction; track, complete or accept more, and export it again"


@dataclass(frozen=True)
class VerifyReport:
    """The result of checking an export. The counts cover what could be read."""

    path: Path
    kind: FormatKind
    num_images: int
    """Number of frames that the export names or shows."""
    num_annotations: int
    """Number of objects on frames; for folders the number of masks, for ``layers`` and ``sv4d`` of pictures."""
    problems: tuple[str, ...]
    """One sentence for each problem, which names the record or the file. Empty when everything is right."""
    kinds: tuple[FormatKind, ...] = ()
    """All formats of a folder with exports of several formats."""

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def unknown(path: Path, problem: str) -> VerifyReport:
    """Return the report with one problem on a path whose format is unknown."""
    return VerifyReport(path, "unknown", num_images=0, num_annotations=0, problems=(problem,))


def verify_file(path: Path) -> VerifyReport:
    """Check a JSON file. The format is recognised from the content."""
    try:
        data = load_json(path)
    except FormatError as error:
        return unknown(path, str(error))
    return _checked_file(path, data)


def _checked_file(path: Path, data: Any) -> VerifyReport:
    kind = _kind_of(data)
    problems = tuple(_CHECKS[kind](path, data))
    images, annotations = _counts(kind, data)
    return VerifyReport(path, kind, num_images=images, num_annotations=annotations, problems=problems)


def _kind_of(data: Any) -> FormatKind:
    """Return the format that ``info.format`` states, else the format that the records look like."""
    if data == []:
        return "unknown"
    if is_predictions(data):
        return "tao-amodal predictions"
    if is_samples(data):
        return "diffusion-vas"
    info = data.get("info") if isinstance(data, dict) else None
    stated = info.get("format") if isinstance(info, dict) else None
    return stated if stated in _OF_LISTS else _kind_of_records(data)


def _kind_of_records(data: Any) -> FormatKind:
    if is_tao_amodal(data):
        return "tao-amodal annotations"
    if isinstance(data, dict) and "sequences" in data:
        return "burst"
    items = data.get("annotations") if isinstance(data, dict) else None
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    if "segmentations" in first:
        return "youtube-vis"
    if "regions" in first:
        return "cocoa"
    polygons = isinstance(first.get("segmentation"), list) and "inmodal_seg" in first
    return "kins" if polygons else "coco"


def _counts(kind: FormatKind, data: Any) -> tuple[int, int]:
    """Return the number of images, and of objects on them."""
    if isinstance(data, list):
        ids = {str(i.get("image_id")) for i in data if isinstance(i, dict)}
        names = {str(n) for i in data for n in (_names(i) if kind == "diffusion-vas" else ())}
        frames = sum(len(_names(i)) for i in data) if kind == "diffusion-vas" else len(data)
        return len(names) if kind == "diffusion-vas" else len(ids), frames
    if kind == "youtube-vis":
        images = sum(_length(video, "file_names") for video in _items(data, "videos"))
        masks = (m for track in _items(data, "annotations") for m in _items(track, "segmentations"))
        return images, sum(m is not None for m in masks)
    if kind == "burst":
        sequences = _items(data, "sequences")
        tracks = (here for s in sequences for here in _items(s, "amodal_segmentations") if isinstance(here, dict))
        return sum(_length(s, "annotated_image_paths") for s in sequences), sum(map(len, tracks))
    if kind == "cocoa":
        return _length(data, "images"), sum(_length(item, "regions") for item in _items(data, "annotations"))
    return _length(data, "images"), _length(data, "annotations")


def _names(sample: Any) -> list[Any]:
    return _items(sample, "image_file_names") or _items(sample, "file_names")


def _items(data: Any, key: str) -> list[Any]:
    items = data.get(key) if isinstance(data, dict) else None
    return items if isinstance(items, list) else []


def _length(data: Any, key: str) -> int:
    return len(_items(data, key))


def _load_with_pycocotools(path: Path, data: Any) -> list[str]:
    """Load the file with pycocotools, which most tools use, and return problems: errors, and records it does not
    find.
    """
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
            loaded = COCO(str(path))
            found = len(loaded.getImgIds()), len(loaded.getAnnIds())
    except Exception as error:  # any error here will also occur in other tools
        return [f"pycocotools does not load it ({type(error).__name__}: {error})"]
    there = _length(data, "images"), _length(data, "annotations")
    if found != there:
        return [f"pycocotools finds {found[0]} images and {found[1]} annotations; {there[0]} and {there[1]} are there"]
    return []


_CHECKS: dict[FormatKind, Callable[[Path, Any], list[str]]] = {
    "coco": lambda path, data: check_coco(data) + _load_with_pycocotools(path, data),
    "kins": lambda path, data: check_kins(data) + _load_with_pycocotools(path, data),
    "cocoa": lambda path, data: check_cocoa(data),
    "youtube-vis": lambda path, data: check_youtube_vis(data),
    "burst": lambda path, data: check_burst(data),
    "diffusion-vas": lambda path, data: list(samples_of(data, path).problems),
    "tao-amodal predictions": lambda path, data: check_predictions(data),
    "tao-amodal annotations": lambda path, data: _check_tao_amodal(path, data),
    "unknown": lambda path, data: [EMPTY],
}

_OF_LISTS: tuple[FormatKind, ...] = ("coco", "kins", "cocoa", "youtube-vis", "burst", "tao-amodal annotations")
"""Formats of files with lists. Exports of this tool state theirs in ``info.format``."""


def _check_tao_amodal(path: Path, data: Any) -> list[str]:
    try:
        return list(tao_amodal_of(data, path).problems)
    except FormatError as error:
        return [str(error)]


def verify_export(path: Path) -> VerifyReport | None:
    """Return the report on a JSON file that is an export or a damaged one; None for other JSON files."""
    try:
        data = load_json(path)
    except FormatError as error:
        return unknown(path, str(error))
    lists = isinstance(data, dict) and {"images", "annotations"} <= data.keys()
    known = lists or _kind_of(data) not in ("coco", "unknown")
    return _checked_file(path, data) if known else None
