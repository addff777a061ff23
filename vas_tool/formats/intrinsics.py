"""Reads the intrinsics of a clip's camera from four numbers, or from a file of JSON, KITTI or Kubric.

{"fx", "fy", "cx", "cy"}     pixels of the clip, or of a picture of size "width" and "height" if the file has these
KITTI's calibration          P2 (or P_rect_02), pixels
Kubric's metadata.json       camera.K: shares of the picture's size, with Kubric's signs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError, InputError, PromptError
from vas_tool.formats.json_files import load_json
from vas_tool.project import Project
from vas_tool.types import Intrinsics, SizeWH

Camera = Callable[[SizeWH], Intrinsics]
"""A function: (width, height) of the clip in pixels -> its intrinsics in clip pixels."""

PROJECTIONS = ("P2:", "P_rect_02:")
"""Names of the left colour camera's matrix in KITTI's files for objects and for raw videos."""


def camera_of(text: str) -> Camera:
    """Return the camera of a text ``FX,FY,CX,CY`` in clip pixels, or of a file.

    Raises InputError when the text is neither, FormatError when the file has none of the three forms.
    """
    path = Path(text)
    if path.is_file():
        return _camera_in(path)
    try:
        fx, fy, cx, cy = (float(part) for part in text.split(","))
        camera = Intrinsics(fx, fy, cx, cy)
    except (ValueError, PromptError) as error:
        raise InputError(f"--intrinsics needs FX,FY,CX,CY in pixels, or a file that is there; got {text!r}") from error
    return lambda size_wh: camera


def give_camera(project: Project, camera: Camera) -> None:
    """Store a project's intrinsics as one edit. Does nothing if the project has the same intrinsics already."""
    known = camera(project.clip.size_wh)
    if known != project.truth.intrinsics:
        project.edit("camera of the clip", replace(project.truth, intrinsics=known))


def _camera_in(path: Path) -> Camera:
    try:
        if path.suffix.lower() == ".json":
            return _json_camera(load_json(path))
        camera = _kitti_camera(path.read_text(errors="replace"))
    except (OSError, LookupError, TypeError, ValueError, ArithmeticError, PromptError) as error:
        raise FormatError(
            f"{path} holds no intrinsics ({error}); it must be JSON with fx, fy, cx and cy, Kubric's metadata.json, or "
            "a calibration of KITTI with a line P2"
        ) from error
    return lambda size_wh: camera


def _json_camera(data: Mapping[str, Any]) -> Camera:
    if "camera" in data:
        return _kubric_camera(data["camera"]["K"])
    camera = Intrinsics(*(float(data[name]) for name in ("fx", "fy", "cx", "cy")))
    if "width" not in data:
        return lambda size_wh: camera
    parts = _parts(camera, (float(data["width"]), float(data["height"])))
    return lambda size_wh: _pixels(parts, size_wh)


def _kubric_camera(matrix: Sequence[Sequence[float]]) -> Camera:
    """Return the camera of Kubric's matrix [[f, 0, -cx], [0, -f, -cy], [0, 0, -1]], in shares of the picture's size."""
    (fx, _, cx), (_, fy, cy), (_, _, last) = ([float(number) for number in row] for row in matrix)
    parts = Intrinsics(abs(fx / last), abs(fy / last), cx / last, cy / last)
    return lambda size_wh: _pixels(parts, size_wh)


def _kitti_camera(text: str) -> Intrinsics:
    """Return the intrinsics of KITTI's matrix [[fx, 0, cx, .], [0, fy, cy, .], [0, 0, 1, .]]."""
    lines = (line.split() for line in text.splitlines())
    numbers = next(([float(word) for word in words[1:]] for words in lines if words and words[0] in PROJECTIONS), None)
    if numbers is None or len(numbers) != 12:
        raise ValueError("no line P2 of 12 numbers")
    return Intrinsics(numbers[0], numbers[5], numbers[2], numbers[6])


def _parts(camera: Intrinsics, size_wh: tuple[float, float]) -> Intrinsics:
    width, height = size_wh
    return Intrinsics(camera.fx / width, camera.fy / height, camera.cx / width, camera.cy / height)


def _pixels(parts: Intrinsics, size_wh: SizeWH) -> Intrinsics:
    width, height = size_wh
    return Intrinsics(parts.fx * width, parts.fy * height, parts.cx * width, parts.cy * height)
