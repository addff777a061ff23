"""A project: one folder on disk, the truth and the cache. Kill the process at any moment; nothing confirmed is lost.

project.json          source, frame ledger, canvas, objects, engines, seed, and the history for undo
place.json            where the person was looking (not worth a word when lost)
frames/               the clip
depth/                one 16 bit PNG a frame
objects/001/          modal/ amodal/ uncropped/ content/ (made by engines), given/ (imported), hypotheses/ (by seed)
windows/              finished windows of engines that have windows, the last used: a cache, see ``window_cache``
history/000007/       what edit 7 replaced in the layers, so that undo can put it back

Every file is written beside and then replaced.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import ProjectDamaged, ProjectError
from vas_tool.project.history import Patch, apply, diff, invert
from vas_tool.project.object_layers import AmodalMasks, ModalMasks, ObjectLayers
from vas_tool.project.truth import Truth, truth_from_json, truth_json
from vas_tool.storage import DEPTHS, FolderLock, LayerFolder, Picture, write_atomically
from vas_tool.types import Canvas, Depth, FrameRecord
from vas_tool.video import FolderClip, ListedImages, SourceInfo, import_frames

SCHEMA = 1
"""Of project.json. A higher number than this was written by a newer version."""

HISTORY_LIMIT = 200
"""Edits that can be undone; older ones are forgotten with what they replaced."""

ABSENT = ".absent"
"""Marks, in an edit's folder, a picture that was not there before."""


NOT_A_PROJECT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading values of the wrong kind raises."""


@dataclass(frozen=True)
class Edit:
    """One thing the person did, and how to take it back."""

    id: int
    what: str
    """In the person's words: ``click on car, frame 3``."""
    patch: Patch
    """Of the truth. What the edit replaced in the layers lies in ``history/<id>``."""


class Project:
    """An open project. Thread-safe; one process at a time (see FolderLock)."""

    def __init__(self, folder: Path, lock: FolderLock, data: dict[str, Any]) -> None:
        """Use ``Project.open`` or ``Project.create``."""
        self.folder = folder
        self._lock = lock
        self.mutex = threading.RLock()
        self._writing = threading.local()
        self._objects: dict[int, ObjectLayers] = {}
        self._load(data)
        self.depth: LayerFolder[Depth] = self._watched(LayerFolder(folder / "depth", DEPTHS))
        self._finish_pending()

    # --- opening and closing ------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        folder: Path,
        source: Path | ListedImages,
        *,
        fps: float = 8.0,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        source_name: str | None = None,
        progress: Progress = silent,
    ) -> Project:
        """Import ``source`` (a video, a folder of images, or some of one) into a new project folder.

        The source's whole path is recorded, to be known again from anywhere; ``source_name`` in its place where the
        path is only a temporary one.

        Made beside and renamed when complete: a cancelled or failed import leaves nothing. Raises ProjectError when
        ``folder`` exists and is not empty, VideoError when the source is no clip, Cancelled.
        """
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise ProjectError(f"{folder} exists already; open it, or choose another name")
        beside = folder.with_name(f".{folder.name}.{os.getpid()}.{threading.get_ident()}.import")
        try:
            beside.mkdir(parents=True)
            imported = import_frames(
                source,
                beside / "frames",
                fps=fps,
                start_seconds=start_seconds,
                end_seconds=end_seconds,
                progress=progress,
            )
            named = replace(imported.source, path=source_name or str(Path(imported.source.path).absolute()))
            data = _head_json(named, imported.ledger, fps=imported.fps)
            data |= truth_json(Truth(canvas=Canvas(imported.size_wh)))
            write_atomically(beside / "project.json", json.dumps(data).encode())
            beside.replace(folder)
        except OSError as error:
            raise ProjectError(f"{folder} cannot be made ({error.strerror}); choose a folder you may write") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open a project folder.

        Raises ProjectError when it is none, ProjectDamaged when it does not read (nothing is changed), ProjectBusy
        when another process has it open.
        """
        file = folder / "project.json"
        if not file.is_file():
            raise ProjectError(f"{folder} is no project (it has no project.json); open a video to make one")
        lock = FolderLock(folder)
        try:
            return cls(folder, lock, _read_json(file))
        except BaseException as error:
            lock.release()
            if not isinstance(error, NOT_A_PROJECT):
                raise
            raise ProjectDamaged(
                f"{file} does not read as a project ({type(error).__name__}: {error}); it was left as it is. "
                "Restore it from a copy, or import the video again"
            ) from error

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.release()

    def _load(self, data: dict[str, Any]) -> None:
        if data["schema"] > SCHEMA:
            raise ProjectDamaged(
                f"{self.folder} was written by a newer version (schema {data['schema']}); update vas-tool to open it"
            )
        source = data["source"]
        self.source = SourceInfo(**{**source, "size_wh": tuple(source["size_wh"]), "notes": tuple(source["notes"])})
        self.ledger = tuple(FrameRecord(int(index), float(pts), *name) for index, pts, *name in data["ledger"])
        self.clip = FolderClip(self.folder / "frames", fps=float(data["fps"]), size_wh=self.source.size_wh)
        if len(self.clip) != len(self.ledger):
            raise ProjectDamaged(
                f"{self.folder} has {len(self.clip)} frames, project.json lists {len(self.ledger)}; "
                "restore the frames folder, or import the video again"
            )
        self.truth = truth_from_json(data, self.source.size_wh)
        self.clip.intrinsics = self.truth.intrinsics
        history = data.get("history", {"done": [], "undone": [], "next": 1, "pending": None})
        self._done = [Edit(**edit) for edit in history["done"]]
        self._undone = [Edit(**edit) for edit in history["undone"]]
        self._next_edit = int(history["next"])
        self._pending: tuple[int, str] | None = tuple(history["pending"]) if history["pending"] else None

    # --- reading ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def canvas(self) -> Canvas:
        """The work area."""
        return self.truth.canvas

    def layers(self, object_id: int) -> ObjectLayers:
        """The folders of one object, as engines wrote them."""
        with self.mutex:
            if object_id not in self._objects:
                folder = self.folder / "objects" / f"{object_id:03d}"
                self._objects[object_id] = ObjectLayers(folder, self._watched, canvas_wh=lambda: self.canvas.size_wh)
            return self._objects[object_id]

    def modal(self, object_id: int) -> ModalMasks:
        """frame_index -> modal mask, as it holds now. Raises PromptError when there is no such object."""
        return ModalMasks(self.layers(object_id), self.truth.object(object_id), self.canvas)

    def amodal(self, object_id: int) -> AmodalMasks:
        """frame_index -> amodal mask on the canvas, as it holds now."""
        return AmodalMasks(self.modal(object_id))

    @property
    def undo_label(self) -> str | None:
        """What undo would take back; None when there is nothing."""
        return self._done[-1].what if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What redo would do again; None when there is nothing."""
        return self._undone[-1].what if self._undone else None

    @property
    def last_edit_id(self) -> int | None:
        """The newest edit that holds; None before the first."""
        return self._done[-1].id if self._done else None

    # --- changing -----------------------------------------------------------------------------------------------

    def edit(self, what: str, truth: Truth | None = None) -> int:
        """Store a new truth as one undoable edit (None: the truth stays, only layers will be written under it).

        On disk when this returns. Gives the edit's id, for ``under``.
        """
        with self.mutex:
            self._finish_pending()
            after = self.truth if truth is None else truth
            edit = Edit(self._next_edit, what, diff(truth_json(self.truth), truth_json(after)))
            done = [*self._done, edit]
            dropped = [*done[:-HISTORY_LIMIT], *self._undone]
            self._save(after, done=done[-HISTORY_LIMIT:], undone=[], next_edit=edit.id + 1)
            for old in dropped:
                shutil.rmtree(self._kept(old.id), ignore_errors=True)
            return edit.id

    @contextmanager
    def under(self, edit_id: int) -> Iterator[None]:
        """What this thread writes to layers inside belongs to that edit: undo puts back what it replaced."""
        outer = getattr(self._writing, "edit_id", None)
        self._writing.edit_id = edit_id
        try:
            yield
        finally:
            self._writing.edit_id = outer

    def is_done(self, edit_id: int) -> bool:
        """Whether an edit still holds: late results of one that was taken back must not be written."""
        return any(edit.id == edit_id for edit in self._done)

    def undo(self) -> Edit | None:
        """Take the last edit back, layers included; None when there is nothing to undo."""
        with self.mutex:
            self._finish_pending()
            if not self._done:
                return None
            *done, edit = self._done
            self._keep_after(edit.id)
            truth = self._patched(invert(edit.patch))
            self._move(truth, done=done, undone=[*self._undone, edit], pending=(edit.id, "before"))
            return edit

    def redo(self) -> Edit | None:
        """Do the last undone edit again; None when there is none."""
        with self.mutex:
            self._finish_pending()
            if not self._undone:
                return None
            *undone, edit = self._undone
            truth = self._patched(edit.patch)
            self._move(truth, done=[*self._done, edit], undone=undone, pending=(edit.id, "after"))
            return edit

    def touched(self, edit_id: int) -> set[int]:
        """The frames whose pictures an edit replaced."""
        return {int(path.stem) for path in self._entries(self._kept(edit_id) / "before")}

    def _patched(self, patch: Patch) -> Truth:
        return truth_from_json(apply(truth_json(self.truth), patch), self.source.size_wh)

    def _move(self, truth: Truth, *, done: list[Edit], undone: list[Edit], pending: tuple[int, str]) -> None:
        self._save(truth, done=done, undone=undone, next_edit=self._next_edit, pending=pending)
        self._finish_pending()

    def _save(
        self,
        truth: Truth,
        *,
        done: list[Edit],
        undone: list[Edit],
        next_edit: int,
        pending: tuple[int, str] | None = None,
    ) -> None:
        """Write project.json, and only then take the new state over in memory."""
        data = _head_json(self.source, self.ledger, fps=self.clip.fps) | truth_json(truth)
        edits = {"done": [asdict(e) for e in done], "undone": [asdict(e) for e in undone]}
        data["history"] = {**edits, "next": next_edit, "pending": pending}
        write_atomically(self.folder / "project.json", json.dumps(data).encode())
        self.truth, self._done, self._undone = truth, done, undone
        self._next_edit, self._pending = next_edit, pending
        self.clip.intrinsics = truth.intrinsics

    # --- what edits replaced in the layers -----------------------------------------------------------------------

    def _watched(self, layer: LayerFolder[Picture]) -> LayerFolder[Picture]:
        layer.before_write = self._keep_before
        return layer

    def _kept(self, edit_id: int) -> Path:
        return self.folder / "history" / f"{edit_id:06d}"

    def _entries(self, kept: Path) -> list[Path]:
        return [path for path in kept.rglob("*") if path.is_file()] if kept.is_dir() else []

    def _keep_before(self, layer: LayerFolder[Any], frame_index: int) -> None:
        """Keep the picture an edit is about to replace, the first time it does."""
        edit_id = getattr(self._writing, "edit_id", None)
        if edit_id is None:
            return
        kept = self._kept(edit_id) / "before" / layer.path(frame_index).relative_to(self.folder)
        if not kept.exists() and not kept.with_suffix(ABSENT).exists():
            _keep(layer.path(frame_index), kept)

    def _keep_after(self, edit_id: int) -> None:
        """Keep what the layers hold now, for redo."""
        before, after = self._kept(edit_id) / "before", self._kept(edit_id) / "after"
        shutil.rmtree(after, ignore_errors=True)
        for entry in self._entries(before):
            inner = entry.relative_to(before).with_suffix(".png")
            _keep(self.folder / inner, after / inner)

    def _finish_pending(self) -> None:
        """Put the pictures of an undo or redo in place; does the same again after a crash or a full disk.

        Until it is through, nothing else may change the project.
        """
        if self._pending is None:
            return
        kept = self._kept(self._pending[0]) / self._pending[1]
        try:
            for entry in self._entries(kept):
                _restore(entry, self.folder / entry.relative_to(kept).with_suffix(".png"))
        except OSError as error:
            raise ProjectError(f"{kept} could not be put back ({error.strerror}); make room and try again") from error
        self._reread(kept)
        self._save(self.truth, done=self._done, undone=self._undone, next_edit=self._next_edit)

    def _reread(self, kept: Path) -> None:
        open_layers: list[LayerFolder[Any]] = [self.depth] if hasattr(self, "depth") else []
        for layers in self._objects.values():
            open_layers += layers.every()
        by_folder = {layer.folder: layer for layer in open_layers}
        for entry in self._entries(kept):
            layer = by_folder.get((self.folder / entry.relative_to(kept)).parent)
            if layer is not None:
                layer.reread(int(entry.stem))


def _head_json(source: SourceInfo, ledger: tuple[FrameRecord, ...], *, fps: float) -> dict[str, Any]:
    """The keys of project.json that never change after the import."""
    return {
        "schema": SCHEMA,
        "source": asdict(source),
        "fps": fps,
        "ledger": [[r.source_index, r.pts_seconds, *([r.name] if r.name else [])] for r in ledger],
    }


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ProjectDamaged(
            f"{file} does not read ({error}); it was left as it is. Restore it from a copy, or import the video again"
        ) from error
    if not isinstance(data, dict):
        raise ProjectDamaged(f"{file} holds no project; it was left as it is. Restore it from a copy")
    return data


def _keep(file: Path, kept: Path) -> None:
    """Remember a file as it is now (a hard link: no pixels are copied), or that it is not there."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        kept.with_suffix(ABSENT).touch()
        return
    try:
        os.link(file, kept)
    except OSError:  # a file system without hard links
        shutil.copy2(file, kept)


def _restore(entry: Path, target: Path) -> None:
    """Put a kept picture back, or take away one that was not there."""
    if entry.suffix == ABSENT:
        target.unlink(missing_ok=True)
        return
    beside = target.with_name(f".{target.name}.restore")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside.unlink(missing_ok=True)
    _keep(entry, beside)
    beside.replace(target)
    with suppress(FileNotFoundError):  # replacing a file by a link to itself leaves the link behind
        beside.unlink()
