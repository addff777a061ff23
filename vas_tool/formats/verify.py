"""Reads an export back as another tool would, and lists everything that is wrong with it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vas_tool.errors import FormatError, InputError
from vas_tool.formats.coco_checks import check_coco
from vas_tool.formats.diffusion_vas import is_samples, samples_of
from vas_tool.formats.json_files import load_json
from vas_tool.formats.layers import check_layers, is_layers_folder, read_layers
from vas_tool.formats.polygon_checks import check_cocoa, check_kins
from vas_tool.formats.sequences import is_sequences_folder, odd_files, read_sequences
from vas_tool.formats.tabe import check_tabe, is_tabe_folder, read_tabe
from vas_tool.formats.tao_predictions import check_predictions, is_predictions
from vas_tool.formats.tao_reading import is_tao_amodal, tao_amodal_of
from vas_tool.formats.video_checks import check_youtube_vis
from vas_tool.formats.zips import is_zip, unpacked

FormatKind = Literal[
    "coco",
    "kins",
    "cocoa",
    "youtube-vis",
    "diffusion-vas",
    "tao-amodal predictions",
    "tao-amodal annotations",
    "sequences",
    "tabe",
    "layers",
    "several",
    "unknown",
]

EMPTY = "the file holds an empty list, no sample and no prediction; track, complete or accept more, and export it again"


@dataclass(frozen=True)
class VerifyReport:
    """What was found in an export. The counts are of what could be read."""

    path: Path
    kind: FormatKind
    num_images: int
    num_annotations: int
    """Objects on frames; of folders, masks (of layers, pictures)."""
    problems: tuple[str, ...]
    """Each names the record or the file, and what is wrong with it. Empty when everything is right."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(path: Path) -> VerifyReport:
    """Check an export of any format, a folder also as a .zip; which one it is shows in the file or folder itself.

    A folder that is no export itself is checked for all the exports in it.

    Every mask is decoded and compared with its image's size, its area, boxes and rates; ids and file names must be
    unique, references must exist, amodal masks must cover modal ones. Files in the shape of COCO are loaded with
    pycocotools. Every picture of a folder is decoded.
    Never raises for what is wrong with the file: that is in ``problems``, all of it.
    """
    if is_zip(path):
        return _verify_zip(path)
    return _verify_folder(path) if path.is_dir() else _verify_file(path)


def _unknown(path: Path, problem: str) -> VerifyReport:
    return VerifyReport(path, "unknown", num_images=0, num_annotations=0, problems=(problem,))


# --- files ----------------------------------------------------------------------------------------------------------


def _verify_file(path: Path) -> VerifyReport:
    try:
        data = load_json(path)
    except FormatError as error:
        return _unknown(path, str(error))
    return _checked_file(path, data)


def _checked_file(path: Path, data: Any) -> VerifyReport:
    kind = _kind_of(data)
    problems = tuple(_CHECKS[kind](path, data))
    images, annotations = _counts(kind, data)
    return VerifyReport(path, kind, num_images=images, num_annotations=annotations, problems=problems)


def _kind_of(data: Any) -> FormatKind:
    """What our exports say of themselves, else what the records look like."""
    if data == []:
        return "unknown"
    if is_predictions(data):
        return "tao-amodal predictions"
    if is_samples(data):
        return "diffusion-vas"
    info = data.get("info") if isinstance(data, dict) else None
    said = info.get("format") if isinstance(info, dict) else None
    return said if said in _OF_LISTS else _kind_of_records(data)


def _kind_of_records(data: Any) -> FormatKind:
    if is_tao_amodal(data):
        return "tao-amodal annotations"
    items = data.get("annotations") if isinstance(data, dict) else None
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    if "segmentations" in first:
        return "youtube-vis"
    if "regions" in first:
        return "cocoa"
    polygons = isinstance(first.get("segmentation"), list) and "inmodal_seg" in first
    return "kins" if polygons else "coco"


def _counts(kind: FormatKind, data: Any) -> tuple[int, int]:
    """Images, and objects on them."""
    if isinstance(data, list):
        ids = {str(i.get("image_id")) for i in data if isinstance(i, dict)}
        names = {str(n) for i in data for n in (_names(i) if kind == "diffusion-vas" else ())}
        frames = sum(len(_names(i)) for i in data) if kind == "diffusion-vas" else len(data)
        return len(names) if kind == "diffusion-vas" else len(ids), frames
    if kind == "youtube-vis":
        images = sum(_length(video, "file_names") for video in _items(data, "videos"))
        masks = (m for track in _items(data, "annotations") for m in _items(track, "segmentations"))
        return images, sum(m is not None for m in masks)
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
    """Whether the reader that most tools use takes the file, and finds in it what is there."""
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it talks
            loaded = COCO(str(path))
            found = len(loaded.getImgIds()), len(loaded.getAnnIds())
    except Exception as error:  # whatever it stumbles over is what others will stumble over
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
    "diffusion-vas": lambda path, data: list(samples_of(data, path).problems),
    "tao-amodal predictions": lambda path, data: check_predictions(data),
    "tao-amodal annotations": lambda path, data: _check_tao_amodal(path, data),
    "unknown": lambda path, data: [EMPTY],
}

_OF_LISTS: tuple[FormatKind, ...] = ("coco", "kins", "cocoa", "youtube-vis", "tao-amodal annotations")
"""Those that say in ``info`` what they are."""


def _check_tao_amodal(path: Path, data: Any) -> list[str]:
    try:
        return list(tao_amodal_of(data, path).problems)
    except FormatError as error:
        return [str(error)]


# --- folders --------------------------------------------------------------------------------------------------------


def _verify_zip(path: Path) -> VerifyReport:
    """As the folder that was zipped: what is wrong with it names the .zip, not the place it was read in."""
    try:
        with unpacked(path) as place:
            folder = _innermost(place)
            report = _verify_folder(folder)
            problems = tuple(p.replace(f"{folder}", f"{path}").replace(f"{place}", f"{path}") for p in report.problems)
    except FormatError as error:
        return _unknown(path, str(error))
    return replace(report, path=path, problems=problems)


def _innermost(folder: Path) -> Path:
    """Past folders that hold one folder only: a .zip may hold the export's folder, or what is in it."""
    inner = list(folder.iterdir())
    if len(inner) == 1 and inner[0].is_dir() and not any(fits(folder) for _, fits, _ in _FOLDERS):
        return _innermost(inner[0])
    return folder


def _verify_folder(path: Path) -> VerifyReport:
    """A folder of one format; else all exports that lie in it, folders and files."""
    if (path / "project.json").is_file():
        return _unknown(path, f"{path} is a project, no export; export it first: vas-tool export {path} --help")
    for kind, fits, check in _FOLDERS:
        if fits(path):
            return _checked(path, kind, [check(path)])
    inner = sorted(folder for folder in path.iterdir() if folder.is_dir())
    parts = [
        _checked(path, kind, [check(folder) for folder in inner if fits(folder)])
        for kind, fits, check in _FOLDERS
        if any(map(fits, inner))
    ]
    parts += filter(None, map(_exported_file, sorted(path.glob("*.json"))))
    return _together(path, parts)


def _exported_file(path: Path) -> VerifyReport | None:
    """The report on a file that is an export or may have been one; None for the JSON of other things."""
    try:
        data = load_json(path)
    except FormatError as error:
        return _unknown(path, str(error))
    lists = isinstance(data, dict) and {"images", "annotations"} <= data.keys()
    known = lists or _kind_of(data) not in ("coco", "unknown")
    return _checked_file(path, data) if known else None


def _together(path: Path, parts: Sequence[VerifyReport]) -> VerifyReport:
    if not parts:
        return _unknown(path, NO_EXPORT.format(path=path))
    kinds = {part.kind for part in parts}
    problems = [p if part.path == path else f"{part.path.name}: {p}" for part in parts for p in part.problems]
    return VerifyReport(
        path,
        kinds.pop() if len(kinds) == 1 else "several",
        num_images=sum(part.num_images for part in parts),
        num_annotations=sum(part.num_annotations for part in parts),
        problems=tuple(problems),
    )


NO_EXPORT = (
    "{path} has no folders rgbs and masks, nor frames and visible_masks, nor exported layers, nor an exported .json; "
    "name an exported file, its .zip or such a folder"
)


Found = tuple[int, int, list[str]]
"""Images, masks, problems."""


def _checked(path: Path, kind: FormatKind, found: list[Found]) -> VerifyReport:
    images, masks = sum(f[0] for f in found), sum(f[1] for f in found)
    problems = tuple(p for f in found for p in f[2])
    return VerifyReport(path, kind, num_images=images, num_annotations=masks, problems=problems)


def _check_sequences(folder: Path) -> Found:
    try:
        source = read_sequences(folder)
    except InputError as error:
        return 0, 0, [str(error)]
    return source.num_frames, len(source.masks), odd_files(source)


def _check_tabe(folder: Path) -> Found:
    try:
        source = read_tabe(folder)
    except InputError as error:
        return 0, 0, [str(error)]
    return source.num_frames, len(source.visible) + len(source.amodal), list(check_tabe(source))


def _check_layers(folder: Path) -> Found:
    source = read_layers(folder)
    frames = {frame for pictures in source.pictures.values() for frame in pictures}
    return len(frames), sum(map(len, source.pictures.values())), list(check_layers(source))


_FOLDERS: tuple[tuple[FormatKind, Callable[[Path], bool], Callable[[Path], Found]], ...] = (
    ("sequences", is_sequences_folder, _check_sequences),
    ("tabe", is_tabe_folder, _check_tabe),
    ("layers", is_layers_folder, _check_layers),
)
"""Which format a folder is of, what shows it, and its check."""
