"""A .zip of an export, unpacked for a while to be read like the folder; nothing of it is written elsewhere."""

from __future__ import annotations

import lzma
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from vas_tool.errors import FormatError

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""How a .zip begins, and how one that holds nothing does."""

MOST_FILES = 1_000_000
"""In one .zip: six pictures a frame of two hours at 8 FPS are a third of it."""

MOST_BYTES = 64 << 30
"""Unpacked; what the disk has room for may be less."""

DEEPEST = 32
"""Folders inside folders: an export has four."""

ROOM_LEFT = 1 << 30
"""Bytes that stay free on the disk."""

UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)
"""What zipfile raises for half a file, a damaged one, and one with a password."""


def is_zip(path: Path) -> bool:
    """Whether a file is a .zip, by its first letters, or at least by its name."""
    try:
        with path.open("rb") as file:
            return file.read(4) in MAGIC or path.suffix.lower() == ".zip"
    except OSError:  # a folder; or what cannot be read at all, as whoever reads it will say
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder that a .zip holds, in a temporary place that goes afterwards.

    Raises FormatError, before anything is written, when an entry would leave the folder, is a link, is there twice,
    or all of them are too many or too large; and when the file does not read.
    """
    with tempfile.TemporaryDirectory(prefix="vas-tool-") as place:
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
                _require_harmless(path, entries, room=shutil.disk_usage(place).free - ROOM_LEFT)
                for entry in entries:
                    _write(archive, entry, Path(place))
        except UNREADABLE as error:
            raise FormatError(f"{path} does not read as a .zip ({error}); download or export it again") from error
        except OSError as error:
            raise FormatError(f"{path} cannot be unpacked ({error}); unpack it yourself and name the folder") from error
        yield Path(place)


def _require_harmless(path: Path, entries: Sequence[zipfile.ZipInfo], *, room: int) -> None:
    names = [entry.filename for entry in entries]
    odd = next((entry.filename for entry in entries if not _is_plain(entry)), None)
    if odd is not None:
        raise FormatError(f"{path} has the entry {odd[:80]!r}, which is no plain file inside it; it was not unpacked")
    if len(set(names)) < len(names):
        raise FormatError(f"{path} has two entries of one name; export it again")
    if len(entries) > MOST_FILES:
        raise FormatError(f"{path} has {len(entries)} files, more than {MOST_FILES}; unpack it and name the folder")
    size, most = sum(entry.file_size for entry in entries), min(MOST_BYTES, room)
    if size > most:
        raise FormatError(
            f"{path} would take {size / 1e9:.1f} GB, there is room for {max(most, 0) / 1e9:.1f} GB in "
            f"{tempfile.gettempdir()}; unpack it elsewhere and name the folder"
        )


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a file or folder below the place it is unpacked to, on every system."""
    name = PurePosixPath(entry.filename)
    inside = 0 < len(name.parts) <= DEEPEST and not name.is_absolute() and ".." not in name.parts
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return inside and not set("\\:\0") & set(entry.filename) and kind in (0, stat.S_IFREG, stat.S_IFDIR)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    target = place / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # zipfile gives no more bytes than the entry says it has, whatever is packed there.
    with archive.open(entry) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
