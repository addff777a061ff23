"""Clips whose frames are read when they are needed: from files in a folder, or from a function."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import overload

import numpy as np
from PIL import Image

from vas_tool.errors import VideoError
from vas_tool.types import Frame, Intrinsics, SizeWH
from vas_tool.video.picture_files import open_picture
from vas_tool.video.storing import frame_name

CACHED_FRAMES = 32
CACHED_BYTES = 128 << 20
"""Bytes of cached frames: about 20 frames of 1080p or 5 of 2160p. The limit does not grow with the picture."""
FRAME_FILE = re.compile(r"(\d{5,})(\.jpg|\.png)")


class FolderClip:
    """The frames 00000.jpg (or .png), 00001.jpg, ... of a folder as a Clip. A frame is read when it is needed.

    Frames are (H, W, 3) uint8 RGB and read-only, because the cache shares them: copy a frame to change it. Any number
    of threads may read. Two clips are equal only if they are the same Python object.
    """

    def __init__(self, frames_dir: Path, *, fps: float, size_wh: SizeWH) -> None:
        """Open the folder. Raises VideoError when it cannot be read or holds no frame."""
        self._folder = Path(frames_dir)
        self._fps = fps
        self._size_wh = size_wh
        self.intrinsics: Intrinsics | None = None
        """Intrinsics of the camera, if they are known. The owner of the clip sets them."""
        self._suffixes = _suffixes(self._folder)
        self._length = max(self._suffixes) + 1
        self._cache: OrderedDict[int, Frame] = OrderedDict()
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"FolderClip({str(self._folder)!r}, {len(self)} frames, {self._size_wh[0]} x {self._size_wh[1]})"

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of every frame, in pixels."""
        return self._size_wh

    @property
    def fps(self) -> float:
        """Frames per second of the clip."""
        return self._fps

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice, /) -> Frame | Sequence[Frame]:
        if isinstance(index, slice):
            return [self._frame(i) for i in range(*index.indices(len(self)))]
        return self._frame(self._position(index))

    def frame_path(self, index: int) -> Path:
        """Return the path of one frame; the file may be missing. Raises IndexError outside the clip."""
        position = self._position(index)
        return self._folder / frame_name(position, self._suffixes.get(position, ".jpg"))

    def _position(self, index: int) -> int:
        position = index + len(self) if index < 0 else int(index)
        if not 0 <= position < len(self):
            raise IndexError(f"frame {index} is outside the clip of {len(self)} frames")
        return position

    def _frame(self, position: int) -> Frame:
        with self._lock:
            if position in self._cache:
                self._cache.move_to_end(position)
                return self._cache[position]
        # Frames are decoded outside the lock: two threads may decode the same frame, but none waits for another frame.
        frame = read_frame(self.frame_path(position), self._size_wh)
        with self._lock:
            self._cache[position] = frame
            self._cache.move_to_end(position)
            while len(self._cache) > max(1, min(CACHED_FRAMES, CACHED_BYTES // frame.nbytes)):
                self._cache.popitem(last=False)
        return frame


@dataclass(frozen=True, eq=False)
class LazyClip:
    """A clip whose frames a function returns when they are needed."""

    read: Callable[[int], Frame]
    """A function: frame index, from 0 -> (H, W, 3) uint8 RGB."""
    num_frames: int
    size_wh: SizeWH
    """Width and height of every frame, in pixels."""
    fps: float = 8.0

    def __len__(self) -> int:
        return self.num_frames

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice, /) -> Frame | Sequence[Frame]:
        frames = range(self.num_frames)[index]
        return self.read(frames) if isinstance(frames, int) else [self.read(i) for i in frames]


def read_frame(path: Path, size_wh: SizeWH) -> Frame:
    """Return one frame file as a read-only (H, W, 3) uint8 RGB array.

    Raises VideoError when it is missing, damaged or has another size than ``size_wh``.
    """
    remedy = "put it back from a copy of the project, or import the source again"
    try:
        with open_picture(path) as image:
            frame = as_rgb(image)
    except FileNotFoundError as error:
        raise VideoError(f"the frame {path} is missing; {remedy}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise VideoError(f"the frame {path} cannot be read ({error}); {remedy}") from error
    height, width = frame.shape[:2]
    if (width, height) != size_wh:
        raise VideoError(f"the frame {path} is {width} x {height}, the clip {size_wh[0]} x {size_wh[1]}; {remedy}")
    return frame


def as_rgb(image: Image.Image, *, white: float | None = None) -> Frame:
    """Return a Pillow image as a read-only (H, W, 3) uint8 array. Alpha is dropped; deep grey is scaled to 8 bits.

    ``white`` is the value that becomes 255; None takes ``white_of`` the image.
    """
    if is_deep(image):
        # Pillow would clip these values at 255 instead of scaling them.
        values = np.nan_to_num(np.asarray(image, np.float64)) * (255 / (white or white_of(image)))
        frame = np.repeat(values.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    else:
        frame = np.asarray(image.convert("RGB"))
    frame.flags.writeable = False
    return frame


def is_deep(image: Image.Image) -> bool:
    """Return whether a Pillow image is grey with more than 8 bits: I;16, I (32 bits), F (floating point)."""
    return image.mode.startswith(("I", "F"))


def white_of(image: Image.Image) -> float:
    """Return the value of white in a deep image: 65535 for 16 bits, else 1, 255 or 65535 depending on its values.

    Larger values follow no convention: then the image's highest value is white.
    """
    highest = float(np.nan_to_num(np.asarray(image, np.float64)).max())
    usual = [65535] if image.mode.startswith("I;16") else [255, 65535] if image.mode == "I" else [1, 255, 65535]
    return next((white for white in usual if highest <= white), highest)


def _suffixes(folder: Path) -> dict[int, str]:
    """Return frame_index -> suffix of the frame's file."""
    try:
        names = [FRAME_FILE.fullmatch(path.name) for path in folder.iterdir()]
    except OSError as error:
        raise VideoError(
            f"the frames in {folder} cannot be read ({error.strerror}); import the source again"
        ) from error
    found = {int(name[1]): name[2] for name in names if name}
    if not found:
        raise VideoError(f"{folder} holds no frames (00000.jpg, ...); import the source again")
    return found
