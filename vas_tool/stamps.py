"""Stamps: who made a picture of a layer, and from what. A stamp lies in the picture, in a PNG text chunk.

So pixels and provenance change in the same instant, and are restored together by undo.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from vas_tool.errors import ProjectDamaged
from vas_tool.files import read_plain
from vas_tool.planning.fingerprint import (
    FIELDS,
    NOTHING,
    Fingerprint,
    fingerprint_from_json,
    fingerprint_from_text,
    fingerprint_json,
    is_value,
)
from vas_tool.types import SizeWH

STAMP_KEY = "vas-tool"
"""The PNG text chunk that holds the stamp."""

HEAD_BYTES = 8192
"""Number of bytes of a picture's file that hold its size and stamp."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Stamp:
    """The engine that made a picture of a layer, and the inputs."""

    engine: str
    """The engine's name; ``given`` for imported masks."""
    revision: str = ""
    """The revision of the engine's weights, or the engine's version."""
    seed: int = 0
    made_from: Fingerprint = NOTHING
    """The inputs of the picture."""
    certainty: float = 1.0
    """Certainty of the engine, 0 (a guess) .. 1."""
    area: int = 0
    """Number of pixels of the mask, or of the content's alpha."""
    box: tuple[int, int, int, int] | None = None
    """x0, y0, x1, y1 of a mask, None when it is empty."""
    digest: str = ""
    """A digest of the pixels."""
    object_score: float | None = None
    """See ``engines.base.TrackedFrame``."""
    predicted_iou: float | None = None
    """See ``engines.base.TrackedFrame``."""
    how: str = ""
    """How an amodal mask was chosen from hypotheses: ``seed``, ``majority`` or ``union`` (of ``seeds``)."""
    seeds: tuple[int, ...] = ()
    """The seeds of the hypotheses that it was made from."""
    disagreement: float | None = None
    """For a hypothesis, the disagreement (0..1, ``hypotheses``) of those that existed when it was made."""
    among: int = 0
    """For a hypothesis, the number of those that existed when it was made."""
    crop: tuple[float, ...] | None = None
    """The crop that the engine took: x0, y0, x1, y1 in clip pixels, and width, height in its own pixels
    (``boxes.crops``)."""
    given_box: tuple[float, ...] | None = None
    """The amodal box that the crop was made for: x0, y0, x1, y1 in clip pixels."""


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _numbers(value: Any, count: int | None = None, *, kinds: tuple[type, ...] = (int, float)) -> bool:
    right = type(value) in (list, tuple) and (count is None or len(value) == count)
    return right and all(type(n) in kinds and math.isfinite(n) for n in value)


_OPTIONAL: Callable[[Any], bool] = lambda value: value is None or _finite(value)  # noqa: E731
_TEXT: Callable[[Any], bool] = lambda value: type(value) is str  # noqa: E731
_COUNT: Callable[[Any], bool] = lambda value: type(value) is int and value >= 0  # noqa: E731
_FLOATS: Callable[[Any], bool] = lambda value: value is None or _numbers(value)  # noqa: E731

CHECKS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("engine", "revision", "digest", "how"), _TEXT),
    "seed": lambda value: type(value) is int,
    **dict.fromkeys(("area", "among"), _COUNT),
    "certainty": _finite,
    **dict.fromkeys(("object_score", "predicted_iou", "disagreement"), _OPTIONAL),
    "box": lambda value: value is None or _numbers(value, 4, kinds=(int,)),
    "seeds": lambda value: _numbers(value, kinds=(int,)),
    **dict.fromkeys(("crop", "given_box"), _FLOATS),
    **{name: partial(is_value, name) for name in FIELDS},
}
"""Column -> a function that returns whether a value from a file has the right kind. The stamp's fields come first, then
those of ``made_from``."""

PLAIN = tuple(name for name in CHECKS if name not in FIELDS)
"""Names of the stamp's own fields."""

DEFAULTS: Mapping[str, Any] = {
    field.name: field.default for field in (*fields(Stamp), *fields(Fingerprint)) if field.default is not MISSING
}
"""Column -> its value when it is absent."""


def stamp_text(stamp: Stamp) -> str:
    """Return the stamp in the form of the picture's text chunk."""
    plain = {name: getattr(stamp, name) for name in PLAIN}
    return json.dumps({**plain, "made_from": fingerprint_json(stamp.made_from)})


def stamp_of(data: Any) -> Stamp:
    """Return the stamp of the parsed ``stamp_text``. Raises ValueError for anything else."""
    if not isinstance(data, dict) or "engine" not in data:
        raise ValueError("it has no stamp")
    values = dict(data)
    made_from = fingerprint_from_json(values.pop("made_from", {}))
    if _TEXT(before := values.pop("inputs", None)):  # of version 0.1
        made_from = fingerprint_from_text(before)
    for name, value in values.items():
        if name not in PLAIN or not CHECKS[name](value):
            raise ValueError(f"its stamp says {name} {value!r}")
    plain: dict[str, Any] = {n: tuple(v) if type(v) is list else v for n, v in values.items()}
    return Stamp(**plain, made_from=made_from)


def values_of(stamp: Stamp) -> dict[str, Any]:
    """Return column -> value, for values that differ from the defaults, and always the engine."""
    plain = {name: value for name in PLAIN if (value := getattr(stamp, name)) != DEFAULTS.get(name)}
    return {**plain, **{name: value for name in FIELDS if (value := getattr(stamp.made_from, name))}}


def stamp_with(values: Mapping[str, Any]) -> Stamp:
    """Return the stamp of ``values_of``. The values must have been checked."""
    made_from = {name: values[name] for name in FIELDS if name in values}
    plain = {name: values[name] for name in PLAIN if name in values}
    return Stamp(**plain, made_from=Fingerprint(**made_from) if made_from else NOTHING)


def read_head(path: Path) -> tuple[Stamp, SizeWH]:
    """Return stamp and size of a picture without reading its pixels. Raises ProjectDamaged when the file is not a
    picture of a project.
    """
    try:
        return _parsed(read_plain(path, HEAD_BYTES))
    except (OSError, ValueError, struct.error, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProjectDamaged(not_ours(path, reason)) from error


def not_ours(path: Path, reason: object) -> str:
    """Return the error message for a damaged picture."""
    return (
        f"{path} does not read as a picture of this project ({reason}); run its stage again there, or put the file "
        "back from a copy"
    )


def _parsed(head: bytes) -> tuple[Stamp, SizeWH]:
    if not head.startswith(SIGNATURE):
        raise ValueError("it is no PNG")
    at, size = len(SIGNATURE), (0, 0)
    while at + 8 <= len(head):
        length, kind = struct.unpack_from(">I4s", head, at)
        data, end = head[at + 8 : at + 8 + length], at + 12 + length
        if kind == b"IDAT" or end > len(head):
            break
        if struct.unpack_from(">I", head, end - 4)[0] != zlib.crc32(data, zlib.crc32(kind)):
            raise ValueError("its head is damaged")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data)
        key, _, text = data.partition(b"\0") if kind == b"tEXt" else (b"", b"", b"")
        if key == STAMP_KEY.encode():
            return stamp_of(json.loads(text)), size
        at = end
    raise ValueError("it has no stamp")
