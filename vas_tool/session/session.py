"""One user at work on a project: click, undo, track, complete, accept. It does not depend on a browser.

Every method that changes something returns after it is on disk. Cheap answers come at once; better ones and long work
run in the background and show in ``version`` and ``changes_since``.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vas_tool.engines import registry
from vas_tool.engines.settings import SettingValue
from vas_tool.errors import EngineError, ProjectError, PromptError, VasToolError
from vas_tool.files import from_json, read_plain, storable, write_atomically
from vas_tool.pipeline import prepare
from vas_tool.planning.setup import chosen_engine
from vas_tool.project import Project
from vas_tool.project.agreements import box_agreements
from vas_tool.project.attention import BOX_AGREES
from vas_tool.project.frame_facts import needs_look
from vas_tool.project.nothing_in_front import NothingInFront
from vas_tool.project.object_layers import require_frame
from vas_tool.project.truth import MOST_PADDING
from vas_tool.project.worktime import WorkClock
from vas_tool.project_store import is_gate_measured, measure_gate
from vas_tool.session.amodal_box_edits import AmodalBoxEdits
from vas_tool.session.background_runs import BackgroundRuns
from vas_tool.session.change_log import ChangeLog
from vas_tool.session.compositions import Compositions
from vas_tool.session.identity_edits import IdentityEdits
from vas_tool.session.jobs import LatestOnly
from vas_tool.session.order_edits import OrderEdits
from vas_tool.session.prompt_edits import PromptEdits
from vas_tool.session.scene_changes import SceneChanges
from vas_tool.session.second_looks import SecondLooks
from vas_tool.session.template_edits import TemplateEdits
from vas_tool.session.text_finds import TextFinds
from vas_tool.session.training_runs import TrainingRuns
from vas_tool.types import Canvas, Stage
from vas_tool.wording import counted

PLACE = "place.json"
"""The file in a project's folder that stores the person's frame and view."""

EXPORTS = "exports"
"""The folder in a project's folder for exports from the browser."""

CANCEL_SECONDS = 30.0
"""Seconds that undo waits for a running job to stop before it reports an error."""


class Session:
    """One open project and the person (in one browser tab or several) at work on it."""

    def __init__(self, project: Project) -> None:
        """Close the project when this raises, because no one else would."""
        self.project = project
        self.changes = ChangeLog(project)
        self.amodal_boxes = AmodalBoxEdits(self.changes)
        self.templates = TemplateEdits(self.changes)
        self.identity = IdentityEdits(self.changes)
        self.order = OrderEdits(self.changes)
        self.scene = SceneChanges(self.changes)
        self.runs = BackgroundRuns(self.changes)
        self.training = TrainingRuns(project)
        self.finds = TextFinds(self.changes, self.runs)
        self.second_looks = SecondLooks(project)
        self.compositions = Compositions(project)
        try:
            self.prompts = PromptEdits(self.changes)
            self.place: dict[str, Any] = self._read_place()
            self.clock = WorkClock(project.folder, may_write=project.require_writable)
        except BaseException:
            project.close()
            raise
        self.exports = project.folder / EXPORTS
        """Where the browser's exports go; elsewhere when the project cannot be written."""
        self.exporting = threading.Lock()
        """Held while an export is written: one at a time."""
        self._preparer = LatestOnly("prepare-frame")
        self._measurer = LatestOnly("measure-masks")
        self._get_ready()

    def close(self) -> None:
        """Stop running work, keep finished results, and close the project."""
        self.runs.stop(CANCEL_SECONDS)
        self.second_looks.close(CANCEL_SECONDS)
        self.compositions.close(CANCEL_SECONDS)
        self.prompts.close(CANCEL_SECONDS)
        for worker in (self._preparer, self._measurer):
            worker.close()
            worker.join(CANCEL_SECONDS)  # what it writes is the project's; and a process ends badly while it computes
        self.clock.write()
        if self.exports != self.project.folder / EXPORTS:
            shutil.rmtree(self.exports, ignore_errors=True)
        self.project.close()

    # --- objects, review, canvas ----------------------------------------------------------------------------------

    def new_object(self, label: str | None = None) -> int:
        """Add an object without prompts and return its id."""
        with self.project.mutex:
            obj = self.project.truth.new_object(label)
            self.changes.edit(f"new {obj.label}", obj)
        return obj.id

    def split(self, object_id: int, frame_index: int) -> int:
        """Make a new object of a frame and all later ones (see ``IdentityEdits.split``). A running job is stopped
        first. Returns its id.
        """
        self.runs.stop(CANCEL_SECONDS)
        return self.identity.split(object_id, frame_index)

    def rename(self, object_id: int, label: str) -> None:
        """Give an object another category name. Raises PromptError when it is blank."""
        label = label.strip()
        if not label:
            raise PromptError("a label needs at least one letter")
        obj = self.project.truth.object(object_id)
        self.changes.edit(f"rename {obj.label} to {label}", replace(obj, label=label))

    def delete_object(self, object_id: int) -> None:
        """Remove an object from the project. Undo restores it with all its masks."""
        obj = self.project.truth.object(object_id)
        self.changes.store(f"delete {obj.label}", self.project.truth.without_object(object_id))
        self.changes.everything()

    def accept(self, object_id: int, frame_index: int, *, accepted: bool = True) -> None:
        """Accept an object's masks on a frame, so that no engine replaces them; or take that back."""
        require_frame(frame_index, len(self.project.clip))
        obj = self.project.truth.object(object_id)
        if accepted and frame_index not in self.project.modal(object_id):
            raise PromptError(f"{obj.label} has no mask on frame {frame_index} to accept; click it or track it first")
        verb = "accept" if accepted else "reopen"
        self.changes.edit(f"{verb} {obj.label}, frame {frame_index}", obj.accepting(frame_index, accepted))

    def mark(self, object_id: int, frame_index: int, *, needs_work: bool = True) -> None:
        """Mark a frame of an object for later, with or without a mask; or take that back.

        It is then not accepted, so engines may replace what is there; ``next_look`` goes there.
        """
        require_frame(frame_index, len(self.project.clip))
        obj = self.project.truth.object(object_id)
        verb = "mark" if needs_work else "unmark"
        what = f"{verb} {obj.label}, frame {frame_index}, as needing work"
        self.changes.edit(what, obj.marking(frame_index, needs_work))

    def accept_all(self, object_id: int) -> int:
        """Accept every frame with a mask that needs no look, and return their number."""
        obj = self.project.truth.object(object_id)
        doubtful = set(needs_look(self.project, object_id))
        fine = {f for f in self.project.modal(object_id) if f not in doubtful}
        self.changes.edit(f"accept {counted(len(fine), 'frame')} of {obj.label}", obj.accepting_all(fine))
        return len(fine)

    def next_look(self, frame_index: int, *, object_id: int | None = None) -> tuple[int, int, str] | None:
        """Return (object_id, frame_index, reason) of the next frame that needs a look; None when there is none.

        For an object with amodal boxes the frame whose mask misses its box most comes first, then the second worst;
        after those its other frames, in time. For all others the next in time. Wraps around.
        """
        ids = [object_id] if object_id is not None else [o.id for o in self.project.truth.objects]
        looks = {o: needs_look(self.project, o) for o in ids}
        if object_id is not None:
            worst = self._worst_boxes(object_id, looks[object_id])
            if worst:
                order = [*worst, *(f for f in looks[object_id] if f not in worst)]
                found = order[(order.index(frame_index) + 1) % len(order) if frame_index in order else 0]
                return object_id, found, looks[object_id][found]
        places = [(f, o, why) for o, by_frame in looks.items() for f, why in by_frame.items()]
        num_frames = len(self.project.clip)
        ahead = sorted(places, key=lambda place: ((place[0] - frame_index - 1) % num_frames, place[1]))
        return (ahead[0][1], ahead[0][0], ahead[0][2]) if ahead else None

    def _worst_boxes(self, object_id: int, looks: dict[int, str]) -> list[int]:
        """Return the frames whose mask misses their amodal box, worst first."""
        agreements = box_agreements(self.project, object_id)
        missed = [f for f in looks if agreements.get(f, 1.0) < BOX_AGREES]
        return sorted(missed, key=lambda f: (agreements[f], f))

    def set_canvas(self, fraction: float) -> None:
        """Pad the canvas by a fraction of the frame on each side. Amodal masks stay, and become stale on a larger
        canvas.

        Raises PromptError when amodal masks lie on a larger one: they would be cut.
        """
        if not 0 <= fraction <= MOST_PADDING:  # no NaN is
            raise PromptError(f"a work area has 0 to {MOST_PADDING:.0%} of the frame on each side; got {fraction}")
        before, canvas = self.project.canvas, Canvas.padded(self.project.clip.size_wh, fraction)
        smaller = canvas.pad_left < before.pad_left or canvas.pad_top < before.pad_top
        if smaller and any(len(self.project.layers(o.id).amodal) for o in self.project.truth.objects):
            raise PromptError("a smaller work area would cut amodal masks; undo the completion first, then change it")
        self.changes.store(f"work area + {fraction:.0%}", replace(self.project.truth, canvas=canvas))
        self.changes.everything()

    # --- engines --------------------------------------------------------------------------------------------------

    def choose_engine(self, stage: str, name: str) -> None:
        """Choose the engine of a stage (``auto``: the best that is present). Existing results stay.

        Raises EngineError when there is no such engine, or when it is not all here: then with the command that gets it.
        """
        spec = registry.spec_of(registry.stage_named(stage), name)
        if not registry.is_present(spec):
            raise EngineError(f"the {stage} engine {name} is not complete; get the rest with: {spec.get}")
        truth = self.project.truth
        engines = {s: n for s, n in truth.engines.items() if s != stage}
        if name != registry.AUTO:
            engines[stage] = name
        if engines != truth.engines:
            self.changes.store(f"{stage} engine: {name}", replace(truth, engines=engines))
            self._get_ready()

    def set_gate(self, on: bool) -> None:
        """Let the modal mask complete frames on which nothing can hide the object, or ask an engine there, too.

        When it goes off, the masks that it made become stale; when it comes on, every mask that is there holds.
        """
        truth = self.project.truth
        if on != truth.gate:
            self.changes.store(f"occlusion gate {'on' if on else 'off'}", replace(truth, gate=on))
            self.changes.everything()

    def set_parameter(self, stage: Stage, name: str, value: SettingValue | None) -> None:
        """Set a parameter of the engine in use for a stage; None: its default again. A text is read as the value.

        Raises EngineError, saying what there is and what it takes.
        """
        truth = self.project.truth
        spec = chosen_engine(truth, stage)
        kept = truth.settings_of(stage, spec.name)
        settings = {n: v for n, v in kept.items() if n != name}
        if value is not None or name not in kept:  # what only another version of the engine has can be taken back
            parameter = registry.parameter_of(spec, name)
        if value is not None:
            settings[name] = parameter.read(value) if isinstance(value, str) else parameter.checked(value)
            known = {p.name for p in spec.parameters}
            registry.checked_settings(spec, {n: v for n, v in settings.items() if n in known})
        shown = settings.get(name, "default")
        self.changes.store(f"{stage} {name}: {shown}", truth.setting(stage, spec.name, settings))
        self.changes.everything()

    # --- what is yet to be measured -------------------------------------------------------------------------------

    def measure_soon(self) -> None:
        """Measure the hidden parts that are not measured yet, in the background. ``version`` changes when one is."""
        if not self._measurer.busy:
            self._measurer.put("measure", self._measure)

    def measure_gate_soon(self, object_id: int | None) -> None:
        """Measure in the background what the occlusion gate needs of an object (None: of all), if it is on."""
        ids = [obj.id for obj in self.project.truth.objects] if object_id is None else [object_id]
        if not all(is_gate_measured(self.project, i) for i in ids):
            self.measure_soon()

    def wait_measured(self, timeout_seconds: float) -> bool:
        """Wait until nothing is measured in the background. Returns False after the timeout."""
        return self._measurer.join(timeout_seconds)

    def _measure(self) -> None:
        for obj in self.project.truth.objects:
            with suppress(VasToolError):  # deleted meanwhile
                hidden, _ = self.project.amodal(obj.id).hidden_areas()
                NothingInFront(self.project, obj.id).areas(hidden)
                measure_gate(self.project, obj.id)
            self.changes.add(frozenset())

    # --- undo -----------------------------------------------------------------------------------------------------

    def undo(self) -> str | None:
        """Undo the last edit and return its description. A running job is stopped first."""
        return self._travel(self.project.undo, "undid")

    def redo(self) -> str | None:
        """Redo the last undone edit and return its description."""
        return self._travel(self.project.redo, "redid")

    def _travel(self, go: Callable[[], Any], verb: str) -> str | None:
        self.runs.stop(CANCEL_SECONDS)
        edit = go()
        if edit is None:
            return None
        self.changes.note(f"{verb}: {edit.what}")
        self.changes.everything()
        return str(edit.what)

    # --- where the person is --------------------------------------------------------------------------------------

    def set_place(self, place: dict[str, Any]) -> None:
        """Store the person's frame and view, for reloads and restarts. It is not undoable.

        A click on that frame is likely: the segment engine gets ready for it in the background.
        """
        text = storable({**self.place, **place})
        self.place = {**self.place, **place}
        self._get_ready()
        with suppress(ProjectError):  # a full disk is told when something is said that must not be lost
            self.project.require_writable()
            write_atomically(self.project.folder / PLACE, text)

    def _get_ready(self) -> None:
        frame_index = self.place.get("frame", 0)
        if isinstance(frame_index, int) and 0 <= frame_index < len(self.project.clip):
            engine = chosen_engine(self.project.truth, "segment").name
            self._preparer.put("frame", lambda: prepare(self.project.clip, frame_index, engine=engine))

    def _read_place(self) -> dict[str, Any]:
        try:
            place = from_json(read_plain(self.project.folder / PLACE))
        except (OSError, ValueError, RecursionError):  # never written, or not worth a word
            place = {}
        return place if isinstance(place, dict) else {}
