"""Writes frames as OpenRaster files with a layer for each object, for Krita, GIMP and MyPaint.

00000.ora is a .zip: mimetype, stack.xml, data/frame.png and data/001_car.png (RGBA, straight alpha, cut to the object),
mergedimage.png, Thumbnails/thumbnail.png. Layers are in depth order, over the frame of the clip. See
https://www.openraster.org for the format.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from vas_tool.errors import FormatError
from vas_tool.formats.frame_files import FrameFormat
from vas_tool.formats.layered_frames import LayeredClip, LayeredFrame, merged
from vas_tool.video.picture_files import CANVAS_PIXELS, loaded_picture

MIMETYPE = "image/openraster"
VERSION = "0.0.3"

THUMBNAIL = 256
"""Pixels: longest side of the thumbnail."""

COMPRESSION = 2
"""PNG compression level, 0 to 9."""

MOST_BYTES = 2**30
"""Most unpacked bytes of one file in the archive. A small archive can claim any size."""

GROUND = "frame"
"""Name of the lowest layer, the frame of the clip."""


def _write(path: Path, frame: LayeredFrame, clip: LayeredClip) -> None:
    pictures, rows = {f"data/{GROUND}.png": frame.ground}, [_row(GROUND)]
    for layer in frame.layers:
        if layer.box:
            x0, y0, x1, y1 = layer.box
            pictures[f"data/{layer.name}.png"] = layer.picture[y0:y1, x0:x1]
            rows.append(_row(layer.name, x=x0, y=y0))
    flat = Image.fromarray(merged(frame))
    small = flat.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    with zipfile.ZipFile(path, "w") as archive:
        _put(archive, "mimetype", MIMETYPE.encode())  # first, and stored as it is: readers look there for the type
        _put(archive, "stack.xml", _stack(rows, clip.canvas.size_wh))
        for name, picture in pictures.items():
            _put(archive, name, _png(Image.fromarray(picture)))
        _put(archive, "mergedimage.png", _png(flat))
        _put(archive, "Thumbnails/thumbnail.png", _png(small))


def _row(name: str, *, x: int = 0, y: int = 0) -> ElementTree.Element:
    attributes = {"name": name, "src": f"data/{name}.png", "x": str(x), "y": str(y)}
    return ElementTree.Element("layer", attributes | {"opacity": "1.0", "composite-op": "svg:src-over"})


def _stack(back_to_front: list[ElementTree.Element], size_wh: tuple[int, int]) -> bytes:
    """Return stack.xml, which names the foremost layer first."""
    image = ElementTree.Element("image", {"version": VERSION, "w": str(size_wh[0]), "h": str(size_wh[1])})
    ElementTree.SubElement(image, "stack").extend(reversed(back_to_front))
    return bytes(ElementTree.tostring(image, encoding="UTF-8", xml_declaration=True))


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), data)  # with a fixed date; a PNG does not get smaller


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=COMPRESSION)
    return out.getvalue()


def read_openraster(path: Path) -> dict[str, tuple[Image.Image, tuple[int, int]]]:
    """Return name -> (RGBA picture, its x and y on the canvas) of the layers, from back to front.

    Raises FormatError when the file is damaged or no OpenRaster file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if max(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError("a file in it is larger than 1 GB")
            if archive.read("mimetype") != MIMETYPE.encode():
                raise ValueError("its mimetype is another one")
            stack = ElementTree.fromstring(archive.read("stack.xml"))
            found = {}
            for row in reversed(list(stack.iter("layer"))):
                data = io.BytesIO(archive.read(row.attrib["src"]))
                picture = loaded_picture(data, most_pixels=CANVAS_PIXELS).convert("RGBA")
                found[row.attrib["name"]] = picture, (int(row.attrib["x"]), int(row.attrib["y"]))
            return found
    except (OSError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path} does not read as OpenRaster ({error}); export it again") from error


def _count(path: Path) -> int:
    return len(read_openraster(path).keys() - {GROUND})


OPENRASTER = FrameFormat("openraster", ".ora", lambda: None, _write, _count)
"""One OpenRaster file for each frame."""
