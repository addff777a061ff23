"""Reads an export back as another tool would, and lists everything that is wrong with it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vas_tool.errors import FormatError
from vas_tool.formats.coco_checks import check_coco
from vas_tool.formats.coco_reading import load_json


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
    Never raises for what is wrong with the file: that is in ``problems``, all of it.
    """
    return _verify_coco(path)


def _verify_coco(path: Path) -> VerifyReport:
    try:
        data = load_json(path)
    except FormatError as error:
        return VerifyReport(path, "coco", num_images=0, num_annotations=0, problems=(str(error),))
    problems = check_coco(data) + _load_with_pycocotools(path, data)
    images, annotations = (_length(data, key) for key in ("images", "annotations"))
    return VerifyReport(path, "coco", num_images=images, num_annotations=annotations, problems=tuple(problems))


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
