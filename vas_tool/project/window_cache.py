"""A cache on disk of the answers of engines with windows. A resumed or repeated run computes no window twice.

A cache beside the layers of a project, in its folder ``windows``: it may be deleted at any time, and costs time then.
What was used last stays, up to ``MOST_BYTES``.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vas_tool.errors import ProjectError
from vas_tool.files import open_plain, write_atomically
from vas_tool.run_warnings import warn
from vas_tool.work import WindowAnswer, WindowKey

FOLDER = "windows"
"""Name of the cache's folder in a project's folder."""
MOST_BYTES = 512 * 2**20
"""The largest size of a project's cache in bytes. A window of masks at 256 x 512 takes 6.6 MB before compression, one
of
colours 9.8 MB: room for the last hundred and more, of which a stopped run needs two."""
DAMAGED = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""The exceptions that reading a damaged file raises. The checksum in the file detects a changed bit."""


@dataclass(frozen=True)
class WindowCache:
    """Answers by label and key. A label is a digest of the inputs that are known without reading pixels."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def read(self, key: WindowKey, *, label: str = "") -> WindowAnswer | None:
        """Return a stored answer; None when there is none, or its file is damaged. A damaged file is logged and
        removed.

        What was kept under another label does as well: ``made_from`` tells all that the answer depends on.
        """
        path = self._path(key, label)
        if not path.exists():
            path = next(self.folder.glob(f"*-{key.seed}-{key.made_from}.npz"), path)
        try:
            with open_plain(path) as opened, np.load(opened, allow_pickle=False) as file:
                answer: WindowAnswer = file["answer"]
            os.utime(path, follow_symlinks=False)  # what was used last stays
            return answer
        except FileNotFoundError:
            return None
        except DAMAGED as error:
            warn("a window that was kept is damaged, and was computed again", detail=f"{path}: {error}")
            with suppress(OSError):
                path.unlink()
            return None

    def keep(self, key: WindowKey, answer: WindowAnswer, *, label: str = "") -> None:
        """Store an answer. If the disk refuses, nothing is stored and the run continues."""
        file = io.BytesIO()
        np.savez_compressed(file, answer=answer)
        try:
            self.folder.mkdir(exist_ok=True)  # not its parent: a project that was moved is not made again
            write_atomically(self._path(key, label), file.getvalue())
            self._forget_the_oldest()
        except (ProjectError, OSError) as error:
            warn("finished windows could not be kept: a stopped run would repeat them", detail=str(error))

    def labelled(self) -> set[tuple[str, int]]:
        """Return (label, seed) of all stored answers."""
        names = (path.stem.rsplit("-", 2) for path in self.folder.glob("*-*-*.npz"))
        return {(label, int(seed)) for label, seed, _ in names if seed.isdigit()}

    def _path(self, key: WindowKey, label: str) -> Path:
        return self.folder / f"{label}-{key.seed}-{key.made_from}.npz"

    def _forget_the_oldest(self) -> None:
        for path in self.folder.glob(".*.part"):  # of a process that was killed while it wrote
            path.unlink(missing_ok=True)
        files = [(path.stat(), path) for path in self.folder.glob("*.npz")]
        free_bytes = self.most_bytes
        for stat, path in sorted(files, key=lambda one: one[0].st_mtime_ns, reverse=True):
            free_bytes -= stat.st_size
            if free_bytes < 0:
                path.unlink(missing_ok=True)
