"""Reads folders of labelme: pictures, and beside each annotated picture a JSON file of the same name with its shapes.

A folder is a video: its pictures in the natural order of their names. Shapes with the same ``label`` and ``group_id``
are one object, over all pictures; its mask is the union of its shapes on a picture. Polygons and masks are modal masks;
a rectangle is a box around the visible part.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vas_tool.errors import FormatError, InputError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack, AnnotatedVideo, ReadMask, Xyxy
from vas_tool.formats.annotations.drawn_masks import drawn, nothing
from vas_tool.formats.coco_fields import is_id, is_number, is_text
from vas_tool.formats.json_files import load_json
from vas_tool.formats.sequences import upright_size
from vas_tool.types import Mask, SizeWH
from vas_tool.video.images import image_paths
from vas_tool.video.order import in_natural_order
from vas_tool.video.picture_files import open_picture

ObjectKey = tuple[str, int | str | None]
"""(label, group_id) of an object; group_id is None if labelme has none."""


def read_labelme(folder: Path) -> AnnotatedFile:
    """Read a folder of pictures with labelme's files, or each such folder in ``folder``. Wrong shapes are left out and
    listed.

    Raises FormatError when there is no such folder.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; name the folder with the pictures and their .json files")
    inner = in_natural_order(path for path in folder.iterdir() if path.is_dir())
    found = [path for path in (folder, *inner) if any(path.glob("*.json"))]
    if not found:
        raise FormatError(f"{folder} holds no .json file, nor does a folder in it; name a folder that labelme saved to")
    videos: list[AnnotatedVideo] = []
    problems: list[str] = []
    for path in found:
        reading = _Folder(path, prefix="" if path == folder else f"{path.name}/")
        try:
            videos.append(reading.video(name=path.resolve().name))
        except InputError as error:
            problems.append(str(error))
        problems += reading.problems
    return AnnotatedFile("labelme", tuple(videos), tuple(problems))


@dataclass
class _Object:
    shapes: dict[int, list[ReadMask]] = field(default_factory=dict)
    boxes: dict[int, Xyxy] = field(default_factory=dict)


class _Folder:
    """Reads one folder, and collects the problems."""

    def __init__(self, folder: Path, *, prefix: str) -> None:
        self.problems: list[str] = []
        self._folder, self._prefix = folder, prefix
        self._objects: dict[ObjectKey, _Object] = {}

    def video(self, *, name: str) -> AnnotatedVideo:
        pictures = image_paths(self._folder)
        size_wh = upright_size(pictures[0])
        place = {picture.stem: i for i, picture in enumerate(pictures)}
        for file in in_natural_order(self._folder.glob("*.json")):
            try:
                if file.stem not in place:
                    raise FormatError(f"{file} has no picture of its name beside it; copy its picture there")
                self._read(file, place[file.stem], size_wh)
            except FormatError as error:
                self.problems.append(str(error))
        tracks = (
            AnnotatedTrack(
                number,
                label if group is None else f"{label} {group}",
                modal={i: partial(_union, shapes, size_wh) for i, shapes in obj.shapes.items()},
                boxes=obj.boxes,
            )
            for number, ((label, group), obj) in enumerate(self._objects.items(), 1)
        )
        files = tuple(f"{self._prefix}{picture.name}" for picture in pictures)
        return AnnotatedVideo(name, name, size_wh, files, tuple(tracks))

    def _read(self, file: Path, place: int, size_wh: SizeWH) -> None:
        data = load_json(file)
        shapes = data.get("shapes") if isinstance(data, dict) else None
        if not isinstance(shapes, list):
            raise FormatError(f"{file} has no list of shapes; save it in labelme again, or take it out")
        stated = (data.get("imageWidth"), data.get("imageHeight"))
        if stated != size_wh:
            raise FormatError(f"{file} is of a picture of {stated}, the first one is {size_wh} (width, height)")
        labels = (s.get("label") for s in shapes if isinstance(s, dict) and s.get("group_id") is None)
        alone = Counter(label for label in labels if is_text(label))
        for number, shape in enumerate(shapes, 1):
            try:
                self._add(shape, place, size_wh, alone=alone)
            except FormatError as error:
                self.problems.append(f"{file}, shape {number}: {error}")

    def _add(self, shape: Any, place: int, size_wh: SizeWH, *, alone: Mapping[Any, int]) -> None:
        if not isinstance(shape, dict) or not is_text(shape.get("label")):
            raise FormatError("it has no label")
        label, group = shape["label"], shape.get("group_id")
        if group is not None and not is_id(group):
            raise FormatError(f"group_id is {group!r}; it must be a whole number")
        if group is None and alone[label] > 1:
            raise FormatError(f"{alone[label]} shapes are {label!r} without group_id; give each object one, in labelme")
        kind = shape.get("shape_type", "polygon")
        corners = _corners(shape.get("points"))
        if kind not in ("polygon", "rectangle", "mask"):
            raise FormatError(f"its type is {kind}; only polygon, mask and rectangle can be objects")
        read = None if kind == "rectangle" else _mask(shape, corners, size_wh)
        obj = self._objects.setdefault((label, group), _Object())
        if read is None:
            obj.boxes[place] = _box(corners, size_wh)
        else:
            obj.shapes.setdefault(place, []).append(read)


def _corners(points: Any) -> list[list[float]]:
    sound = isinstance(points, list) and all(
        isinstance(p, list) and len(p) == 2 and all(map(is_number, p)) for p in points
    )
    if not sound or not points:
        raise FormatError("points are no list of [x, y]")
    return [[float(x), float(y)] for x, y in points]


def _mask(shape: Mapping[str, Any], corners: list[list[float]], size_wh: SizeWH) -> ReadMask:
    if shape.get("shape_type", "polygon") == "polygon":
        return drawn([[number for corner in corners for number in corner]], size_wh)
    inside = _decoded(shape.get("mask"))
    left, top = (int(number) for number in corners[0])
    height, width = inside.shape
    if left < 0 or top < 0 or left + width > size_wh[0] or top + height > size_wh[1]:
        raise FormatError(f"its mask of {width} x {height} at {left}, {top} is not inside the picture of {size_wh}")
    return partial(_pasted, inside, (left, top), size_wh)


def _decoded(value: Any) -> Mask:
    try:
        with open_picture(io.BytesIO(base64.b64decode(value, validate=True))) as image:
            return np.asarray(image.convert("L")) > 0
    except (TypeError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"its mask is no picture in base64 ({error})") from error


def _pasted(inside: Mask, left_top: tuple[int, int], size_wh: SizeWH) -> Mask:
    (left, top), (height, width) = left_top, inside.shape
    mask = nothing(size_wh)
    mask[top : top + height, left : left + width] = inside
    return mask


def _box(corners: list[list[float]], size_wh: SizeWH) -> Xyxy:
    if len(corners) != 2:
        raise FormatError(f"a rectangle has two corners, it has {len(corners)}")
    (x0, x1), (y0, y1) = sorted(c[0] for c in corners), sorted(c[1] for c in corners)
    return max(0.0, x0), max(0.0, y0), min(float(size_wh[0]), x1), min(float(size_wh[1]), y1)


def _union(shapes: list[ReadMask], size_wh: SizeWH) -> Mask:
    mask = nothing(size_wh)
    for read in shapes:
        mask |= read()
    return mask
