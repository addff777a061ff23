"""Opens picture files from unknown sources: only certain formats, and no larger than a frame may be."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from vas_tool.video.source import MAX_PIXELS

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
"""Pillow's names of the accepted formats. Pillow recognises a format by content, not by name: without this list, an EPS
file named a.png would start Ghostscript. A JPEG may turn out to be an MPO."""

CANVAS_PIXELS = 178_000_000
"""Most pixels of a picture on a canvas, which is larger than its frame. It is close to Pillow's own limit."""


class UnusablePicture(OSError):
    """The file is not a picture, is incomplete, or is too large. ``str(error)`` tells the user which."""


def open_picture(source: Path | IO[bytes], *, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open a picture with Pillow. Its pixels are read later, and no memory is allocated for them before.

    Raises UnusablePicture when it has none of ``FORMATS``, is damaged, or has more pixels than ``most_pixels``;
    OSError when the file cannot be read.
    """
    try:
        image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError as error:  # Pillow's message names a memory address
        raise UnusablePicture(f"it holds no image, or none of the kinds {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise UnusablePicture(f"it has far more than {most_pixels // 1_000_000} megapixels; scale it down") from error
    except OSError:
        raise
    except Exception as error:  # a damaged header can raise any exception
        raise UnusablePicture(f"its head is damaged: {error}") from error
    width, height = image.size
    if width * height > most_pixels:
        image.close()
        raise UnusablePicture(
            f"{width} x {height} pixels is too large; scale it down to at most {most_pixels // 1_000_000} megapixels"
        )
    return image


def loaded_picture(source: Path | IO[bytes], *, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return a picture with its pixels; the file is closed. Raises OSError as ``open_picture`` does."""
    with open_picture(source, most_pixels=most_pixels) as image:
        try:
            image.load()
        except OSError:
            raise
        except Exception as error:  # damaged pixels can raise any exception
            raise UnusablePicture(f"it is damaged: {error}") from error
        return image
