"""One user at work on a project: click, undo, track, complete, accept. Knows nothing of a browser.

Every method that changes something returns after it is on disk. Cheap answers come at once; better ones and long work
run in the background and show in ``version`` and ``changes_since``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from vas_tool.errors import PromptError
from vas_tool.jobs import Job, JobStatus, LatestOnly
from vas_tool.object_layers import asked_on, require_frame
from vas_tool.project import Project
from vas_tool.review import needs_look
from vas_tool.runs import Direction, complete, frames_to_track, segment_frame, track
from vas_tool.storage import Stamp, write_atomically
from vas_tool.truth import AnnotatedObject, Truth
from vas_tool.types import Box, Canvas, Click, MaskLayer, Stroke

CHANGES_KEPT = 512
"""Of the log of changed frames; who is further behind is told that everything changed."""

CANCEL_SECONDS = 30.0
"""How long undo waits for a running job to stop before it says so."""


@dataclass(frozen=True)
class Saved:
    """What was last written to disk, and when."""

    what: str
    at_seconds: float
    """Since the epoch."""


class Session:
    """One open project and the person (in one browser tab or several) at work on it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.version = 0
        self.saved = Saved("opened", time.time())
        self.place: dict[str, Any] = self._read_place()
        self._changes: list[tuple[int, frozenset[int] | None]] = []
        self._refiner = LatestOnly("refine-clicks")
        self._job: Job | None = None
        self._answer_what_was_asked()

    def close(self) -> None:
        """Stop what runs, keep what is finished, let go of the project."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait(CANCEL_SECONDS)
        self._refiner.close()
        self.project.close()

    # --- what happened ------------------------------------------------------------------------------------------

    def changes_since(self, version: int) -> set[int] | None:
        """The frames whose pictures changed after ``version``; None when any may have."""
        with self.project.mutex:
            if version > self.version or (self._changes and version < self._changes[0][0] - 1):
                return None
            later = [frames for number, frames in self._changes if number > version]
            return None if None in later else {f for frames in later if frames for f in frames}

    @property
    def refining(self) -> bool:
        """Whether a better mask for a recent click is on its way."""
        return self._refiner.busy

    def settle(self, timeout_seconds: float = 60.0) -> bool:
        """Wait for the better masks of recent clicks; False when they took longer."""
        return self._refiner.join(timeout_seconds)

    @property
    def job(self) -> JobStatus | None:
        """The job that runs, or the last one that did."""
        return self._job.status if self._job else None

    def _changed(self, frames: frozenset[int] | None) -> None:
        with self.project.mutex:
            self.version += 1
            self._changes = [*self._changes[-CHANGES_KEPT:], (self.version, frames)]

    def _frame_changed(self, frame_index: int) -> None:
        self._changed(frozenset({frame_index}))

    # --- clicks, boxes, strokes -----------------------------------------------------------------------------------

    def click(self, click: Click, *, object_id: int | None = None) -> int:
        """Add a click to an object (None: to a new one) and answer it; gives the object's id.

        Raises PromptError when it lies outside the frame.
        """
        self._require_inside(click.frame_index, click.x, click.y)
        sign = "" if click.positive else "negative "
        return self._ask(
            click.frame_index,
            f"{sign}click",
            object_id=object_id,
            change=lambda thing: replace(thing, clicks=(*thing.clicks, click)),
        )

    def box(self, box: Box, *, object_id: int | None = None) -> int:
        """Put a box around what is seen of an object (None: of a new one), in place of an earlier one on the frame."""
        width, height = self.project.clip.size_wh
        box = replace(box, x0=max(0, box.x0), y0=max(0, box.y0), x1=min(width, box.x1), y1=min(height, box.y1))
        require_frame(box.frame_index, len(self.project.clip))

        def change(thing: AnnotatedObject) -> AnnotatedObject:
            others = tuple(b for b in thing.boxes if b.frame_index != box.frame_index)
            return replace(thing, boxes=(*others, box))

        return self._ask(box.frame_index, "box", object_id=object_id, change=change)

    def remove_click(self, object_id: int, index: int) -> None:
        """Take one click (by its position in the object's list) away; its mask follows."""
        thing = self.project.truth.object(object_id)
        if not 0 <= index < len(thing.clicks):
            raise PromptError(f"{thing.label} has no click number {index}; reload the page")
        frame_index = thing.clicks[index].frame_index
        clicks = thing.clicks[:index] + thing.clicks[index + 1 :]
        self._unask(frame_index, "remove click", thing=replace(thing, clicks=clicks))

    def remove_box(self, object_id: int, frame_index: int) -> None:
        """Take the box on a frame away; its mask follows."""
        thing = self.project.truth.object(object_id)
        boxes = tuple(b for b in thing.boxes if b.frame_index != frame_index)
        if boxes == thing.boxes:
            raise PromptError(f"{thing.label} has no box on frame {frame_index}")
        self._unask(frame_index, "remove box", thing=replace(thing, boxes=boxes))

    def stroke(self, stroke: Stroke, *, object_id: int | None = None) -> int:
        """Paint or erase on an object's mask (None: on a new object's); gives the object's id."""
        require_frame(stroke.frame_index, len(self.project.clip))
        verb = "brush" if stroke.adds else "eraser"
        with self.project.mutex:
            thing = self._object_or_new(object_id)
            painted = replace(thing, strokes=(*thing.strokes, stroke)).accepting(stroke.frame_index, False)
            self._edit(f"{verb} on {thing.label}, frame {stroke.frame_index}", painted)
        self._frame_changed(stroke.frame_index)
        return thing.id

    def _ask(
        self,
        frame_index: int,
        what: str,
        *,
        object_id: int | None,
        change: Callable[[AnnotatedObject], AnnotatedObject],
    ) -> int:
        """Store something said about a frame, answer it quickly, and refine the answer in the background."""
        with self.project.mutex:
            thing = self._object_or_new(object_id)
            start = self._tracked_start(thing, frame_index)
            asked = change(thing).accepting(frame_index, False)
            if start is not None:
                asked = replace(asked, given=tuple(sorted({*asked.given, frame_index})))
            edit_id = self._edit(f"{what} on {thing.label}, frame {frame_index}", asked)
            if start is not None:
                with self.project.under(edit_id):
                    self.project.layers(thing.id).given.put(frame_index, *start)
        self._answer(thing.id, frame_index, edit_id=edit_id)
        return thing.id

    def _tracked_start(self, thing: AnnotatedObject, frame_index: int) -> tuple[Any, Stamp] | None:
        """A tracked mask that a first click on its frame is about to correct: it becomes the starting point."""
        if frame_index in asked_on(thing) or frame_index in thing.given:
            return None
        if not any(o.id == thing.id for o in self.project.truth.objects):
            return None
        stamp = self.project.layers(thing.id).modal.stamp(frame_index)
        return None if stamp is None else (self.project.layers(thing.id).modal[frame_index], stamp)

    def _answer(self, object_id: int, frame_index: int, *, edit_id: int) -> None:
        segment_frame(self.project, object_id, frame_index, edit_id=edit_id, quick=True)
        self._frame_changed(frame_index)

        def refine() -> None:
            with suppress(PromptError):  # taken back before its turn came
                if segment_frame(self.project, object_id, frame_index, edit_id=edit_id):
                    self._frame_changed(frame_index)

        self._refiner.put((object_id, frame_index), refine)

    def _unask(self, frame_index: int, what: str, *, thing: AnnotatedObject) -> None:
        """Store that something said about a frame was taken back; answer what remains, or drop the mask."""
        with self.project.mutex:
            thing = thing.accepting(frame_index, False)
            layers = self.project.layers(thing.id)
            remains = frame_index in asked_on(thing)
            start = layers.given.stamp(frame_index) if frame_index in thing.given else None
            was_tracked = start is not None and start.engine != "given"
            if not remains and was_tracked:
                thing = replace(thing, given=tuple(f for f in thing.given if f != frame_index))
            edit_id = self._edit(f"{what} on {thing.label}, frame {frame_index}", thing)
            with self.project.under(edit_id):
                if not remains and was_tracked and start is not None:
                    layers.modal.put(frame_index, layers.given[frame_index], start)
                elif not remains and frame_index in layers.modal:
                    del layers.modal[frame_index]
        if remains:
            self._answer(thing.id, frame_index, edit_id=edit_id)
        self._frame_changed(frame_index)

    def _answer_what_was_asked(self) -> None:
        """After a crash between a click and its mask: make the masks that are missing."""
        for thing in self.project.truth.objects:
            for frame_index in asked_on(thing) - set(self.project.layers(thing.id).modal):
                edit_id = self.project.last_edit_id
                if edit_id is not None:
                    self._answer(thing.id, frame_index, edit_id=edit_id)

    # --- objects, review, canvas ----------------------------------------------------------------------------------

    def new_object(self, label: str | None = None) -> int:
        """An object with nothing said about it yet; gives its id."""
        with self.project.mutex:
            thing = self._fresh(label)
            self._edit(f"new {thing.label}", thing)
        return thing.id

    def rename(self, object_id: int, label: str) -> None:
        """Give an object another category name. Raises PromptError when it is blank."""
        label = label.strip()
        if not label:
            raise PromptError("a label needs at least one letter")
        thing = self.project.truth.object(object_id)
        self._edit(f"rename {thing.label} to {label}", replace(thing, label=label))

    def delete_object(self, object_id: int) -> None:
        """Take an object out of the project; undo brings it back with all its masks."""
        thing = self.project.truth.object(object_id)
        self._store(f"delete {thing.label}", self.project.truth.without_object(object_id))
        self._changed(None)

    def accept(self, object_id: int, frame_index: int, *, accepted: bool = True) -> None:
        """Accept what an object shows on a frame: no engine replaces it from now on. Or take that back."""
        require_frame(frame_index, len(self.project.clip))
        thing = self.project.truth.object(object_id)
        if accepted and frame_index not in self.project.modal(object_id):
            raise PromptError(f"{thing.label} has no mask on frame {frame_index} to accept; click it or track it first")
        verb = "accept" if accepted else "reopen"
        self._edit(f"{verb} {thing.label}, frame {frame_index}", thing.accepting(frame_index, accepted))

    def accept_all(self, object_id: int) -> int:
        """Accept every frame that has a mask and needs no look; gives how many that were."""
        thing = self.project.truth.object(object_id)
        doubtful = set(needs_look(self.project, object_id))
        fine = {f for f in self.project.modal(object_id) if f not in doubtful}
        accepted = tuple(sorted(fine | set(thing.accepted)))
        self._edit(f"accept {len(fine)} frames of {thing.label}", replace(thing, accepted=accepted))
        return len(fine)

    def next_look(self, frame_index: int, *, object_id: int | None = None) -> tuple[int, int, str] | None:
        """(object_id, frame_index, why) of the next frame after this one that needs a look; wraps around."""
        ids = [object_id] if object_id is not None else [o.id for o in self.project.truth.objects]
        places = [(f, o, why) for o in ids for f, why in needs_look(self.project, o).items()]
        num_frames = len(self.project.clip)
        ahead = sorted(places, key=lambda place: ((place[0] - frame_index - 1) % num_frames, place[1]))
        return (ahead[0][1], ahead[0][0], ahead[0][2]) if ahead else None

    def set_canvas(self, fraction: float) -> None:
        """Pad the work area by a fraction of the frame on each side.

        Raises PromptError when amodal masks were made on another canvas: they would have to be made again.
        """
        canvas = Canvas.padded(self.project.clip.size_wh, fraction)
        if (
            any(len(self.project.layers(o.id).amodal) for o in self.project.truth.objects)
            and canvas != self.project.canvas
        ):
            raise PromptError("amodal masks exist on the present canvas; undo the completion first, then change it")
        self._store(f"canvas + {fraction:.0%}", replace(self.project.truth, canvas=canvas))
        self._changed(None)

    # --- undo -----------------------------------------------------------------------------------------------------

    def undo(self) -> str | None:
        """Take the last thing back; gives what it was. A running job is stopped first."""
        return self._travel(self.project.undo, "undid")

    def redo(self) -> str | None:
        """Do what was undone again; gives what it was."""
        return self._travel(self.project.redo, "redid")

    def _travel(self, go: Callable[[], Any], verb: str) -> str | None:
        if self._job is not None and not self._job.status.finished:
            self._job.cancel()
            self._job.wait(CANCEL_SECONDS)
        edit = go()
        if edit is None:
            return None
        self._note(f"{verb}: {edit.what}")
        self._changed(None)
        return str(edit.what)

    # --- long work ------------------------------------------------------------------------------------------------

    def start_tracking(self, object_id: int, frame_index: int, *, direction: Direction = "both") -> JobStatus:
        """Track an object in the background. Raises PromptError when there is nothing to start from or to do."""
        self._require_idle()
        require_frame(frame_index, len(self.project.clip))
        spans = frames_to_track(self.project, object_id, frame_index, direction=direction)
        if not spans:
            raise PromptError("every frame there is up to date; click where a mask is wrong, then track again")
        thing = self.project.truth.object(object_id)
        edit_id = self._store(f"track {thing.label}", None)
        job = Job(JobStatus("track", object_id, "modal masks", total=sum(map(len, spans))))
        self._job = job
        job.start(
            lambda progress: track(
                self.project, object_id, spans, edit_id=edit_id, on_frame=self._frame_changed, progress=progress
            )
        )
        return job.status

    def start_completing(self, object_id: int | None = None) -> JobStatus:
        """Depth, amodal masks and content in the background, for one object or (None) for all with modal masks."""
        self._require_idle()
        ids = [object_id] if object_id is not None else [o.id for o in self.project.truth.objects]
        ids = [i for i in ids if len(self.project.modal(i))]
        if not ids:
            raise PromptError("nothing to complete yet; click an object and track it first")
        labels = ", ".join(self.project.truth.object(i).label for i in ids)
        edit_id = self._store(f"complete {labels}", None)
        job = Job(JobStatus("complete", object_id, "depth"))
        self._job = job
        job.start(
            lambda progress: complete(
                self.project, ids, edit_id=edit_id, on_frame=self._frame_changed, progress=progress
            )
        )
        return job.status

    def cancel(self) -> None:
        """Stop the running job at its next step; finished frames stay."""
        if self._job is not None:
            self._job.cancel()

    def wait(self, timeout_seconds: float | None = None) -> JobStatus | None:
        """Wait for the running job to end; gives how it ended."""
        if self._job is not None:
            self._job.wait(timeout_seconds)
        return self.job

    def _require_idle(self) -> None:
        if self._job is not None and not self._job.status.finished:
            raise PromptError("something is still running; wait for it or cancel it (Esc)")

    # --- where the person is --------------------------------------------------------------------------------------

    def set_place(self, place: dict[str, Any]) -> None:
        """Remember what the person looks at, over reloads and restarts. Not undoable."""
        self.place = {**self.place, **place}
        write_atomically(self.project.folder / "place.json", json.dumps(self.place).encode())

    def _read_place(self) -> dict[str, Any]:
        try:
            place = json.loads((self.project.folder / "place.json").read_bytes())
        except (OSError, ValueError):  # never written, or not worth a word
            place = {}
        return place if isinstance(place, dict) else {}

    # --- storing --------------------------------------------------------------------------------------------------

    def _object_or_new(self, object_id: int | None) -> AnnotatedObject:
        return self._fresh(None) if object_id is None else self.project.truth.object(object_id)

    def _fresh(self, label: str | None) -> AnnotatedObject:
        number = self.project.truth.next_object_id
        return AnnotatedObject(number, label or f"object {number}")

    def _edit(self, what: str, thing: AnnotatedObject) -> int:
        return self._store(what, self.project.truth.with_object(thing))

    def _store(self, what: str, truth: Truth | None) -> int:
        edit_id = self.project.edit(what, truth)
        self._note(what)
        with self.project.mutex:
            self.version += 1
            self._changes = [*self._changes[-CHANGES_KEPT:], (self.version, frozenset())]
        return edit_id

    def _note(self, what: str) -> None:
        self.saved = Saved(what, time.time())

    def _require_inside(self, frame_index: int, x: float, y: float) -> None:
        require_frame(frame_index, len(self.project.clip))
        width, height = self.project.clip.size_wh
        if not (-0.5 <= x < width and -0.5 <= y < height):
            raise PromptError(f"({x:.0f}, {y:.0f}) is outside the picture of {width} x {height}; click inside it")


def stroke_of(layer: MaskLayer, frame_index: int, *, adds: bool, radius: float, points: list[Any]) -> Stroke:
    """A stroke from plain numbers. Raises PromptError when they are none."""
    try:
        xy = tuple((float(x), float(y)) for x, y in points)
        return Stroke(frame_index, layer=layer, adds=bool(adds), radius=float(radius), points=xy)
    except (TypeError, ValueError) as error:
        raise PromptError(f"a stroke needs points of two numbers each ({error})") from error
