"""One row of a manifest: an object in a video, with its prompts. Rows are read from plain values, and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from vas_tool.errors import FormatError, PromptError
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.sequences import is_sequences_folder
from vas_tool.imports.planned import folder_name
from vas_tool.planning.fingerprint import digest_of
from vas_tool.project.truth import keyframe_from_json
from vas_tool.types import Box, BoxKeyframe, Click

Value = TypeVar("Value")

USUAL_FPS = 8.0
"""Frame rate of a clip whose row has no ``fps``."""


@dataclass(frozen=True)
class Row:
    """One object of one clip, with its prompts."""

    id: str
    """Unique in the manifest. Exports write it as ``row_id``."""
    source: Path
    """A video, a folder of images, a file with a list of frames (``listed_clips``), or a project."""
    clicks: tuple[Click, ...] = ()
    boxes: tuple[Box, ...] = ()
    """Boxes around the visible part, at most one on each frame."""
    amodal_boxes: tuple[BoxKeyframe, ...] = ()
    """Keyframes of the amodal box."""
    masks: Path | None = None
    """A folder of modal masks. They have the names or numbers of the source's frames."""
    mask_values: MaskValues = "auto"
    mask_object: str = ""
    """The object's value in masks of several objects; "" if there is only one object."""
    label: str = ""
    """Category name; "" for ``object <id>``."""
    object_id: int | None = None
    """Id of an existing object, if the source is a project."""
    fps: float = USUAL_FPS
    start_seconds: float = 0.0
    end_seconds: float | None = None
    project: str = ""
    """Name of the project's folder; "" for the name of the source."""
    track: tuple[int | str, int, tuple[int, ...]] | None = None
    """Track id, category id, and frames with unsure boxes, from the annotation file that the row was made from."""
    ids: Mapping[str, Any] = field(default_factory=dict)
    """The user's own ids, which exports write as ``row_ids``."""

    @property
    def clip_key(self) -> tuple[str, float, float, float | None, str]:
        """The key of the clip. Rows with the same key are objects of the same project."""
        return str(self.source), self.fps, self.start_seconds, self.end_seconds, self.project

    @property
    def prompts_digest(self) -> str:
        """A digest of the prompts, masks, label and object id."""
        marks = [repr(mark) for mark in (*self.clicks, *self.boxes, *self.amodal_boxes)]
        masks = [str(self.masks or ""), self.mask_values, self.mask_object]
        return digest_of([marks, masks, self.label, self.object_id])


def row_of(values: Mapping[str, Any], *, number: int, folder: Path) -> Row:
    """Return the row of a record.

    ``number`` is the record's place in the manifest, from 1; it is the id if the record has none. Relative paths start
    at ``folder``. A value may be JSON text, as in CSV; null and "" count as absent. Raises FormatError, which names the
    key and the value.
    """
    given = {key: value for key, value in values.items() if not _absent(value)}
    if strange := sorted(set(given) - set(READERS)):
        raise FormatError(f"unknown key {', '.join(strange)}; the keys are {', '.join(READERS)}")
    if "source" not in given:
        raise FormatError("source is missing; name a video, a folder of images or a project")
    read = {READERS[key][0]: _read(key, value) for key, value in given.items()}
    for name in {"source", "masks"} & read.keys():
        read[name] = folder / read[name].expanduser()
    row = Row(**{"id": str(number), **read})
    if row.masks is None and is_sequences_folder(row.source):
        own = row.project or folder_name(row.source.name)
        return replace(row, source=row.source / "rgbs", masks=row.source / "masks", project=own)
    return row


def _absent(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _read(key: str, value: Any) -> Any:
    try:
        return READERS[key][1](value)
    except (TypeError, ValueError, AttributeError, KeyError, PromptError) as error:
        raise FormatError(f"{key}: {error}; got {_shown(value)}") from error


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("it needs text or a whole number")
    return str(value)


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number) or number < 0:
        raise ValueError("it needs a number from 0")
    return number


def _rate(value: Any) -> float:
    if not 0 < (rate := _number(value)) <= 1000:
        raise ValueError("it needs a number above 0, at most 1000 frames a second")
    return rate


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value):
        raise ValueError("it needs a whole number")
    return int(value)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _list_of(item: Callable[[list[Any]], Value]) -> Callable[[Any], tuple[Value, ...]]:
    def read(value: Any) -> tuple[Value, ...]:
        items = _json(value)
        if not isinstance(items, list | tuple):
            raise ValueError("it needs a list")
        return tuple(item(_mark(one)) for one in items)

    return read


def _mark(item: Any) -> list[Any]:
    if not isinstance(item, list | tuple) or not item:
        raise ValueError(f"{item!r} is no list of numbers")
    return [_whole(item[0]), *(one if isinstance(one, str | bool) else float(one) for one in item[1:])]


def _click(item: list[Any]) -> Click:
    frame_index, x, y, *sign = item
    if sign not in ([], ["-"], ["+"], [True], [False]):
        raise ValueError(f'{item} is no click; write [frame_index, x, y], with "-" behind for what is not the object')
    return Click(frame_index, x, y, sign in ([], ["+"], [True]))


def _box(item: list[Any]) -> Box:
    if len(item) != 5:
        raise ValueError(f"{item} is no box; write [frame_index, x0, y0, x1, y1]")
    return Box(*item)


def _keyframe(item: list[Any]) -> BoxKeyframe:
    if len(item) not in (1, 5):
        raise ValueError(f"{item} is no amodal box; write [frame_index, x0, y0, x1, y1], or [frame_index] for its end")
    return keyframe_from_json(item)


def _mask_values(value: Any) -> Any:
    if value not in get_args(MaskValues):
        raise ValueError(f"it is one of {', '.join(get_args(MaskValues))}")
    return value


def _project(value: Any) -> str:
    name = _text(value)
    if name != Path(name).name or name.startswith("."):
        raise ValueError("it is the plain name of a folder")
    return name


def _track(value: Any) -> tuple[int | str, int, tuple[int, ...]]:
    track_id, category_id, unsure = _json(value)
    return track_id, _whole(category_id), tuple(map(_whole, unsure))


def _ids(value: Any) -> dict[str, Any]:
    ids = _json(value)
    if not isinstance(ids, dict):
        raise ValueError('it needs names and values, such as {"my_id": 7}')
    return {str(name): one for name, one in ids.items()}


READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "id": ("id", _text),
    "source": ("source", lambda value: Path(_text(value))),
    "clicks": ("clicks", _list_of(_click)),
    "boxes": ("boxes", _list_of(_box)),
    "amodal_boxes": ("amodal_boxes", _list_of(_keyframe)),
    "masks": ("masks", lambda value: Path(_text(value))),
    "mask_values": ("mask_values", _mask_values),
    "mask_object": ("mask_object", _text),
    "label": ("label", _text),
    "object": ("object_id", _whole),
    "fps": ("fps", _rate),
    "start": ("start_seconds", _number),
    "end": ("end_seconds", _number),
    "project": ("project", _project),
    "track": ("track", _track),
    "ids": ("ids", _ids),
}
"""Key in a manifest -> (field of ``Row``, function that reads the value)."""
