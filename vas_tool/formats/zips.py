"""Unpacks the .zip of an export into a temporary folder."""

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
"""First bytes of a .zip, and of an empty one."""

MOST_FILES = 1_000_000
"""Most files in one .zip. Six pictures for each frame of two hours at 8 FPS are a third of this."""

MOST_BYTES = 64 << 30
"""Most bytes after unpacking. The free space on the disk may be less."""

DEEPEST = 32
"""Most levels of nested folders. An export has four."""

FREE_BYTES = 1 << 30
"""Bytes of disk space that unpacking leaves free."""

UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)
"""Errors of zipfile for a truncated file, a damaged file, and a file with a password."""


def is_zip(path: Path) -> bool:
    """Return whether a file is a .zip, by its first bytes or by its name."""
    try:
        with path.open("rb") as file:
            return file.read(4) in MAGIC or path.suffix.lower() == ".zip"
    except OSError:  # a folder, or an unreadable file, which the reader reports
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield a temporary folder with the content of a .zip. The folder is removed afterwards.

    Raises FormatError, before anything is written, when an entry would leave the folder, is a link or is repeated, or
    when there are too many entries or bytes; and when the file is unreadable.
    """
    with tempfile.TemporaryDirectory(prefix="vas-tool-") as place:
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
                _require_harmless(path, entries, free_bytes=shutil.disk_usage(place).free - FREE_BYTES)
                for entry in entries:
                    _write(archive, entry, Path(place))
        except UNREADABLE as error:
            raise FormatError(f"{path} does not read as a .zip ({error}); download or export it again") from error
        except OSError as error:
            raise FormatError(f"{path} cannot be unpacked ({error}); unpack it yourself and name the folder") from error
        yield Path(place)


def _require_harmless(path: Path, entries: Sequence[zipfile.ZipInfo], *, free_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    odd = next((entry.filename for entry in entries if not _is_plain(entry)), None)
    if odd is not None:
        raise FormatError(f"{path} has the entry {odd[:80]!r}, which is no plain file inside it; it was not unpacked")
    if len(set(names)) < len(names):
        raise FormatError(f"{path} has two entries of one name; export it again")
    if len(entries) > MOST_FILES:
        raise FormatError(f"{path} has {len(entries)} files, more than {MOST_FILES}; unpack it and name the folder")
    size, most = sum(entry.file_size for entry in entries), min(MOST_BYTES, free_bytes)
    if size > most:
        raise FormatError(
            f"{path} would take {size / 1e9:.1f} GB, there is room for {max(most, 0) / 1e9:.1f} GB in "
            f"{tempfile.gettempdir()}; unpack it elsewhere and name the folder"
        )


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry is a file or folder inside the target folder, on every system."""
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
    # zipfile returns no more bytes than the entry states.
    with archive.open(entry) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
