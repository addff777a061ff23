"""The source of a clip, and the limits of what can become a clip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vas_tool.errors import VideoError
from vas_tool.types import FrameRecord, SizeWH

MIN_SIDE = 16
"""Pixels: smallest side. Smaller pictures show no object; they come from broken headers and spacer images."""
MAX_SIDE = 16384
"""Pixels: largest side. JPEG allows 65535; browsers' canvases and many decoders allow 16384."""
MAX_PIXELS = 100_000_000
"""Most pixels of a frame. It takes 300 MB as RGB, and an import holds a few frames at a time."""
HASH_BLOCK = 1 << 20
"""Bytes per read while hashing."""

Rotation = Literal[0, 90, 180, 270]
"""Degrees clockwise by which the stored picture was turned to make it upright."""


FOLDERS_OF_FRAMES = ("rgbs", "frames", "images", "jpegimages")
"""Folder names that do not name the clip. The parent folder has the clip's name."""


def clip_name(source: Path) -> str:
    """Return the name of the clip of a video or folder of images: ``horse`` for horse.mp4, horse/ and horse/rgbs/."""
    path = source.resolve()
    if not path.is_dir():
        return path.stem
    return path.parent.name or path.name if path.name.lower() in FOLDERS_OF_FRAMES else path.name


@dataclass(frozen=True)
class SourceInfo:
    """The video file or the folder of images that a clip was made from."""

    path: str
    sha256: str
    """SHA-256 of the file; for a folder, of the name, length and bytes of every image in order."""
    fps: float | None
    """Frames per second of the source, without holds; None when it is unknown (a folder, a single picture)."""
    size_wh: SizeWH
    """Width and height in pixels, after rotation."""
    rotation: Rotation
    kind: Literal["video", "images"]
    notes: tuple[str, ...] = ()
    """Sentences for the user about unusual properties of the source, and how they were handled."""


@dataclass(frozen=True)
class ImportedClip:
    """The result of ``import_frames``. ``ledger[i]`` is the source of frame i of the clip."""

    source: SourceInfo
    ledger: tuple[FrameRecord, ...]
    fps: float
    """Frames per second of the clip: the requested rate, or that of a slower source."""
    size_wh: SizeWH


def check_size(size_wh: SizeWH, name: str) -> None:
    """Raise VideoError when a picture of this size cannot become a frame. ``name`` names the file in the message."""
    width, height = size_wh
    if min(size_wh) < MIN_SIDE:
        raise VideoError(f"{name}: {width} x {height} pixels is too small; each side must be at least {MIN_SIDE}")
    if max(size_wh) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoError(
            f"{name}: {width} x {height} pixels is too large; scale it down to at most {MAX_SIDE} pixels a side "
            f"and {MAX_PIXELS // 1_000_000} megapixels, then import it again"
        )


def sha256_of(path: Path, *, tick: Callable[[], None]) -> str:
    """Return the file's SHA-256. It is read in blocks, with a call of ``tick`` after each. Raises VideoError."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(HASH_BLOCK):
                digest.update(block)
                tick()
    except OSError as error:
        raise VideoError(f"{path} cannot be read any more ({error.strerror}); check its disk") from error
    return digest.hexdigest()
