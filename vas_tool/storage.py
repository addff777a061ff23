"""Layers with one picture per frame: a folder of ``00000.png ...``, each with its ``Stamp`` (who made it, from what).

A picture that does not read costs itself alone: it counts as absent, is named in ``damaged``, and stays where it is
until something is put in its place.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from vas_tool.errors import ProjectDamaged, ProjectError
from vas_tool.files import FolderLock, open_plain, read_plain, remedy, write_atomically
from vas_tool.masks import area, box_xyxy
from vas_tool.picture_codecs import CONTENTS, DEPTH_LEVELS, DEPTHS, MASKS, Codec, Picture
from vas_tool.stamp_index import WORTH_IT, Stamps, found_in, read_index, row_of, write_index
from vas_tool.stamps import STAMP_KEY, Stamp, not_ours, read_head, stamp_text
from vas_tool.types import SizeWH

__all__ = [
    "CONTENTS",
    "DEPTHS",
    "DEPTH_LEVELS",
    "MASKS",
    "STAMP_KEY",
    "Bounds",
    "Codec",
    "FolderLock",
    "LayerFolder",
    "Picture",
    "Stamp",
    "read_stamp",
    "write_atomically",
]

UNWRITTEN = 512
"""Number of changed pictures after which the index is written again."""

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""The exceptions that Pillow raises for a damaged file."""


@dataclass(frozen=True)
class Bounds:
    """The frames that a layer may have pictures of, and their size. Other pictures do not belong to the project."""

    num_frames: int
    least_wh: SizeWH
    most_wh: SizeWH

    def broken_by(self, frame_index: int, size_wh: SizeWH) -> str:
        """Return what is wrong with a picture; "" when nothing is."""
        if frame_index >= self.num_frames:
            return f"the clip has frames 0 to {self.num_frames - 1}"
        return self.wrong_size(size_wh)

    def wrong_size(self, size_wh: SizeWH) -> str:
        """Return what is wrong with a picture's size; "" when nothing is."""
        (width, height), least, most = size_wh, self.least_wh, self.most_wh
        if least[0] <= width <= most[0] and least[1] <= height <= most[1]:
            return ""
        return f"it is {width} x {height}, and {least[0]} x {least[1]} is wanted"


class LayerFolder(MutableMapping[int, Picture]):
    """frame_index -> picture, one PNG per frame in a folder. Only stamps are held in memory.

    ``size_wh`` gives the size that pictures are to have now: one that was written at another (the canvas has grown
    since) is read with as much room around it as that takes, the same on opposite sides. None: as they are.
    """

    def __init__(
        self,
        folder: Path,
        codec: Codec[Picture],
        *,
        size_wh: Callable[[], SizeWH] | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.folder = folder
        self.codec = codec
        self.size_wh = size_wh
        self.bounds = bounds
        self.before_write: Callable[[LayerFolder[Picture], int], None] = lambda layer, frame_index: None
        """Called before a picture is replaced or removed, so that undo can keep the old one."""
        self.after_write: Callable[[LayerFolder[Picture], int], None] = lambda layer, frame_index: None
        """Called after a picture was put."""
        self.changes = 0
        """Grows with every picture that is put here, replaced or removed."""
        self.damaged: dict[int, str] = {}
        """Pictures that lie there and do not read: why, by frame_index. They are not among the pictures."""
        self._mutex = threading.RLock()
        """Held while a row of the table is read or changed."""
        self._table = Stamps()
        """Of the pictures as they were written."""
        self._handed: tuple[SizeWH | None, Stamps] | None = None
        """What ``stamps`` gave since the last change, and the size that pictures were to have then."""
        self._leftovers: list[Path] = []
        self._unwritten = 0
        """Rows that the index does not have yet."""
        self._look()

    def _look(self) -> None:
        """Read the names and stamps of the pictures in the folder."""
        found = found_in(self.folder, self._leftovers)
        if len(found) >= WORTH_IT:
            self._table = read_index(self.folder, found)
        for frame_index in sorted(found.keys() - set(self._table)):
            self._unwritten += 1
            self._read_row(frame_index, found[frame_index])
        self._leave_out_what_does_not_fit()

    def _leave_out_what_does_not_fit(self) -> None:
        bounds, table = self.bounds, self._table
        if bounds is None or not table:
            return
        if max(table.frames) < bounds.num_frames and not any(map(bounds.wrong_size, table.sizes())):
            return
        for frame_index in sorted(table):
            if wrong := bounds.broken_by(frame_index, table.size_wh(frame_index)):
                self.damaged[frame_index] = not_ours(self.path(frame_index), wrong)
                table.drop(frame_index)

    def _read_row(self, frame_index: int, there: os.stat_result) -> None:
        """Read a picture's stamp. Damage is noted in ``damaged``."""
        try:
            stamp, size = read_head(self.path(frame_index))
        except ProjectDamaged as error:
            self.damaged[frame_index] = str(error)
            return
        row = row_of(stamp, mtime_ns=there.st_mtime_ns, num_bytes=there.st_size, size_wh=size)
        self._set_row(frame_index, row)

    def flush(self) -> None:
        """Write the index if something has changed and the layer is large enough. Remove files that a killed process
        left.
        """
        while self._leftovers:
            with suppress(OSError):
                self._leftovers.pop().unlink()
        if self._unwritten and len(self._table) >= WORTH_IT:
            write_index(self.folder, self._table)
        self._unwritten = 0

    def path(self, frame_index: int) -> Path:
        """Return the path of a frame's picture."""
        return self.folder / f"{frame_index:05d}.png"

    def stamp(self, frame_index: int) -> Stamp | None:
        """Return the stamp of a frame's picture; None when there is none."""
        with self._mutex:
            if frame_index not in self._table:
                return None
            stamp, padding = self._table[frame_index], self._padding(frame_index)
        return replace(stamp, box=_moved(stamp.box, padding)) if padding else stamp

    def stamps(self) -> Stamps:
        """Return frame_index -> stamp of all pictures. The table does not change later."""
        size = self.size_wh() if self.size_wh is not None else None
        with self._mutex:
            if self._handed is None or self._handed[0] != size:
                self._handed = size, self._table if size is None else self._fitting(size)
            return self._handed[1]

    def _fitting(self, size: SizeWH) -> Stamps:
        """Return the table with boxes moved to pictures of a size."""
        if not self._table.sizes() - {size}:
            return self._table
        boxes = [_moved(box, self._padding(f)) for f, box in self._table.by_frame("box").items()]
        return self._table.with_column("box", boxes)

    def _padding(self, frame_index: int) -> tuple[int, int] | None:
        """Return the pixels to add left and above; None when the picture has the right size."""
        written = self._table.size_wh(frame_index)
        if self.size_wh is None or (size := self.size_wh()) == written:
            return None
        return (size[0] - written[0]) // 2, (size[1] - written[1]) // 2

    def put(self, frame_index: int, picture: Picture, stamp: Stamp) -> None:
        """Write one picture with its stamp. Area, box and digest are computed here.

        Raises ProjectError when the disk refuses, or when the picture does not fit the clip.
        """
        support = self.codec.support(picture)
        image = self.codec.encode(picture)
        if wrong := self.bounds.wrong_size(image.size) if self.bounds else "":
            raise ProjectError(f"a picture for frame {frame_index} was not stored in {self.folder}: {wrong}")
        full = replace(
            stamp,
            area=0 if support is None else area(support),
            box=None if support is None else box_xyxy(support),
            digest=f"{zlib.crc32(image.tobytes()):08x}",
        )
        self._prepare(frame_index)
        write_atomically(self.path(frame_index), _png_bytes(image, full))
        mtime_ns, num_bytes = self._times(frame_index)
        self._set_row(frame_index, row_of(full, mtime_ns=mtime_ns, num_bytes=num_bytes, size_wh=image.size))
        self._changed(frame_index)
        self.after_write(self, frame_index)

    def _times(self, frame_index: int) -> tuple[int, int]:
        """Return the picture's time of change, and its size. The time differs from the earlier one even after two
        writes in one clock tick.
        """
        path = self.path(frame_index)
        there = path.stat()
        before = self._table.value(frame_index, "mtime_ns") if frame_index in self._table else 0
        if there.st_mtime_ns > before:
            return there.st_mtime_ns, there.st_size
        os.utime(path, ns=(there.st_atime_ns, before + 1))
        return path.stat().st_mtime_ns, there.st_size

    def _set_row(self, frame_index: int, row: Mapping[str, Any] | None) -> None:
        """Change a row of the table, or remove it (None). A table that a caller holds is copied first."""
        with self._mutex:
            if self._handed is not None:
                self._table, self._handed = self._table.copy(), None
            self._table.put(frame_index, row) if row is not None else self._table.drop(frame_index)

    def _changed(self, frame_index: int) -> None:
        self.damaged.pop(frame_index, None)
        self.changes += 1
        self._unwritten += 1
        if self._unwritten >= UNWRITTEN:
            self.flush()

    def _prepare(self, frame_index: int) -> None:
        try:
            self.before_write(self, frame_index)
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{self.path(frame_index)} could not be changed ({error.strerror}); {remedy(error)}"
            ) from error

    def reread(self, frame_index: int) -> None:
        """Read a picture again that undo restored or deleted."""
        self._set_row(frame_index, None)
        self._changed(frame_index)
        with suppress(FileNotFoundError, NotADirectoryError):
            self._read_row(frame_index, self.path(frame_index).lstat())

    def __getitem__(self, frame_index: int) -> Picture:
        if frame_index not in self._table:
            raise KeyError(frame_index)
        try:
            with open_plain(self.path(frame_index)) as file, Image.open(file, formats=("PNG",)) as image:
                if image.size != self._table.size_wh(frame_index):
                    raise ValueError(f"it is {image.size[0]} x {image.size[1]} now")
                return self.codec.decode(self._fitted(frame_index, image))
        except UNREADABLE as error:
            raise self._lost(frame_index, error) from error

    def _lost(self, frame_index: int, error: Exception) -> ProjectError:
        """Note that a picture is damaged, so that it counts as absent, and return the error. A fault of disk or folder
        does not count.
        """
        path, number = self.path(frame_index), getattr(error, "errno", None)
        if not self.folder.is_dir():
            return ProjectError(
                f"{self.folder} is not there any more; put the project back where it was, or open it where it is now"
            )
        if number is not None and path.is_file() and not path.is_symlink():
            return ProjectError(f"{path} could not be read ({error}); see that it may be read, then try again")
        self.damaged[frame_index] = not_ours(path, error)
        self._set_row(frame_index, None)
        self.changes += 1
        return ProjectDamaged(self.damaged[frame_index])

    def png(self, frame_index: int) -> bytes:
        """Return the bytes of a picture's file. Raises KeyError when there is none."""
        if frame_index not in self._table:
            raise KeyError(frame_index)
        if self._padding(frame_index) is None:
            return read_plain(self.path(frame_index))
        return _png_bytes(self.codec.encode(self[frame_index]), self._table[frame_index])

    def _fitted(self, frame_index: int, image: Image.Image) -> Image.Image:
        padding = self._padding(frame_index)
        if padding is None or self.size_wh is None:
            return image
        fitted = Image.new(image.mode, self.size_wh())
        fitted.paste(image, padding)
        return fitted

    def __setitem__(self, frame_index: int, picture: Picture) -> None:
        self.put(frame_index, picture, Stamp(engine="given"))

    def __delitem__(self, frame_index: int) -> None:
        if frame_index not in self._table:
            raise KeyError(frame_index)
        self._prepare(frame_index)
        try:
            self.path(frame_index).unlink(missing_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{self.path(frame_index)} could not be removed ({error.strerror}); {remedy(error)}"
            ) from error
        self._set_row(frame_index, None)
        self._changed(frame_index)

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self._table

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._table.frames))

    def __len__(self) -> int:
        return len(self._table)


def _moved(box: tuple[int, int, int, int] | None, padding: tuple[int, int] | None) -> tuple[int, int, int, int] | None:
    """Return a mask's box after pixels were added left and above."""
    if box is None or not padding:
        return box
    return box[0] + padding[0], box[1] + padding[1], box[2] + padding[0], box[3] + padding[1]


def _png_bytes(image: Image.Image, stamp: Stamp) -> bytes:
    chunk = PngImagePlugin.PngInfo()
    chunk.add_text(STAMP_KEY, stamp_text(stamp))
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=chunk, compress_level=2)
    return out.getvalue()


def read_stamp(path: Path) -> Stamp:
    """Return the stamp in a picture. Raises ProjectDamaged when the file is not a picture of a project."""
    return read_head(path)[0]
