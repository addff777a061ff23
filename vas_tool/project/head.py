"""Reads and checks ``project.json``. Raises an error for damage, and for values that could not be shown or written
again.

Damage in the history costs undo alone: the project opens without it, and says so.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from vas_tool.errors import ProjectDamaged, ProjectError
from vas_tool.files import from_json, inner_folders, is_plain, read_plain, refuse_links, require_form
from vas_tool.project.history import Patch
from vas_tool.project.truth import Truth, TruthForm, truth_from_json
from vas_tool.types import FrameRecord
from vas_tool.video import FolderClip, SourceInfo

SCHEMA = 2
"""Number of the form of a project, in project.json. A version refuses a project with a higher number and names the
reason. 1: version 0.1, whose stamps hold the inputs as text. 2: stamps hold a ``Fingerprint``, which version 0.1 would
take for damage."""

NOT_A_PROJECT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""The exceptions that values of a wrong kind raise."""

JSON_PARTS = ("project.json", "place.json", "work.json", "origin.json", "rechecks.json", "rows.json")

PARTS = (*JSON_PARTS, ".lock", "frames", "depth", "objects", "windows")
"""Names in a project's folder, beside ``history`` and ``exports``."""


@dataclass(frozen=True)
class Edit:
    """One change by the person, with the patch that undoes it."""

    id: int
    what: str
    """Description for the person: ``click on car, frame 3``."""
    patch: Patch
    """The change of the truth. The pictures that the edit replaced lie in ``history/<id>``."""


@dataclass(frozen=True)
class History:
    """The edits that can be undone and redone."""

    done: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()
    next_edit: int = 1
    pending: tuple[int, str] | None = None
    """The edit whose pictures an unfinished undo (``before``) or redo (``after``) has to restore."""

    def json(self) -> dict[str, Any]:
        """Return the history in the form of project.json."""
        edits = {"done": [asdict(e) for e in self.done], "undone": [asdict(e) for e in self.undone]}
        return {**edits, "next": self.next_edit, "pending": self.pending}


@dataclass(frozen=True)
class Head:
    """The content of project.json."""

    schema: int
    """``SCHEMA`` of the version that wrote it."""
    source: SourceInfo
    ledger: tuple[FrameRecord, ...]
    clip: FolderClip
    truth: Truth
    history: History
    notes: tuple[str, ...]
    """Sentences about damage that did not stop the opening."""


class SpliceForm(Struct):
    """``history.Splice``. Values of other kinds cost only that undo, so any are read."""

    path: Any
    at: Any
    removed: Any
    added: Any


class EditForm(Struct):
    """``Edit`` in project.json."""

    id: int
    what: str
    patch: list[SpliceForm]


class HistoryForm(Struct):
    """The history in project.json."""

    done: list[EditForm]
    undone: list[EditForm]
    next: int
    pending: tuple[int, Literal["before", "after"]] | None


class ProjectForm(TruthForm, forbid_unknown_fields=True, kw_only=True):
    """project.json. ``HistoryForm`` is compared apart, because damage there costs undo alone."""

    schema: int
    source: SourceInfo
    fps: Annotated[float, Meta(gt=0, le=1000)]
    ledger: list[Annotated[list[int | float | str], Meta(min_length=2, max_length=3)]]
    history: Any = None


def refuse_foreign(folder: Path) -> None:
    """Raise ProjectError when a part of a project's folder is a link."""
    named = [folder / name for name in (*PARTS, "history", "exports")]
    refuse_links([*named, *inner_folders(folder / "objects", depth=2), *inner_folders(folder / "history", depth=1)])
    if (folder / "frames").is_dir():
        with os.scandir(folder / "frames") as entries:
            refuse_links(Path(entry.path) for entry in entries if entry.is_symlink())


def read_head(folder: Path) -> Head:
    """Read ``project.json``. Raises ProjectDamaged when it is damaged, VideoError when there are no frames."""
    file = folder / "project.json"
    data = _read_json(file)
    try:
        return _head(folder, data)
    except NOT_A_PROJECT as error:
        raise ProjectDamaged(
            f"{file} does not read as a project ({type(error).__name__}: {error}); it was left as it is. "
            "Restore it from a copy, or import the video again"
        ) from error


def head_json(source: SourceInfo, ledger: tuple[FrameRecord, ...], *, fps: float) -> dict[str, Any]:
    """Return the keys of project.json that never change after the import."""
    return {
        "schema": SCHEMA,
        "source": asdict(source),
        "fps": fps,
        "ledger": [[r.source_index, r.pts_seconds, *([r.name] if r.name else [])] for r in ledger],
    }


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = from_json(read_plain(file))
    except (OSError, ValueError, RecursionError) as error:
        raise ProjectDamaged(
            f"{file} does not read ({error}); it was left as it is. Restore it from a copy, or import the video again"
        ) from error
    if not isinstance(data, dict):
        raise ProjectDamaged(f"{file} holds no project; it was left as it is. Restore it from a copy")
    return data


def _head(folder: Path, data: dict[str, Any]) -> Head:
    if data["schema"] > SCHEMA:
        raise ProjectDamaged(
            f"{folder} was written by a newer version (schema {data['schema']}); update vas-tool to open it"
        )
    require_form(data, ProjectForm)
    values, fps = data["source"], float(data["fps"])
    source = SourceInfo(**{**values, "size_wh": tuple(values["size_wh"]), "notes": tuple(values["notes"])})
    if min(source.size_wh) < 1:
        raise ValueError(f"its frames have the size {source.size_wh}")
    ledger = tuple(FrameRecord(int(index), float(pts), *name) for index, pts, *name in data["ledger"])
    if not all(math.isfinite(record.pts_seconds) and isinstance(record.name, str) for record in ledger):
        raise ValueError("a frame has no time, or a name that is no text")
    clip = FolderClip(folder / "frames", fps=fps, size_wh=source.size_wh)
    if len(clip) != len(ledger):
        raise ProjectDamaged(
            f"{folder} has {len(clip)} frames, project.json lists {len(ledger)}; "
            "restore the frames folder, or import the video again"
        )
    truth = truth_from_json(data, source.size_wh)
    truth.require_frames(len(clip))
    history, notes = _history(folder, data.get("history"))
    return Head(data["schema"], source, ledger, clip, truth, history, notes)


def _history(folder: Path, data: Any) -> tuple[History, tuple[str, ...]]:
    if data is None:
        return History(), ()
    try:
        return _history_from_json(data), ()
    except NOT_A_PROJECT as error:
        taken = [int(path.name) for path in inner_folders(folder / "history", depth=1) if path.name.isdecimal()]
        note = (
            f"the history in {folder / 'project.json'} does not read ({type(error).__name__}: {error}): what was done "
            "before cannot be undone, and nothing else is lost; the file as it was is kept beside it with the next "
            "change"
        )
        return History(next_edit=max(taken, default=0) + 1), (note,)


def _history_from_json(data: dict[str, Any]) -> History:
    require_form(data, HistoryForm)
    done, undone = (tuple(Edit(**values) for values in data[name]) for name in ("done", "undone"))
    if any(not 0 < edit.id < data["next"] for edit in (*done, *undone)):
        raise ValueError("its edits are not numbered")
    return History(done, undone, data["next"], tuple(data["pending"]) if data["pending"] else None)


def is_project(folder: Path) -> bool:
    """Return whether a folder is a project."""
    return is_plain(folder / "project.json")


def require_project(folder: Path) -> None:
    """Raise ProjectError when a folder is no project, or its project.json is a link."""
    refuse_links([folder / "project.json"])
    if not is_project(folder):
        raise ProjectError(f"{folder} is no project (it has no project.json); open a video to make one")


def require_text_names(*names: str) -> None:
    """Raise ProjectError for a name that is not valid Unicode: it could not be written or shown."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ProjectError(
                f"{name.encode(errors='replace').decode()} has a name that is no text; rename it, then try again"
            ) from None
