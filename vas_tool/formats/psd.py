"""Writes frames as Photoshop files with a layer for each object, for Photoshop, Photopea, GIMP and After Effects.

00000.psd: the layer ``frame`` with the frame of the clip, and over it one layer for each object in depth order
(``001_car``, straight alpha, cut to the object). The file also holds the merged picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from vas_tool.errors import FormatError
from vas_tool.formats.frame_files import FrameFormat
from vas_tool.formats.layered_frames import LayeredClip, LayeredFrame

GROUND = "frame"
"""Name of the lowest layer, the frame of the clip."""


def require() -> Any:
    """Return the module psd_tools. Raises FormatError with the install command when it is missing."""
    try:
        import psd_tools
    except ImportError as error:
        raise FormatError(f"psd-tools is not installed ({error}); run: pip install 'vas-tool[layers]'") from error
    return psd_tools


def _write(path: Path, frame: LayeredFrame, clip: LayeredClip) -> None:
    psd = require().PSDImage.new("RGB", clip.canvas.size_wh)
    psd.create_pixel_layer(Image.fromarray(frame.ground), name=GROUND)
    for layer in frame.layers:
        if layer.box:
            x0, y0, x1, y1 = layer.box
            picture = Image.fromarray(layer.picture[y0:y1, x0:x1])
            psd.create_pixel_layer(picture, name=layer.name, left=x0, top=y0)
    psd.save(path)


def read_psd(path: Path) -> dict[str, tuple[Image.Image, tuple[int, int]]]:
    """Return name -> (RGBA picture, its x and y on the canvas) of the layers, from back to front.

    Raises FormatError when psd-tools cannot read the file.
    """
    psd_tools = require()
    try:
        psd = psd_tools.PSDImage.open(path)
        return {layer.name: (layer.topil().convert("RGBA"), (layer.left, layer.top)) for layer in psd}
    except Exception as error:  # psd-tools raises errors of many kinds on damaged files
        raise FormatError(f"{path} does not read as a Photoshop file ({error}); export it again") from error


def _count(path: Path) -> int:
    return len(read_psd(path).keys() - {GROUND})


PSD = FrameFormat("psd", ".psd", require, _write, _count)
"""One Photoshop file for each frame."""
