"""Files that are never half written: atomic writes, the folder lock, and layers of one picture a frame.

A layer is a folder of ``00000.png ...``. Every picture carries its ``Stamp`` (who made it, from what) in a PNG text
chunk, so that pixels and provenance change in the same instant and are restored together by undo.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from PIL import Image, PngImagePlugin

from vas_tool.errors import ProjectBusy, ProjectDamaged, ProjectError
from vas_tool.masks import area, box_xyxy
from vas_tool.types import Content, Depth, Mask, SizeWH

Picture = TypeVar("Picture")

STAMP_KEY = "vas-tool"
"""The PNG text chunk that holds the stamp."""

DEPTH_LEVELS = 65535
"""Depth is stored in 16 bit."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside, flush to the disk, then replace: the file is the old one or the new one, never between.

    Raises ProjectError when the disk refuses (full, read-only); the old file is then untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):  # the folder itself may be the problem
            beside.unlink()
        raise ProjectError(f"{path} could not be written ({error.strerror}); make room and try again") from error


class FolderLock:
    """Holds a folder for this process until released; the system lets go of it when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Raises ProjectBusy, naming the other process, when the folder is held; ProjectError when it is read-only."""
        try:
            self._file = (folder / ".lock").open("a+")
        except OSError as error:
            raise ProjectError(
                f"{folder} cannot be locked ({error.strerror}); make it writable, or copy the project"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise ProjectBusy(
                f"{folder} is open in another process (pid {holder}); close it there, or open another project"
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others open the folder."""
        self._file.close()


@dataclass(frozen=True)
class Stamp:
    """Who made a picture of a layer, and from what."""

    engine: str
    """Name of the engine, ``given`` for imported masks."""
    revision: str = ""
    """Of the engine's weights, or its version."""
    seed: int = 0
    inputs: str = ""
    """Digest of everything the picture was made from; another digest now means that it is stale."""
    certainty: float = 1.0
    """0 (a guess) .. 1, as the engine sees it."""
    area: int = 0
    """Pixels of a mask that are set (for content: of its alpha)."""
    box: tuple[int, int, int, int] | None = None
    """x0, y0, x1, y1 of a mask, None when it is empty."""
    digest: str = ""
    """Of the pixels."""
    object_score: float | None = None
    """As ``engines.base.TrackedFrame`` says."""
    predicted_iou: float | None = None
    """As ``engines.base.TrackedFrame`` says."""
    how: str = ""
    """Of an amodal mask whose hypothesis was chosen: ``seed``, ``majority`` or ``union`` (of ``seeds``)."""
    seeds: tuple[int, ...] = ()
    """The seeds of the hypotheses that it follows from."""
    disagreement: float | None = None
    """Of a hypothesis: 0..1, how far those that were there when it was made differ (see ``hypotheses``)."""
    among: int = 0
    """Of a hypothesis: how many those were."""
    crop: tuple[float, ...] | None = None
    """The crop the engine looked through: x0, y0, x1, y1 in clip pixels, width, height in its own (``boxes.crops``)."""
    given_box: tuple[float, ...] | None = None
    """The amodal box it was for: x0, y0, x1, y1 in clip pixels."""


@dataclass(frozen=True)
class Codec(Generic[Picture]):
    """How one kind of picture becomes a PNG, and how much of it is set."""

    encode: Callable[[Picture], Image.Image]
    decode: Callable[[Image.Image], Picture]
    support: Callable[[Picture], Mask | None]


def _mask_image(mask: Mask) -> Image.Image:
    return Image.fromarray(mask)


def _mask_array(image: Image.Image) -> Mask:
    return np.asarray(image.convert("L")) > 127


def _depth_image(depth: Depth) -> Image.Image:
    return Image.fromarray(np.round(np.clip(depth, 0, 1) * DEPTH_LEVELS).astype(np.uint16))


def _depth_array(image: Image.Image) -> Depth:
    return np.asarray(image, dtype=np.float32) / np.float32(DEPTH_LEVELS)


def _content_image(content: Content) -> Image.Image:
    return Image.fromarray(content, "RGBA")


def _content_array(image: Image.Image) -> Content:
    return np.array(image.convert("RGBA"))


MASKS: Codec[Mask] = Codec(_mask_image, _mask_array, lambda mask: mask)
DEPTHS: Codec[Depth] = Codec(_depth_image, _depth_array, lambda depth: None)
CONTENTS: Codec[Content] = Codec(_content_image, _content_array, lambda content: content[..., 3] > 0)


class LayerFolder(MutableMapping[int, Picture]):
    """frame_index -> picture, one PNG a frame in a folder. Nothing but the stamps is held in memory.

    ``size_wh`` gives the size that pictures are to have now: one that was written at another (the canvas has grown
    since) is read with as much room around it as that takes, the same on opposite sides. None: as they are.
    """

    def __init__(self, folder: Path, codec: Codec[Picture], *, size_wh: Callable[[], SizeWH] | None = None) -> None:
        self.folder = folder
        self.codec = codec
        self.size_wh = size_wh
        self.before_write: Callable[[LayerFolder[Picture], int], None] = lambda layer, frame_index: None
        """Called before a picture is replaced or removed, so that undo can keep the old one."""
        self.changes = 0
        """Grows with every picture that is put here, replaced or removed."""
        self._stamps: dict[int, Stamp] = {}
        self._sizes: dict[int, SizeWH] = {}
        """Of the pictures as they were written."""
        for frame_index, path in self._pictures():
            self._stamps[frame_index], self._sizes[frame_index] = _head(path)

    def path(self, frame_index: int) -> Path:
        """Where the picture of a frame lies."""
        return self.folder / f"{frame_index:05d}.png"

    def stamp(self, frame_index: int) -> Stamp | None:
        """Who made the picture of a frame; None when there is none."""
        stamp = self._stamps.get(frame_index)
        if stamp is None or stamp.box is None or not (room := self._room(frame_index)):
            return stamp
        x, y = room
        return replace(stamp, box=(stamp.box[0] + x, stamp.box[1] + y, stamp.box[2] + x, stamp.box[3] + y))

    def _room(self, frame_index: int) -> tuple[int, int] | None:
        """What is to be added left and above; None when the picture has the size that is wanted."""
        if self.size_wh is None or (size := self.size_wh()) == (written := self._sizes[frame_index]):
            return None
        return (size[0] - written[0]) // 2, (size[1] - written[1]) // 2

    def put(self, frame_index: int, picture: Picture, stamp: Stamp) -> None:
        """Write one picture with its stamp; area, box and digest are filled in here."""
        support = self.codec.support(picture)
        image = self.codec.encode(picture)
        full = Stamp(
            **{
                **asdict(stamp),
                "area": 0 if support is None else area(support),
                "box": None if support is None else box_xyxy(support),
                "digest": f"{zlib.crc32(image.tobytes()):08x}",
            }
        )
        self._prepare(frame_index)
        write_atomically(self.path(frame_index), _png_bytes(image, full))
        self._stamps[frame_index], self._sizes[frame_index] = full, image.size
        self.changes += 1

    def _prepare(self, frame_index: int) -> None:
        try:
            self.before_write(self, frame_index)
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{self.path(frame_index)} could not be changed ({error.strerror}); make room and try again"
            ) from error

    def reread(self, frame_index: int) -> None:
        """Take notice of a file that was put there or taken away by undo."""
        self._stamps.pop(frame_index, None)
        if self.path(frame_index).exists():
            self._stamps[frame_index], self._sizes[frame_index] = _head(self.path(frame_index))
        self.changes += 1

    def __getitem__(self, frame_index: int) -> Picture:
        if frame_index not in self._stamps:
            raise KeyError(frame_index)
        path = self.path(frame_index)
        try:
            with Image.open(path) as image:
                return self.codec.decode(self._fitted(frame_index, image))
        except (OSError, SyntaxError) as error:
            raise ProjectDamaged(f"{path} does not read ({error}); delete the file and run its stage again") from error

    def png(self, frame_index: int) -> bytes:
        """The picture as a file. Raises KeyError when there is none."""
        if frame_index not in self._stamps:
            raise KeyError(frame_index)
        if self._room(frame_index) is None:
            return self.path(frame_index).read_bytes()
        return _png_bytes(self.codec.encode(self[frame_index]), self._stamps[frame_index])

    def _fitted(self, frame_index: int, image: Image.Image) -> Image.Image:
        room = self._room(frame_index)
        if room is None or self.size_wh is None:
            return image
        fitted = Image.new(image.mode, self.size_wh())
        fitted.paste(image, room)
        return fitted

    def __setitem__(self, frame_index: int, picture: Picture) -> None:
        self.put(frame_index, picture, Stamp(engine="given"))

    def __delitem__(self, frame_index: int) -> None:
        if frame_index not in self._stamps:
            raise KeyError(frame_index)
        self._prepare(frame_index)
        self.path(frame_index).unlink(missing_ok=True)
        del self._stamps[frame_index]
        self.changes += 1

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self._stamps

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._stamps))

    def __len__(self) -> int:
        return len(self._stamps)

    def _pictures(self) -> Iterator[tuple[int, Path]]:
        for path in sorted(self.folder.glob("*.png")) if self.folder.is_dir() else []:
            if path.stem.isdigit():
                yield int(path.stem), path


def _png_bytes(image: Image.Image, stamp: Stamp) -> bytes:
    chunk = PngImagePlugin.PngInfo()
    chunk.add_text(STAMP_KEY, json.dumps(asdict(stamp)))
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=chunk, compress_level=2)
    return out.getvalue()


def read_stamp(path: Path) -> Stamp:
    """The stamp in a picture. Raises ProjectDamaged when the file is no picture of ours."""
    return _head(path)[0]


def _head(path: Path) -> tuple[Stamp, SizeWH]:
    """Stamp and size of a picture; its pixels are not read."""
    try:
        with Image.open(path) as image:
            data, size = json.loads(image.info[STAMP_KEY]), image.size
        tuples = {key: tuple(data[key]) for key in ("box", "seeds", "crop", "given_box") if data.get(key) is not None}
        return Stamp(**{**data, **tuples}), size
    except (OSError, SyntaxError, KeyError, TypeError, ValueError) as error:
        raise ProjectDamaged(
            f"{path} does not read as a picture of this project ({type(error).__name__}: {error}); "
            "delete the file and run its stage again"
        ) from error
