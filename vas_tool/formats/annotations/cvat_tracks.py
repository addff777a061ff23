"""Reads CVAT for video 1.1: an XML file with tracks of polygons, masks and boxes, one shape per frame.

<track id label>    one object
<polygon points>    "x,y;x,y;...", a modal mask. <mask rle left top width height>: the same as runs inside a box
<box xtl ytl xbr ybr>  a box around the visible part
outside="1"         nothing of the object is seen from this frame on

``frame`` is the number in the name of CVAT's own pictures (frame_000007.PNG), or else the place in the natural order of
the names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack, AnnotatedVideo, ReadMask, Xyxy
from vas_tool.formats.annotations.drawn_masks import absent, drawn, nothing
from vas_tool.formats.coco_fields import FAR_AWAY
from vas_tool.formats.sequences import upright_size
from vas_tool.types import Mask, SizeWH
from vas_tool.video.images import image_paths

MOST_DIGITS = 8
"""Names with so many digits or more are not frame numbers."""

NUMBERED = re.compile(r"frame_(\d+)")
"""Names that CVAT gives to the pictures of a video."""


def read_cvat(path: Path, *, frames: Path) -> AnnotatedFile:
    """Read a file of tracks for the pictures in the folder ``frames``. Wrong shapes are left out and listed.

    Raises FormatError when the file is no such XML, or its frames cannot be found among the pictures; VideoError when
    the folder holds no pictures.
    """
    root, pictures = _root(path), image_paths(frames)
    reading = _Reading(_frame_numbers(root, pictures, path), upright_size(pictures[0]))
    return reading.file(root, path, tuple(picture.name for picture in pictures))


def read_cvat_of_video(path: Path) -> AnnotatedFile:
    """Read a file of tracks for the video that the task was made from. Wrong shapes are left out and listed.

    The keys of the masks and boxes are numbers of the video's frames, from 0; the video of the result has no files.
    Raises FormatError when the file is no such XML, or does not state the video's size.
    """
    root = _root(path)
    size = [root.findtext(f"./meta//original_size/{side}") or "" for side in ("width", "height")]
    if not all(text.isascii() and text.isdecimal() and 0 < int(text) <= FAR_AWAY for text in size):
        raise FormatError(f"{path} states no original_size; export the task's pictures, and name their folder instead")
    numbers = [shape.get("frame", "") for track in root.iter("track") for shape in track]
    last = max((int(n) for n in numbers if n.isascii() and n.isdecimal() and len(n) < MOST_DIGITS), default=0)
    reading = _Reading({number: number for number in range(last + 1)}, (int(size[0]), int(size[1])))
    return reading.file(root, path, ())


def _root(path: Path) -> ElementTree.Element:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}); check the path") from error
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # entities can expand without end; CVAT writes none
        raise FormatError(f"{path} has a DOCTYPE, which CVAT does not write; export it again")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise FormatError(f"{path} is no XML ({error}); export it again") from error
    if root.tag != "annotations":
        raise FormatError(f"{path} is no CVAT file: its root is <{root.tag}>, not <annotations>; name annotations.xml")
    return root


def _frame_numbers(root: ElementTree.Element, pictures: list[Path], path: Path) -> dict[int, int]:
    """Return CVAT's number of each frame -> the index of its picture."""
    names = [NUMBERED.fullmatch(picture.stem) for picture in pictures]
    numbers = [int(name[1]) for name in names if name]
    if len(set(numbers)) == len(pictures):
        return {number: place for place, number in enumerate(numbers)}
    size = root.findtext("./meta//size") or ""
    if size != str(len(pictures)):
        raise FormatError(
            f"{path} is of {size or 'an unknown number of'} frames, {pictures[0].parent} holds {len(pictures)} "
            "pictures; export the task with its images, or give a folder with one picture per frame"
        )
    return {place: place for place in range(len(pictures))}


@dataclass
class _Reading:
    """Reads shapes, and collects the problems."""

    place_of: Mapping[int, int]
    size_wh: SizeWH
    problems: list[str] = field(default_factory=list)

    def file(self, root: ElementTree.Element, path: Path, files: tuple[str, ...]) -> AnnotatedFile:
        """Return the content of the file, for pictures of the names ``files``."""
        if root.find("image") is not None:
            raise FormatError(f"{path} has shapes without tracks; export the task from CVAT as 'CVAT for video 1.1'")
        tracks = tuple(self.track(element) for element in root.iter("track"))
        task = root.findtext("./meta//task/name") or root.findtext("./meta//name") or path.stem
        video = AnnotatedVideo(root.findtext("./meta//task/id") or task, task, self.size_wh, files, tracks)
        return AnnotatedFile("cvat", (video,), tuple(self.problems))

    def track(self, element: ElementTree.Element) -> AnnotatedTrack:
        """Return one object with the shapes that can be read."""
        modal: dict[int, ReadMask] = {}
        boxes: dict[int, Xyxy] = {}
        track_id, label = element.get("id", ""), element.get("label", "")
        for shape in element:
            try:
                place = self._place(shape)
                if shape.tag == "box":
                    boxes |= {} if shape.get("outside") == "1" else {place: self._box(shape)}
                else:
                    modal[place] = self._mask(shape)
            except FormatError as error:
                name = f"track {track_id} ({label}), frame {shape.get('frame')}, {shape.tag}"
                self.problems.append(f"{name}: {error}")
        number = int(track_id) if track_id.isascii() and track_id.isdecimal() else track_id
        return AnnotatedTrack(number, label or f"track {track_id}", modal=modal, boxes=boxes)

    def _place(self, shape: ElementTree.Element) -> int:
        number = shape.get("frame", "")
        if not (number.isascii() and number.isdecimal()) or int(number) not in self.place_of:
            raise FormatError("there is no picture of this frame")
        return self.place_of[int(number)]

    def _box(self, shape: ElementTree.Element) -> Xyxy:
        if _number(shape, "rotation", "0"):
            raise FormatError("the box is rotated; draw it upright, or draw a polygon")
        x0, y0, x1, y1 = (_number(shape, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        return max(0.0, x0), max(0.0, y0), min(float(self.size_wh[0]), x1), min(float(self.size_wh[1]), y1)

    def _mask(self, shape: ElementTree.Element) -> ReadMask:
        if shape.tag not in ("polygon", "mask"):
            raise FormatError("only polygons, masks and boxes can be objects; redraw it as one of them")
        if shape.get("outside") == "1":
            return absent(self.size_wh)
        if shape.tag == "mask":
            return _runs(shape, self.size_wh)
        try:
            corners = [float(number) for corner in shape.get("points", "").split(";") for number in corner.split(",")]
        except ValueError as error:
            raise FormatError(f"points are no numbers ({error})") from error
        return drawn([corners], self.size_wh)


def _number(shape: ElementTree.Element, key: str, default: str = "") -> float:
    try:
        number = float(shape.get(key, default))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FormatError(f"{key} is {shape.get(key)!r}, which is no number")
    return number


def _runs(shape: ElementTree.Element, size_wh: SizeWH) -> ReadMask:
    """Return the mask of runs, row by row inside its box; the first run has no pixel of the object."""
    corners = [_number(shape, key) for key in ("left", "top", "width", "height")]
    left, top, width, height = map(int, corners)
    if corners != [left, top, width, height]:
        raise FormatError(f"its box {corners} is not of whole pixels")
    try:
        runs = [int(run) for run in shape.get("rle", "").split(",")]
    except ValueError as error:
        raise FormatError(f"rle holds what is no number ({error})") from error
    if not (0 <= left < left + width <= size_wh[0] and 0 <= top < top + height <= size_wh[1]):
        raise FormatError(f"its box of {width} x {height} at {left}, {top} is not inside the picture of {size_wh}")
    if min(runs) < 0 or sum(runs) != width * height:
        raise FormatError(f"its runs do not add up to {width} x {height}")
    return partial(_from_runs, runs, (left, top, width, height), size_wh)


def _from_runs(runs: list[int], box_xywh: tuple[int, int, int, int], size_wh: SizeWH) -> Mask:
    left, top, width, height = box_xywh
    mask = nothing(size_wh)
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + height, left : left + width] = inside.reshape(height, width)
    return mask
