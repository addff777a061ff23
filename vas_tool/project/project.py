"""A project: one folder on disk, the truth and the cache. Kill the process at any moment; nothing confirmed is lost.

project.json          source, frame ledger, canvas, objects, engines, seed, and the history for undo
place.json            where the person was looking (not worth a word when lost)
frames/               the clip
depth/                one 16 bit PNG a frame
objects/001/          modal/ amodal/ uncropped/ content/ (made by engines), given/ (imported), hypotheses/ (by seed)
windows/              finished windows of engines that have windows, the last used: a cache, see ``window_cache``
history/000007/       what edit 7 replaced in the layers, so that undo can put it back

Every file is written beside and then replaced. A project may come from a stranger: what is a link in it is refused.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import ProjectDamaged, ProjectError, PromptError, VasToolError
from vas_tool.files import FolderLock, read_plain, remedy, storable, sweep_parts, write_atomically
from vas_tool.project.head import (
    NOT_A_PROJECT,
    Edit,
    Head,
    History,
    head_json,
    read_head,
    refuse_foreign,
    require_project,
    require_text_names,
)
from vas_tool.project.head import (
    SCHEMA as SCHEMA,
)
from vas_tool.project.history import Patch, apply, diff, invert
from vas_tool.project.object_layers import AmodalMasks, ModalMasks, ObjectLayers
from vas_tool.project.replaced_pictures import ABSENT, entries, keep, restore, target_of
from vas_tool.project.truth import MOST_PADDING, Truth, truth_from_json, truth_json
from vas_tool.storage import DEPTHS, Bounds, LayerFolder, Picture
from vas_tool.types import Canvas, Depth, SizeWH

HISTORY_LIMIT = 200
"""How many edits can be undone; older ones are deleted with the pictures that they replaced."""

MEASURING_SECONDS = 5.0
"""The longest that closing a project measures masks, so that the next opening need not read them."""

DAMAGED_HISTORY = "project.json.damaged-history"
"""Name of the copy of a project.json with a damaged history. It is made before the file is written without the
history."""


class Project:
    """An open project. It is thread-safe; one process at a time can have it open (``files.FolderLock``)."""

    def __init__(self, folder: Path, lock: FolderLock, head: Head) -> None:
        """Use ``Project.open``, or ``imports.new_project.create_project``."""
        self.folder = folder
        self._lock = lock
        self.mutex = threading.RLock()
        self._writing = threading.local()
        self._objects: dict[int, ObjectLayers] = {}
        self._unmeasured: set[tuple[int, int]] = set()
        """(object_id, frame_index) where a modal mask was put: what is hidden may be another part now."""
        self.source, self.ledger, self.clip, self.truth = head.source, head.ledger, head.clip, head.truth
        self.clip.intrinsics = self.truth.intrinsics
        self._schema, self._history, self._notes = head.schema, head.history, head.notes
        size = self.clip.size_wh
        most = size[0] * (1 + 2 * MOST_PADDING), size[1] * (1 + 2 * MOST_PADDING)
        self._bounds = Bounds(len(self.clip), size, size), Bounds(len(self.clip), size, most)
        self.depth: LayerFolder[Depth] = self._watched(LayerFolder(folder / "depth", DEPTHS, bounds=self._bounds[0]))
        if not lock.cannot_write:
            try:
                self._finish_pending()
            except ProjectError as error:
                lock.cannot_write = f"the last undo is not finished, and nothing can be changed before it is: {error}"

    # --- opening and closing ------------------------------------------------------------------------------------

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open a project folder. One that cannot be written can be read all the same: see ``cannot_write``.

        Raises ProjectError when it is none or holds links, ProjectDamaged when it does not read (nothing is changed),
        ProjectBusy when another process has it open.
        """
        require_project(folder)
        require_text_names(str(folder))
        lock = FolderLock(folder)
        try:
            refuse_foreign(folder)
            project = cls(folder, lock, read_head(folder))
            if not lock.cannot_write:
                sweep_parts(folder)
            return project
        except BaseException as error:
            lock.release()
            if not isinstance(error, (*NOT_A_PROJECT, OSError)):
                raise
            raise ProjectDamaged(
                f"{folder} does not open as a project ({type(error).__name__}: {error}); it was left as it is. "
                "Restore it from a copy, or import the video again"
            ) from error

    def close(self) -> None:
        """Close the project and release the folder's lock."""
        with self.mutex:
            if not self._lock.cannot_write and not self._lock.moved:
                until = time.monotonic() + MEASURING_SECONDS
                for object_id, frame_index in sorted(self._unmeasured):
                    if time.monotonic() < until:
                        self._measure(object_id, frame_index)
                self.depth.flush()
                for layers in self._objects.values():
                    layers.flush()
            self._lock.release()

    # --- reading ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def canvas(self) -> Canvas:
        """The work area."""
        return self.truth.canvas

    @property
    def cannot_write(self) -> str:
        """The reason why the project cannot be changed, and what to do; "" when it can."""
        return self._lock.cannot_write

    def require_writable(self) -> None:
        """Raise ProjectError when the project cannot be written, or its folder was moved."""
        self._lock.check()

    @property
    def gone(self) -> bool:
        """Whether the folder was moved or removed while it was open."""
        return self._lock.moved

    @property
    def notes(self) -> list[str]:
        """Sentences for the person about the project's state: damaged pictures, a lost history."""
        with self.mutex:
            damaged = [*self.depth.damaged.values(), *(w for layers in self._objects.values() for w in layers.damaged)]
        return [*[self.cannot_write] * bool(self.cannot_write), *self._notes, *damaged]

    def look_through(self, progress: Progress = silent) -> None:
        """Read every picture once. Damaged ones count as absent from then on and are listed in ``notes``."""
        layers = [self.depth, *(layer for obj in self.truth.objects for layer in self.layers(obj.id).every())]
        total, done = sum(map(len, layers)), 0
        for layer in layers:
            for frame_index in layer:
                with suppress(ProjectDamaged, KeyError):
                    layer[frame_index]
                done += 1
                progress(done, total, "looking for damaged pictures")

    def layers(self, object_id: int) -> ObjectLayers:
        """Return the layers of one object, which hold the results of engines without strokes."""
        with self.mutex:
            if object_id not in self._objects:
                layers = self._objects[object_id] = self._opened_layers(object_id)
                if not self._lock.cannot_write:
                    layers.flush()
            return self._objects[object_id]

    def _opened_layers(self, object_id: int) -> ObjectLayers:
        folder, (bounds, canvas_bounds) = self.folder / "objects" / f"{object_id:03d}", self._bounds
        layers = ObjectLayers(
            folder, self._watched, canvas_wh=self._canvas_wh, bounds=bounds, canvas_bounds=canvas_bounds
        )
        layers.amodal.after_write = lambda _, frame_index: self._measure(object_id, frame_index)
        for layer in (layers.modal, layers.given):
            layer.after_write = lambda _, frame_index: self._unmeasured.add((object_id, frame_index))
        return layers

    def _canvas_wh(self) -> SizeWH:
        return self.truth.canvas.size_wh

    def _measure(self, object_id: int, frame_index: int) -> None:
        """Measure the hidden area while the pictures are in memory, so that the next opening reads none."""
        with suppress(VasToolError):  # of an object that is being imported, or a picture that does not read
            amodal = self.amodal(object_id)
            if frame_index in amodal.layers.amodal:
                amodal.hidden_area(frame_index)

    def modal(self, object_id: int) -> ModalMasks:
        """Return an object's present modal masks. Raises PromptError when there is no such object."""
        return ModalMasks(self.layers(object_id), self.truth.object(object_id), self.canvas)

    def amodal(self, object_id: int) -> AmodalMasks:
        """Return an object's present amodal masks on the canvas. Raises PromptError when there is no such object."""
        return AmodalMasks(self.modal(object_id))

    @property
    def undo_label(self) -> str | None:
        """Description of the edit that undo would take back; None when there is none."""
        return self._history.done[-1].what if self._history.done else None

    @property
    def redo_label(self) -> str | None:
        """Description of the edit that redo would do again; None when there is none."""
        return self._history.undone[-1].what if self._history.undone else None

    @property
    def last_edit_id(self) -> int | None:
        """Id of the newest edit that is not undone; None before the first."""
        return self._history.done[-1].id if self._history.done else None

    # --- changing -----------------------------------------------------------------------------------------------

    def edit(self, what: str, truth: Truth | None = None) -> int:
        """Store a new truth as one undoable edit (None: the truth stays, only layers will be written under it).

        On disk when this returns. Gives the edit's id, for ``under``.
        """
        with self.mutex:
            self._finish_pending()
            after = self.truth if truth is None else truth
            history = self._history
            edit = Edit(history.next_edit, what, diff(truth_json(self.truth), truth_json(after)))
            done = [*history.done, edit]
            dropped = [*done[:-HISTORY_LIMIT], *history.undone]
            self._save(after, History(tuple(done[-HISTORY_LIMIT:]), (), edit.id + 1))
            for old in dropped:
                shutil.rmtree(self._kept(old.id), ignore_errors=True)
            return edit.id

    def raise_schema(self) -> None:
        """Write this version's ``SCHEMA`` into project.json if an older version wrote it.

        Call it before results are stored: the older version would take their stamps for damage. Raises ProjectError.
        """
        if self._schema < SCHEMA:
            with self.mutex:
                self._save(self.truth, self._history)

    @contextmanager
    def under(self, edit_id: int) -> Iterator[None]:
        """Within it, pictures that this thread writes to layers belong to an edit. Undo restores the pictures that they
        replace.
        """
        outer = getattr(self._writing, "edit_id", None)
        self._writing.edit_id = edit_id
        try:
            yield
        finally:
            self._writing.edit_id = outer

    def is_done(self, edit_id: int) -> bool:
        """Return whether an edit is not undone. Late results of an undone edit must not be written."""
        return any(edit.id == edit_id for edit in self._history.done)

    def undo(self) -> Edit | None:
        """Undo the last edit, including its pictures, and return it; None when there is nothing to undo.

        Raises ProjectError when its history is damaged: the project stays as it is.
        """
        with self.mutex:
            self._finish_pending()
            if not self._history.done:
                return None
            *done, edit = self._history.done
            truth, undone = self._patched(invert(edit.patch)), (*self._history.undone, edit)
            self._keep_after(edit.id)
            self._move(truth, History(tuple(done), undone, self._history.next_edit, (edit.id, "before")))
            return edit

    def redo(self) -> Edit | None:
        """Redo the last undone edit and return it; None when there is none."""
        with self.mutex:
            self._finish_pending()
            if not self._history.undone:
                return None
            *undone, edit = self._history.undone
            truth, done = self._patched(edit.patch), (*self._history.done, edit)
            self._move(truth, History(done, tuple(undone), self._history.next_edit, (edit.id, "after")))
            return edit

    def touched(self, edit_id: int) -> set[int]:
        """Return the frames whose pictures an edit replaced."""
        return {int(path.stem) for path in entries(self._kept(edit_id) / "before")}

    def _patched(self, patch: Patch) -> Truth:
        try:
            truth = truth_from_json(apply(truth_json(self.truth), patch), self.source.size_wh)
            truth.require_frames(len(self.clip))
            return truth
        except (*NOT_A_PROJECT, PromptError) as error:
            raise ProjectError(
                f"the history of {self.folder} is damaged here ({error}): this cannot be undone or done again; "
                "everything else works, and nothing was changed"
            ) from error

    def _move(self, truth: Truth, history: History) -> None:
        self._save(truth, history)
        self._finish_pending()

    def _save(self, truth: Truth, history: History) -> None:
        """Write project.json, then change the state in memory."""
        self._lock.check()
        data = head_json(self.source, self.ledger, fps=self.clip.fps) | truth_json(truth)
        text, file = storable({**data, "history": history.json()}), self.folder / "project.json"
        if self._notes:  # the history on disk did not read: what it was is kept
            with suppress(OSError):
                write_atomically(self.folder / DAMAGED_HISTORY, read_plain(file))
            self._notes = ()
        write_atomically(file, text)
        self._schema, self.truth, self._history = SCHEMA, truth, history
        self.clip.intrinsics = truth.intrinsics

    # --- what edits replaced in the layers -----------------------------------------------------------------------

    def _watched(self, layer: LayerFolder[Picture]) -> LayerFolder[Picture]:
        layer.before_write = self._keep_before
        return layer

    def _kept(self, edit_id: int) -> Path:
        return self.folder / "history" / f"{edit_id:06d}"

    def _keep_before(self, layer: LayerFolder[Any], frame_index: int) -> None:
        """Store the picture that an edit is about to replace, at the first replacement."""
        self._lock.check()
        edit_id = getattr(self._writing, "edit_id", None)
        if edit_id is None:
            return
        kept = self._kept(edit_id) / "before" / layer.path(frame_index).relative_to(self.folder)
        if not kept.exists() and not kept.with_suffix(ABSENT).exists():
            keep(layer.path(frame_index), kept)

    def _keep_after(self, edit_id: int) -> None:
        """Store the present pictures for redo."""
        before, after = self._kept(edit_id) / "before", self._kept(edit_id) / "after"
        self._lock.check()
        try:
            shutil.rmtree(after, ignore_errors=True)
            for entry in entries(before):
                file = target_of(entry, before, self.folder)
                keep(file, after / file.relative_to(self.folder))
        except OSError as error:
            raise ProjectError(f"{after} could not be kept ({error.strerror}); {remedy(error)}") from error

    def _finish_pending(self) -> None:
        """Restore the pictures of an undo or redo. After a crash or a full disk it does the same again.

        Until it is through, nothing else may change the project.
        """
        if self._history.pending is None:
            return
        self._lock.check()
        kept = self._kept(self._history.pending[0]) / self._history.pending[1]
        try:
            for entry in entries(kept):
                restore(entry, target_of(entry, kept, self.folder))
        except OSError as error:
            raise ProjectError(f"{kept} could not be put back ({error.strerror}); {remedy(error)}") from error
        self._reread(kept)
        self._save(self.truth, replace(self._history, pending=None))

    def _reread(self, kept: Path) -> None:
        open_layers: list[LayerFolder[Any]] = [self.depth]
        for layers in self._objects.values():
            open_layers += layers.every()
        by_folder = {layer.folder: layer for layer in open_layers}
        for entry in entries(kept):
            layer = by_folder.get(target_of(entry, kept, self.folder).parent)
            if layer is not None:
                layer.reread(int(entry.stem))
