"""Reads one mask picture of any mode as arrays of integers. ``mask_values`` decides what the values mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.errors import FormatError
from vas_tool.types import SizeWH
from vas_tool.video.picture_files import loaded_picture, open_picture

COLOUR = 1 << 24
"""Offset of values that stand for a colour: red << 16 | green << 8 | blue."""

LOSSY = ("JPEG", "MPO")
"""Pillow's names of formats that change values slightly. WebP does so only when it is lossy."""

WEBP_HEAD = 4096
"""Bytes from the start of a WebP file in which its coding, lossy or lossless, is named."""

NEARLY = 16
"""Levels: in a lossy picture, a pixel is grey when its channels differ by less than this."""

Values = npt.NDArray[np.int32]
"""(H, W): grey values 0..65535, or ``COLOUR`` and a colour."""

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Pixels:
    """The values of a picture."""

    shown: Values
    """The visible values."""
    index: npt.NDArray[np.uint8] | None
    """(H, W) the palette indices; None for a picture without a palette."""
    colour_of: dict[int, int]
    """Palette index -> its visible value, as in ``shown``."""
    alpha: npt.NDArray[np.uint8] | None
    """(H, W) the alpha channel, 255 = opaque; None when the picture has none."""
    lossy: bool


def size_of(path: Path) -> SizeWH:
    """Return width and height from the file's header. Raises FormatError when it is not a picture."""
    try:
        with open_picture(path) as image:
            return image.size
    except OSError as error:
        raise _unreadable(path, error) from error


def read_pixels(path: Path, size_wh: SizeWH | None = None) -> Pixels:
    """Read a picture. Raises FormatError when the file is not a picture, or has another size than ``size_wh``."""
    try:
        with open_picture(path) as image:  # the size is checked before the pixels are decoded
            if size_wh is not None and image.size != size_wh:
                raise FormatError(f"{path} is {image.size}, the clip {size_wh} (width, height); scale it to that")
        image = loaded_picture(path)
        return _pixels(image, lossy=image.format in LOSSY or (image.format == "WEBP" and _is_lossy_webp(path)))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _is_lossy_webp(path: Path) -> bool:
    with open(path, "rb") as file:
        return b"VP8L" not in file.read(WEBP_HEAD)


def _unreadable(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path} does not read as an image ({error}); replace it or take it out")


def _pixels(image: Image.Image, *, lossy: bool) -> Pixels:
    """Return the values of an image. Raises ValueError for numbers that a mask cannot hold, such as 0.3 and -1."""
    alpha = None
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    index = np.asarray(image) if image.mode == "P" else None
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Pixels(_whole_numbers(np.asarray(image)), None, {}, None, lossy)
    if image.mode in ("1", "L", "LA", "La"):
        shown = np.asarray(image.convert("LA" if image.mode == "La" else image.mode).convert("L")).astype(np.int32)
        return Pixels(shown, None, {}, alpha, lossy)
    shown = _shown(np.asarray(image.convert("RGBA").convert("RGB")), tolerance=NEARLY if lossy else 0)
    colour_of = {}
    if index is not None:
        used, places = np.unique(index, return_index=True)
        colour_of = dict(zip(used.tolist(), shown.ravel()[places].tolist(), strict=True))
    return Pixels(shown, index, colour_of, alpha, lossy)


def _whole_numbers(numbers: npt.NDArray[Any]) -> Values:
    if numbers.dtype.kind == "f" and numbers.min(initial=0) >= 0 and numbers.max(initial=0) <= 1:
        whole = np.round(numbers * 255) if (numbers % 1).any() else numbers
        return whole.astype(np.int32)
    if not (np.isfinite(numbers).all() and numbers.min(initial=0) >= 0 and numbers.max(initial=0) <= 65535):
        raise ValueError("its values are not all from 0 to 65535")
    if (numbers % 1).any():
        raise ValueError("its values are no whole numbers")
    return numbers.astype(np.int32)


def _shown(rgb: npt.NDArray[np.uint8], *, tolerance: int) -> Values:
    """Return one number per pixel of (H, W, 3) RGB: a grey value, or ``COLOUR`` plus the colour."""
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    colour = COLOUR + (red << 16) + (green << 8) + blue
    return np.where(spread <= tolerance, green, colour).astype(np.int32)


def brightness(shown: Values) -> Values:
    """Return (H, W) the brightest channel of each pixel; grey values stay as they are."""
    coloured = shown >= COLOUR
    if not coloured.any():
        return shown
    brightest = np.maximum(np.maximum(shown >> 16 & 255, shown >> 8 & 255), shown & 255)
    return np.where(coloured, brightest, shown).astype(np.int32)


def rgb_of(value: int) -> RGB:
    """Return the RGB colour of one value of ``Pixels.shown``."""
    if value < COLOUR:
        return value, value, value
    return value >> 16 & 255, value >> 8 & 255, value & 255


def name_of(value: int) -> str:
    """Return the name of a value for messages: 12, or #80ff00 for a colour."""
    return str(value) if value < COLOUR else "#{:02x}{:02x}{:02x}".format(*rgb_of(value))
