"""Reads an export back as another tool would, and lists everything that is wrong with it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vas_tool.errors import FormatError, InputError
from vas_tool.formats.coco_checks import check_coco
from vas_tool.formats.json_files import load_json
from vas_tool.formats.sequences import is_sequences_folder, odd_files, read_sequences


@dataclass(frozen=True)
class VerifyReport:
    """What was found in an export. The counts are of what could be read."""

    path: Path
    kind: Literal["coco", "sequences"]
    num_images: int
    num_annotations: int
    """Objects on frames; for sequences, masks."""
    problems: tuple[str, ...]
    """Each names the record or the file, and what is wrong with it. Empty when everything is right."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(path: Path) -> VerifyReport:
    """Check an export: a COCO file, or a folder of sequences (``rgbs`` and ``masks``).

    The COCO file is loaded with pycocotools; every mask is decoded and compared with its image's size, its area,
    boxes and rates; ids and file names must be unique, references must exist, amodal masks must cover modal ones.
    Every image of a sequence is decoded, and every frame must have a mask of 0 and 255.
    Never raises for what is wrong with the file: that is in ``problems``, all of it.
    """
    return _verify_sequences(path) if path.is_dir() else _verify_coco(path)


def _verify_coco(path: Path) -> VerifyReport:
    try:
        data = load_json(path)
    except FormatError as error:
        return VerifyReport(path, "coco", num_images=0, num_annotations=0, problems=(str(error),))
    problems = check_coco(data) + _load_with_pycocotools(path, data)
    images, annotations = (_length(data, key) for key in ("images", "annotations"))
    return VerifyReport(path, "coco", num_images=images, num_annotations=annotations, problems=tuple(problems))


def _verify_sequences(path: Path) -> VerifyReport:
    inner = sorted(folder for folder in path.iterdir() if is_sequences_folder(folder))
    folders = [path] if is_sequences_folder(path) else inner
    problems = [] if folders else [f"{path} has no folders rgbs and masks; name an exported file or such a folder"]
    num_images = num_masks = 0
    for folder in folders:
        try:
            source = read_sequences(folder)
        except InputError as error:
            problems.append(str(error))
            continue
        num_images, num_masks = num_images + source.num_frames, num_masks + len(source.masks)
        problems += odd_files(source)
    return VerifyReport(path, "sequences", num_images, num_annotations=num_masks, problems=tuple(problems))


def _length(data: Any, key: str) -> int:
    items = data.get(key) if isinstance(data, dict) else None
    return len(items) if isinstance(items, list) else 0


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
