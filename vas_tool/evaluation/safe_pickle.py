"""Reads pickles of plain data only: dictionaries, lists, numbers, text, bytes, numpy arrays of numbers.

A pickle is a program. Here it may build plain values and call the functions of ``CALLABLE``, which are defined here and
rebuild numpy's numbers and arrays. It gets no class or function of Python or numpy, and can change only an array that
it has just created. Arrays of objects are refused: their bytes would be memory addresses that the file chooses.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vas_tool.errors import FormatError

NUMBERS = re.compile(r"[biufc]\d{1,2}")
"""numpy's names of number types: b1, i8, f4, ..."""

REFUSED = (
    *(pickle.PERSID, pickle.BINPERSID, pickle.EXT1, pickle.EXT2, pickle.EXT4),
    *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX),
    *(pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.LONG4),
    *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET),
)
"""Pickle instructions that plain data does not need: other classes, other files, integers of any length, sets."""

MOST_AXES = 32
"""Most axes of an array."""

Key = str | bytes | int | float | None
"""Types of dictionary keys. Nested tuples are refused: hashing a million nested tuples crashes Python."""


class _Kind:
    """A numpy dtype of numbers."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def order_from(self, state: Any) -> None:
        """Read the byte order from the state that numpy writes after a dtype: version, byte order, fields (none for
        numbers).
        """
        _, order, *parts = state
        if _text(order) not in ("<", ">", "|", "=") or any(part is not None for part in parts[:3]):
            raise pickle.UnpicklingError("it holds an array of other things than numbers")
        self.order = _text(order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype."""
        return np.dtype(self.order + self.code)


def _text(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise pickle.UnpicklingError("it holds an array that is not as numpy writes it")
    return text


def _kind(code: Any, *_: Any) -> _Kind:
    """Stand in for ``numpy.dtype``."""
    if not NUMBERS.fullmatch(_text(code)):
        raise pickle.UnpicklingError(f"it holds an array of {_text(code)[:20]!r}, which are no numbers")
    return _Kind(_text(code))


def _array_class(*_: Any) -> Any:
    """Stand in for ``numpy.ndarray``, which pickles name but never call."""
    raise pickle.UnpicklingError("it holds an array that is not as numpy writes it")


def _begun_array(*_: Any) -> Any:
    """Stand in for numpy's ``_reconstruct``; the state that follows fills the array."""
    return np.zeros(0, np.uint8)


def _values(raw: Any, kind: Any, shape: Any) -> Any:
    """Return (count,) numbers from raw bytes, as many as the shape needs."""
    data = raw.encode("latin-1") if isinstance(raw, str) else bytes(memoryview(raw))
    sides = shape if isinstance(shape, tuple) else None
    sound = sides is not None and len(sides) <= MOST_AXES and all(type(n) is int and n >= 0 for n in sides)
    if not isinstance(kind, _Kind) or sides is None or not sound:
        raise pickle.UnpicklingError("it holds an array that is not as numpy writes it")
    if len(data) != math.prod(sides) * kind.dtype.itemsize:
        raise pickle.UnpicklingError(f"it holds an array of {len(data)} bytes, which do not fill its shape")
    return np.frombuffer(data, kind.dtype)


def _whole_array(raw: Any, kind: Any, *form: Any) -> Any:
    """Stand in for numpy's ``_frombuffer``. ``form`` holds the shape and the order of the axes."""
    shape, order = form[:2]
    return _values(raw, kind, shape).reshape(shape, order="F" if _text(order) == "F" else "C").copy(order="K")


def _number(kind: Any, raw: Any) -> Any:
    """Stand in for numpy's ``scalar``; returns a Python number."""
    return _values(raw, kind, (1,))[0].item()


def _bytes(text: Any, *_: Any) -> bytes:
    """Stand in for ``_codecs.encode``, with which old pickles write bytes."""
    return _text(text).encode("latin-1")


def _no_bytes() -> bytes:
    """Stand in for ``bytes``, with which old pickles write empty bytes."""
    return b""


def _dictionary(pairs: Any = ()) -> dict[Any, Any]:
    """Stand in for ``collections.OrderedDict`` and other dictionaries. ``pairs`` holds keys and values."""
    made = {}
    for key, value in pairs:
        if not isinstance(key, Key):
            raise pickle.UnpicklingError(
                f"a key of a dictionary in it is a {type(key).__name__}, no number and no text"
            )
        made[key] = value
    return made


CALLABLE: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _dictionary,
    ("_codecs", "encode"): _bytes,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("numpy", "dtype"): _kind,
    ("numpy", "ndarray"): _array_class,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _begun_array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _number for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _whole_array for core in ("core", "_core")},
}
"""(module, name) in a pickle of older or newer numpy -> the function that is called instead."""


# The Python implementation of Unpickler: the C one allocates as much memory as the file claims to need.
_Unpickler: Any = pickle._Unpickler


class _PlainUnpickler(_Unpickler):  # type: ignore[misc]  # typeshed does not know this class
    dispatch: ClassVar[dict[int, Any]] = {
        code: load for code, load in _Unpickler.dispatch.items() if bytes([code]) not in REFUSED
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in CALLABLE:
            raise pickle.UnpicklingError(f"it holds {f'{module}.{name}'[:80]}, which is no plain data")
        return CALLABLE[module, name]

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append(_dictionary(zip(items[::2], items[1::2], strict=True)))

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._extend([key, value])

    def load_setitems(self) -> None:
        self._extend(self.pop_mark())

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict:
            raise pickle.UnpicklingError(f"it puts items into a {type(self.stack[-1]).__name__}")
        self.stack[-1].update(_dictionary(zip(items[::2], items[1::2], strict=True)))

    def load_build(self) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        if isinstance(built, _Kind):
            built.order_from(state)
        elif isinstance(built, np.ndarray) and isinstance(state, tuple) and len(state) == 5:
            _, shape, kind, is_fortran, raw = state
            values = _values(raw, kind, shape)
            whole: Any = (1, shape, values.dtype, bool(is_fortran), values.tobytes())
            built.__setstate__(whole)
        else:
            raise pickle.UnpicklingError(f"it changes a {type(built).__name__}, which plain data does not need")

    def load_bytearray8(self) -> None:
        # Read before memory is allocated: a file can claim any length.
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    dispatch |= {
        pickle.DICT[0]: load_dict,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }


def load_plain(path: Path) -> Any:
    """Return the data of a file. Raises FormatError when it is unreadable or holds anything but plain data."""
    try:
        return _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except Exception as error:  # a damaged pickle raises almost any exception
        raise FormatError(
            f"{path} is no pickle of plain data ({str(error) or type(error).__name__}); name the file of the data set"
        ) from error
