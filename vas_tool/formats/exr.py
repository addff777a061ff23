"""Writes frames as OpenEXR files whose channels are the objects' layers, for Nuke, Fusion, Blender and After Effects.

00000_premultiplied.exr
  R G B A                       the frame of the clip
  001_car.R .G .B .A            the object whole: its content, or the visible pixels where no content was made
  001_car.modal .amodal .hidden its masks, 0 or 1
  001_car.depth                 relative depth of the visible part, 1 = nearest; 0 elsewhere
  clip.depth                    relative depth of the frame

Colours are linear light with the primaries of Rec. 709, multiplied by alpha, as OpenEXR expects. The data window is the
canvas, the display window is the frame: its upper left pixel is at (0, 0). Every file has the channels of every object.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.formats.frame_files import FrameFormat
from vas_tool.formats.layered_frames import LayeredClip, LayeredFrame, ObjectLayer, layer_name
from vas_tool.types import Canvas, Content

Channel = npt.NDArray[np.float16]
"""(H, W) float16 of one channel. float16 keeps all 256 levels of a picture distinct in linear light."""

COMMENTS = (
    "Made by vas-tool. Colours: linear light, Rec. 709 primaries, multiplied by alpha. "
    "modal, amodal, hidden: masks, 0 or 1. depth: relative, 0 to 1, 1 = nearest."
)

CLIP_DEPTH = "clip.depth"
RGBA = "RGBA"


def require() -> Any:
    """Return the module OpenEXR. Raises FormatError with the install command when it is missing."""
    try:
        import OpenEXR
    except ImportError as error:
        raise FormatError(f"OpenEXR is not installed ({error}); run: pip install 'vas-tool[layers]'") from error
    return OpenEXR


@cache
def _linear_levels() -> Channel:
    """Return (256,) linear light of each 8 bit level, by IEC 61966-2-1 (sRGB)."""
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float16)


def linear(picture: Content) -> npt.NDArray[np.float16]:
    """Return (H, W, 4) RGBA in linear light, multiplied by alpha, of an 8 bit picture with alpha of 0 or 255."""
    alpha = picture[..., 3:] > 0
    colours = np.where(alpha, _linear_levels()[picture[..., :3]], np.float16(0))
    return np.concatenate([colours, alpha.astype(np.float16)], axis=2)


def display(colours: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Return the 8 bit levels of linear light, the inverse of ``linear``'s colours."""
    light = np.clip(colours.astype(np.float64), 0, 1)
    level = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(level * 255).astype(np.uint8)


def _write(path: Path, frame: LayeredFrame, clip: LayeredClip) -> None:
    by_id = {layer.obj.id: layer for layer in frame.layers}
    channels = _of_picture("", frame.ground)
    if frame.depth is not None:
        channels[CLIP_DEPTH] = frame.depth.astype(np.float16)
    for obj in clip.objects:
        layer = by_id.get(obj.id)
        prefix = f"{layer_name(obj)}."
        channels |= _of_layer(prefix, layer, frame) if layer else _absent(prefix, clip.canvas)
    exr = require()
    header = {
        "compression": exr.ZIP_COMPRESSION,
        "type": exr.scanlineimage,
        "comments": COMMENTS,
        **_windows(clip.canvas),
    }
    exr.File(header, {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()}).write(str(path))


def _of_picture(prefix: str, picture: Content) -> dict[str, Channel]:
    pixels = linear(picture)
    return {f"{prefix}{name}": pixels[..., i] for i, name in enumerate(RGBA)}


def _of_layer(prefix: str, layer: ObjectLayer, frame: LayeredFrame) -> dict[str, Channel]:
    masks = {"modal": layer.modal, "amodal": layer.amodal, "hidden": layer.hidden}
    depth = np.zeros(layer.modal.shape) if frame.depth is None else np.where(layer.modal, frame.depth, 0)
    return {
        **_of_picture(prefix, layer.picture),
        **{f"{prefix}{name}": mask.astype(np.float16) for name, mask in masks.items()},
        f"{prefix}depth": depth.astype(np.float16),
    }


def _absent(prefix: str, canvas: Canvas) -> dict[str, Channel]:
    nothing = np.zeros(canvas.size_wh[::-1], np.float16)
    return {f"{prefix}{name}": nothing for name in (*RGBA, "modal", "amodal", "hidden", "depth")}


def _windows(canvas: Canvas) -> dict[str, Any]:
    (width, height), (canvas_width, canvas_height) = canvas.frame_wh, canvas.size_wh
    left, top = -canvas.pad_left, -canvas.pad_top
    return {
        "dataWindow": _window(left, top, (canvas_width, canvas_height)),
        "displayWindow": _window(0, 0, (width, height)),
    }


def _window(x: int, y: int, size_wh: tuple[int, int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    last = (x + size_wh[0] - 1, y + size_wh[1] - 1)
    return np.array([x, y], np.int32), np.array(last, np.int32)


def read_exr(path: Path) -> dict[str, npt.NDArray[np.floating[Any]]]:
    """Return the channels of a file, name -> (H, W). Raises FormatError when OpenEXR cannot read it."""
    exr = require()
    try:
        with exr.File(str(path), separate_channels=True) as file:
            return {name: channel.pixels for name, channel in file.channels().items()}
    except (OSError, RuntimeError, ValueError) as error:
        raise FormatError(f"{path} does not read as OpenEXR ({error}); export it again") from error


def _count(path: Path) -> int:
    channels = read_exr(path)
    for name in [name.removesuffix(".amodal") for name in channels if name.endswith(".amodal")]:
        modal, amodal, hidden = (channels[f"{name}.{mask}"] for mask in ("modal", "amodal", "hidden"))
        if not np.array_equal(np.maximum(modal, hidden), amodal):
            raise FormatError(f"{path}: {name}.amodal is not {name}.modal and {name}.hidden together; export it again")
    return sum(bool(pixels.any()) for name, pixels in channels.items() if name.endswith(".amodal"))


EXR = FrameFormat("exr", "_premultiplied.exr", require, _write, _count)
"""One OpenEXR file for each frame."""
