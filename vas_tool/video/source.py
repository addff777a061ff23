"""What a clip was made from, and the limits of what can be made into one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vas_tool.errors import VideoError
from vas_tool.types import FrameRecord, SizeWH

MIN_SIDE = 16
"""Pixels. Nothing smaller shows an object; such sizes come from broken headers and spacer images."""
MAX_SIDE = 16384
"""Pixels. JPEG ends at 65535, browsers' canvases and many decoders at 16384."""
MAX_PIXELS = 100_000_000
"""One frame of this size takes 300 MB as RGB; an import holds a few of them at a time."""
HASH_BLOCK = 1 << 20
"""Bytes read at once while hashing."""

Rotation = Literal[0, 90, 180, 270]
"""Degrees clockwise that the stored picture was turned by to stand upright."""


FOLDERS_OF_FRAMES = ("rgbs", "frames", "images", "jpegimages")
"""Names that say what lies in a folder, not of what: the folder around it has the clip's name."""


def clip_name(source: Path) -> str:
    """What a clip of this video or folder of images is called: ``horse`` for horse.mp4, horse/ and horse/rgbs/."""
    path = source.resolve()
    if not path.is_dir():
        return path.stem
    return path.parent.name or path.name if path.name.lower() in FOLDERS_OF_FRAMES else path.name


@dataclass(frozen=True)
class SourceInfo:
    """The video file or the folder of images that a clip was made from."""

    path: str
    sha256: str
    """Of the file; for a folder, of every image's name, length and bytes in their order."""
    fps: float | None
    """Frames a second of the source while it moves; None when it is not known (a folder, a single picture)."""
    size_wh: SizeWH
    """Width and height in pixels, after rotation."""
    rotation: Rotation
    kind: Literal["video", "images"]
    notes: tuple[str, ...] = ()
    """Sentences for the person: what was odd about the source, and what was done about it."""


@dataclass(frozen=True)
class ImportedClip:
    """What ``import_frames`` made: ``ledger[i]`` says where frame i of the clip comes from."""

    source: SourceInfo
    ledger: tuple[FrameRecord, ...]
    fps: float
    """Frames a second of the clip: the rate asked for, or the source's own when that is slower."""
    size_wh: SizeWH


def check_size(size_wh: SizeWH, name: str) -> None:
    """Raise VideoError when a picture of this size cannot become a frame; ``name`` is what is being read."""
    width, height = size_wh
    if min(size_wh) < MIN_SIDE:
        raise VideoError(f"{name}: {width} x {height} pixels is too small; each side must be at least {MIN_SIDE}")
    if max(size_wh) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoError(
            f"{name}: {width} x {height} pixels is too large; scale it down to at most {MAX_SIDE} pixels a side "
            f"and {MAX_PIXELS // 1_000_000} megapixels, then import it again"
        )


def sha256_of(path: Path, *, tick: Callable[[], None]) -> str:
    """The file's SHA-256, read in blocks; ``tick`` is called after each. Raises VideoError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(HASH_BLOCK):
                digest.update(block)
                tick()
    except OSError as error:
        raise VideoError(f"{path} cannot be read any more ({error.strerror}); check its disk") from error
    return digest.hexdigest()
