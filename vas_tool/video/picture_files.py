"""Picture files that somebody else made: only the kinds that are wanted, and no larger than a frame may be."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from vas_tool.video.source import MAX_PIXELS

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
"""Pillow's names. Pillow goes by what is in a file, not by its name: without this, an EPS file that is called a.png
starts Ghostscript. A JPEG may turn out to be an MPO."""

CANVAS_PIXELS = 178_000_000
"""Of a picture on a canvas, which is larger than its frame: near the limit that Pillow itself has."""


class UnusablePicture(OSError):
    """A file that is no picture, half of one, or too large a one. ``str(error)`` says which, for a person."""


def open_picture(source: Path | IO[bytes], *, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open a picture as Pillow does; its pixels are read later, and no memory is taken for them before.

    Raises UnusablePicture when it is none of ``FORMATS``, damaged, or has more pixels than ``most_pixels``;
    OSError when the file cannot be read.
    """
    try:
        image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError as error:  # its words name an address in memory
        raise UnusablePicture(f"it holds no image, or none of the kinds {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise UnusablePicture(f"it has far more than {most_pixels // 1_000_000} megapixels; scale it down") from error
    except OSError:
        raise
    except Exception as error:  # a damaged head raises whatever the bytes lead to
        raise UnusablePicture(f"its head is damaged: {error}") from error
    width, height = image.size
    if width * height > most_pixels:
        image.close()
        raise UnusablePicture(
            f"{width} x {height} pixels is too large; scale it down to at most {most_pixels // 1_000_000} megapixels"
        )
    return image


def loaded_picture(source: Path | IO[bytes]) -> Image.Image:
    """A picture with its pixels; the file is closed. Raises OSError as ``open_picture`` does."""
    with open_picture(source) as image:
        try:
            image.load()
        except OSError:
            raise
        except Exception as error:  # damaged pixels raise whatever the bytes lead to
            raise UnusablePicture(f"it is damaged: {error}") from error
        return image
