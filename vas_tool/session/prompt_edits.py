"""Clicks, boxes and strokes. They are stored first. A fast mask follows at once, a better one in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from vas_tool.engines.fair_lock import waiting_seconds
from vas_tool.errors import EngineError, ProjectDamaged, PromptError
from vas_tool.planning.setup import chosen_engine
from vas_tool.project.object_layers import require_frame
from vas_tool.project.object_stamps import prompted_frames
from vas_tool.project.truth import AnnotatedObject
from vas_tool.project_store import answer_click
from vas_tool.session.change_log import ChangeLog
from vas_tool.session.jobs import WAITING_SECONDS, LatestOnly, without_damaged
from vas_tool.storage import Stamp
from vas_tool.types import Box, Click, MaskLayer, Stroke

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.05
"""Seconds before the better mask is computed, so that the fast one reaches the browser first."""


class PromptEdits:
    """Edits of an object's prompts, and the masks that follow."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project
        self._refiner = LatestOnly("refine-clicks", pause_seconds=ANSWER_SECONDS)
        self._answering: set[int] = set()
        self._make_missing_masks()

    @property
    def refining(self) -> bool:
        """Whether a better mask for a recent click is being made."""
        return self._refiner.busy

    @property
    def waits(self) -> bool:
        """Whether a click has been waiting for a while because something else uses the engine."""
        return any(waiting_seconds(thread_id) >= WAITING_SECONDS for thread_id in tuple(self._answering))

    def close(self, timeout_seconds: float) -> None:
        """Drop better masks that were not begun, and wait for the one that was."""
        self._refiner.close()
        self._refiner.join(timeout_seconds)

    def settle(self, timeout_seconds: float = 60.0) -> bool:
        """Wait for the better masks of recent clicks. Returns False when they take longer."""
        return self._refiner.join(timeout_seconds)

    def click(self, click: Click, *, object_id: int | None = None) -> int:
        """Add a click to an object (None: to a new one), make its mask, and return the object's id.

        Raises PromptError when it lies outside the frame.
        """
        self._require_inside(click.frame_index, click.x, click.y)
        sign = "" if click.positive else "negative "
        return self._ask(
            click.frame_index,
            f"{sign}click",
            object_id=object_id,
            change=lambda obj: replace(obj, clicks=(*obj.clicks, click)),
        )

    def box(self, box: Box, *, object_id: int | None = None) -> int:
        """Put a box around the visible part of an object (None: of a new one). It replaces an earlier one on the frame.
        Returns the object's id.
        """
        width, height = self.project.clip.size_wh
        box = replace(box, x0=max(0, box.x0), y0=max(0, box.y0), x1=min(width, box.x1), y1=min(height, box.y1))
        require_frame(box.frame_index, len(self.project.clip))

        def change(obj: AnnotatedObject) -> AnnotatedObject:
            others = tuple(b for b in obj.boxes if b.frame_index != box.frame_index)
            return replace(obj, boxes=(*others, box))

        return self._ask(box.frame_index, "box", object_id=object_id, change=change)

    def remove_click(self, object_id: int, index: int) -> None:
        """Remove a click, by its position in the object's list, and make the mask again."""
        obj = self.project.truth.object(object_id)
        if not 0 <= index < len(obj.clicks):
            raise PromptError(f"{obj.label} has no click number {index}; reload the page")
        frame_index = obj.clicks[index].frame_index
        clicks = obj.clicks[:index] + obj.clicks[index + 1 :]
        self._unask(frame_index, "remove click", obj=replace(obj, clicks=clicks))

    def remove_box(self, object_id: int, frame_index: int) -> None:
        """Remove the box on a frame and make the mask again."""
        obj = self.project.truth.object(object_id)
        boxes = tuple(b for b in obj.boxes if b.frame_index != frame_index)
        if boxes == obj.boxes:
            raise PromptError(f"{obj.label} has no box on frame {frame_index}")
        self._unask(frame_index, "remove box", obj=replace(obj, boxes=boxes))

    def stroke(self, stroke: Stroke, *, object_id: int | None = None) -> int:
        """Paint or erase on an object's mask (None: on that of a new object). Returns the object's id."""
        require_frame(stroke.frame_index, len(self.project.clip))
        verb = "brush" if stroke.adds else "eraser"
        with self.project.mutex:
            obj = self.project.truth.object_or_new(object_id)
            painted = replace(obj, strokes=(*obj.strokes, stroke)).accepting(stroke.frame_index, False)
            self.changes.edit(f"{verb} on {obj.label}, frame {stroke.frame_index}", painted)
        self.changes.frame(stroke.frame_index)
        return obj.id

    def _ask(
        self,
        frame_index: int,
        what: str,
        *,
        object_id: int | None,
        change: Callable[[AnnotatedObject], AnnotatedObject],
    ) -> int:
        """Store a changed prompt of a frame, make a fast mask, and refine it in the background."""
        with self.project.mutex:
            obj = self.project.truth.object_or_new(object_id)
            start = self._tracked_start(obj, frame_index)
            asked = change(obj).accepting(frame_index, False)
            if start is not None:
                asked = replace(asked, given=tuple(sorted({*asked.given, frame_index})))
            edit_id = self.changes.edit(f"{what} on {obj.label}, frame {frame_index}", asked)
            if start is not None:
                with self.project.under(edit_id):
                    self.project.layers(obj.id).given.put(frame_index, *start)
        self._answer(obj.id, frame_index, edit_id=edit_id)
        return obj.id

    def _tracked_start(self, obj: AnnotatedObject, frame_index: int) -> tuple[Any, Stamp] | None:
        """Return the tracked mask that a first click on its frame corrects, with its stamp; None when there is none."""
        if frame_index in prompted_frames(obj) or frame_index in obj.given:
            return None
        if not any(o.id == obj.id for o in self.project.truth.objects):
            return None
        modal = self.project.layers(obj.id).modal
        stamp = modal.stamp(frame_index)
        with suppress(ProjectDamaged):  # it counts as absent from now on
            return None if stamp is None else (modal[frame_index], stamp)
        return None

    def _answer(self, object_id: int, frame_index: int, *, edit_id: int) -> None:
        with self._noticed():
            without_damaged(lambda: answer_click(self.project, object_id, frame_index, edit_id=edit_id, quick=True))
        self.changes.frame(frame_index)
        if chosen_engine(self.project.truth, "segment").at_once:
            return  # asked again, it would wait for another turn and answer the same

        def refine() -> None:
            with suppress(PromptError), self._noticed():  # taken back before its turn came
                if answer_click(self.project, object_id, frame_index, edit_id=edit_id):
                    self.changes.frame(frame_index)

        self._refiner.put((object_id, frame_index), refine)

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Within it, this thread is registered as the one that makes a mask, for ``waits``."""
        me = threading.get_ident()
        self._answering.add(me)
        try:
            yield
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:  # an engine that tries to end the process: the server must live on
            raise EngineError(
                f"the segment engine stopped ({type(error).__name__}: {error}); what you said is stored: choose "
                "another engine, or say it again"
            ) from error
        finally:
            self._answering.discard(me)

    def _unask(self, frame_index: int, what: str, *, obj: AnnotatedObject) -> None:
        """Store that a prompt of a frame was removed. Make the mask from those that remain, or remove it."""
        with self.project.mutex:
            obj = obj.accepting(frame_index, False)
            layers = self.project.layers(obj.id)
            remains = frame_index in prompted_frames(obj)
            start = layers.given.stamp(frame_index) if frame_index in obj.given else None
            was_tracked = start is not None and start.engine != "given"
            if not remains and was_tracked:
                obj = replace(obj, given=tuple(f for f in obj.given if f != frame_index))
            edit_id = self.changes.edit(f"{what} on {obj.label}, frame {frame_index}", obj)
            with self.project.under(edit_id):
                if not remains and was_tracked and start is not None:
                    layers.modal.put(frame_index, layers.given[frame_index], start)
                elif not remains and frame_index in layers.modal:
                    del layers.modal[frame_index]
        if remains:
            self._answer(obj.id, frame_index, edit_id=edit_id)
        self.changes.frame(frame_index)

    def _make_missing_masks(self) -> None:
        """Make masks that are missing after a crash between a click and its mask, or because they are damaged.

        An engine that fails here must not keep the project closed: a new click says what is wrong.
        """
        edit_id = self.project.last_edit_id
        if edit_id is None or self.project.cannot_write:
            return
        for obj in self.project.truth.objects:
            for frame_index in prompted_frames(obj) - set(self.project.layers(obj.id).modal):
                try:
                    self._answer(obj.id, frame_index, edit_id=edit_id)
                except Exception:
                    logger.exception("no mask for what was said of %s on frame %d", obj.label, frame_index)

    def _require_inside(self, frame_index: int, x: float, y: float) -> None:
        require_frame(frame_index, len(self.project.clip))
        width, height = self.project.clip.size_wh
        if not (-0.5 <= x < width and -0.5 <= y < height):
            raise PromptError(f"({x:.0f}, {y:.0f}) is outside the picture of {width} x {height}; click inside it")


def stroke_of(layer: MaskLayer, frame_index: int, *, adds: bool, radius: float, points: list[Any]) -> Stroke:
    """Return a stroke made from plain numbers. Raises PromptError for other values."""
    try:
        xy = tuple((float(x), float(y)) for x, y in points)
        return Stroke(frame_index, layer=layer, adds=bool(adds), radius=float(radius), points=xy)
    except (TypeError, ValueError) as error:
        raise PromptError(f"a stroke needs points of two numbers each ({error})") from error
