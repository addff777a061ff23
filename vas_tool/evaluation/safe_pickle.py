"""Pickles of plain data: dictionaries, lists, numbers, text, numpy arrays. Anything that could run code is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError

ALLOWED = {
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("_codecs", "encode"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}
"""What numpy needs to rebuild its numbers and arrays."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no plain data")
        return super().find_class(module, name)


def load_plain(path: Path) -> Any:
    """What is in the file. Raises FormatError when it does not read, or holds anything but plain data."""
    try:
        with path.open("rb") as file:
            return _Plain(file, encoding="latin1").load()
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise FormatError(f"{path} is no pickle of plain data ({error}); name the file of the data set") from error
