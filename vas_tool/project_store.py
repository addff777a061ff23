"""A project as the store of runs: every result is stored at once, under one edit.

So a stop keeps what is finished, and undo takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from vas_tool.boxes.cropping import CropPlan, plan_crops
from vas_tool.boxes.keyframes import Corners, drawn
from vas_tool.engines import registry
from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import Settings
from vas_tool.errors import Cancelled
from vas_tool.hypotheses import Recipe, disagreement
from vas_tool.pipeline import OnFrame, execute, ignore_frame
from vas_tool.planning.fingerprint import NOTHING, Fingerprint
from vas_tool.planning.inputs import ModalInputs
from vas_tool.planning.plan import Request, StageRun, answer_to_click, plan, trimmed
from vas_tool.planning.setup import windows_of
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.planning.staleness import Staleness, staleness_of
from vas_tool.planning.windows import LabelOf, label_of
from vas_tool.project import Project
from vas_tool.project.object_layers import prompts_of
from vas_tool.project.object_stamps import CLEAR, prompts_digest
from vas_tool.project.touching import measure_touching, unmeasured
from vas_tool.project.truth import AnnotatedObject
from vas_tool.project.window_cache import FOLDER, WindowCache
from vas_tool.storage import LayerFolder, Picture, Stamp
from vas_tool.types import Clip, Mask, Prompts
from vas_tool.work import AmodalWork, ContentWork, WindowAnswer, WindowKey, WindowStore


def carry_out(
    project: Project,
    request: Request,
    *,
    edit_id: int,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Plan a request for the present project, and run it under an edit. Raises the errors of ``execute``."""
    made = plan(snapshot_of(project, request.object_ids, priced=True), request)
    execute(made, ProjectStore(project, edit_id), on_frame=on_frame, progress=progress)


def answer_click(project: Project, object_id: int, frame_index: int, *, edit_id: int, quick: bool = False) -> bool:
    """Make the mask of one frame from its prompts and store it. Returns False when the prompts were removed
    meanwhile.
    """
    run, stored = answer_to_click(project.truth, object_id, frame_index, quick=quick), list[int]()
    with suppress(Cancelled):
        execute((run,), ProjectStore(project, edit_id), on_frame=stored.append)
    return bool(stored)


def measure_gate(project: Project, object_id: int, *, progress: Progress = silent) -> None:
    """Measure what the occlusion gate needs, so that plans know its clear frames. Raises what ``progress`` raises."""
    measure_touching(project, object_id, staleness_of(project, object_id).may_be_clear, progress=progress)


def is_gate_measured(project: Project, object_id: int) -> bool:
    """Whether the gate is off, or ``measure_gate`` has nothing to do."""
    return not project.truth.gate or not unmeasured(project, object_id, staleness_of(project, object_id).may_be_clear)


class ProjectStore:
    """A ``stores.Store`` in an open project. A run whose edit is undone ends with Cancelled."""

    def __init__(self, project: Project, edit_id: int) -> None:
        """Raises ProjectError when the project is of an older version and cannot be written."""
        project.raise_schema()
        self.project, self.edit_id = project, edit_id
        self._asked: dict[int, str] = {}
        """Segment: frame_index -> what was said there when the engine was asked."""
        self._staleness: Staleness | None = None
        self._modal_inputs: ModalInputs | None = None
        self._crops: CropPlan | None = None

    @property
    def clip(self) -> Clip:
        """The project's frames."""
        return self.project.clip

    def now(self, run: StageRun, *, progress: Progress = silent) -> StageRun:
        """Return the run without frames that are up to date by now (``Store.now``). Results get the fingerprints of
        this moment.
        """
        self._asked = {}
        if run.stage in ("segment", "depth"):
            return run
        self._staleness = self._staleness_of(run)
        if run.layer in ("amodal", "hypotheses") and (frames := run.frames | run.kept) & self._now.may_be_clear:
            asked = frames & self._now.may_be_clear
            measure_touching(self.project, _object_of(run), asked, progress=progress)
            self._staleness = self._staleness_of(run)
        self._crops = crop_plan(self.project, _object_of(run), _spec(run)) if run.crops else None
        return trimmed(run, self._staleness)

    def _staleness_of(self, run: StageRun) -> Staleness:
        return Staleness(snapshot_of(self.project, [_object_of(run)], priced=True), _object_of(run))

    @property
    def _now(self) -> Staleness:
        assert self._staleness is not None, "a run of these stages begins with ``now``"
        return self._staleness

    # --- what engines are asked -----------------------------------------------------------------------------------

    def settings(self, run: StageRun) -> Settings:
        """See ``Store``."""
        return self.project.truth.settings_of(run.stage, run.engine)

    def prompts(self, run: StageRun, span: range) -> Prompts:
        """Return the prompts on all frames, and the mask of a tracked frame that lies before the span.

        When it begins beside a tracked frame (a run was stopped there), that frame's mask is a prompt too: it is all
        that is left of what the engine remembered; when it is empty, the last one on which something was seen counts
        too. A mask at its far end does not: errors would be handed on as truth.
        """
        modal = self.project.modal(_object_of(run))
        self._asked, self._modal_inputs = {}, ModalInputs(modal.obj)
        return prompts_of(modal, also=begun_beside(modal, span))

    def prompts_on(self, run: StageRun, frame_index: int) -> Prompts:
        """See ``Store``."""
        modal = self.project.modal(_object_of(run))
        self._asked[frame_index] = prompts_digest(modal.obj, frame_index)
        return prompts_of(modal, asking=frame_index)

    def amodal_work(self, run: StageRun, span: range) -> tuple[AmodalWork, CropPlan | None]:
        """See ``Store``."""
        project = self.project
        work = AmodalWork(
            project.clip,
            project.modal(_object_of(run)),
            project.depth,
            canvas=project.canvas,
            frame_indices=span,
            seed=run.seeds[0],
            settings=self.settings(run),
            store=self._windows(run),
        )
        return work, self._crops

    def content_work(self, run: StageRun, span: range) -> ContentWork:
        """See ``Store``."""
        project, amodal = self.project, self.project.amodal(_object_of(run))
        truth, obj = project.truth, amodal.obj
        return ContentWork(
            project.clip,
            amodal.modal,
            amodal,
            canvas=project.canvas,
            frame_indices=span,
            seed=run.seeds[0],
            settings=self.settings(run),
            store=self._windows(run),
            depth=project.depth,
            amodal_settings=truth.settings_of("amodal", run.engine),
            hypotheses={index: truth.recipe_on(obj, index).seeds[0] for index in span},
        )

    def _windows(self, run: StageRun) -> WindowStore | None:
        """Return the store of an engine's finished windows; None for an engine without windows."""
        spec, project = _spec(run), self.project
        if not spec.keeps_work and not windows_of(project.truth, spec, len(project.clip)):
            return None
        return ObjectWindows(WindowCache(project.folder / FOLDER), label_of(self._now, spec, crops=run.crops))

    # --- results --------------------------------------------------------------------------------------------------

    def put(self, run: StageRun, frame_index: int, answer: Any) -> bool:
        """See ``Store``."""
        if run.stage == "segment":
            return self._put_modal(run, frame_index, answer)
        if run.layer == "depth":
            made_from = snapshot_of(self.project, []).depth_inputs(run.engine)
            # Depth belongs to the clip, not to an edit: undo leaves it, unless it was asked for by name.
            with self.project.under(self.edit_id) if run.again else nullcontext():
                self.project.depth.put(frame_index, answer, stamp_by(_spec(run), made_from))
            return True
        if run.layer == "hypotheses":
            stamp = self._with_crop(stamp_by(_spec(run), NOTHING), frame_index)
            self._put_hypotheses(run, frame_index, dict(zip(run.seeds, answer, strict=True)), made_by=stamp)
            return True
        stamp = self._with_crop(stamp_by(_spec(run), self._made_from(run, frame_index), seed=run.seeds[0]), frame_index)
        self._put(run, getattr(self._layers(run), run.layer), (frame_index, answer, stamp))
        return True

    def _made_from(self, run: StageRun, frame_index: int) -> Fingerprint:
        if run.layer == "content":
            return self._now.content_inputs.on(frame_index, run.engine)
        inputs = self._now.uncropped_inputs if run.layer == "uncropped" else self._now.amodal_inputs
        return inputs.on(frame_index, run.engine)

    def _put_modal(self, run: StageRun, frame_index: int, answer: TrackedFrame) -> bool:
        said = self._asked.get(frame_index)
        if said is None:
            assert self._modal_inputs is not None, "a span begins with ``prompts``"
            made_from = self._modal_inputs.on(frame_index)
        else:
            made_from = Fingerprint(source=said)
        stamp = stamp_by(_spec(run), made_from, certainty=answer.certainty)
        stamp = replace(stamp, object_score=answer.object_score, predicted_iou=answer.predicted_iou)
        with self.project.mutex:
            obj = self._still_wanted(_object_of(run))
            settled = obj.prompted() | set(obj.accepted)
            if prompts_digest(obj, frame_index) != said if said is not None else frame_index in settled:
                return False  # the person said something else, or settled the frame, while the engine was on its way
            with self.project.under(self.edit_id):
                self._layers(run).modal.put(frame_index, answer.mask, stamp)
        return True

    def _put_hypotheses(self, run: StageRun, frame_index: int, made: dict[int, Mask], *, made_by: Stamp) -> None:
        """Store new hypotheses of a frame (by seed), with their disagreement.

        A hypothesis is stored as the engine made it, with what is seen of the object in it; strokes lie on top of
        whichever is chosen.
        """
        layers, now = self._layers(run), self._now
        others = [s for s in now.stamps.hypotheses_on(frame_index) if s not in made]
        ours = [s for s in others if now.hypothesis_is_ours(frame_index, s)]
        masks = [*made.values(), *(layers.hypothesis(s)[frame_index] for s in ours)]
        difference = disagreement(masks)
        for seed, mask in made.items():
            made_from = now.amodal_inputs.on(frame_index, run.engine, recipe=Recipe.of_seed(seed))
            stamp = replace(made_by, made_from=made_from, seed=seed, how="", seeds=(seed,))
            stamp = replace(stamp, disagreement=difference, among=len(masks))
            self._put(run, layers.hypothesis(seed), (frame_index, mask, stamp))

    def take_kept(self, run: StageRun, *, progress: Progress) -> Iterator[int]:
        """See ``Store``."""
        for done, frame_index in enumerate(sorted(run.clear)):
            progress(done, len(run.clear), "frames with nothing in front")
            self._put_clear(run, frame_index)
            yield frame_index
        for done, frame_index in enumerate(sorted(run.kept)):
            progress(done, len(run.kept), "chosen hypothesis" if run.recipe else "kept masks")
            layers, amodal = self._layers(run), self._layers(run).amodal
            if run.recipe is not None:
                if not self._take_hypothesis(run, run.recipe, frame_index):
                    continue
            elif run.layer == "hypotheses":
                stamp = amodal.stamp(frame_index) or stamp_by(_spec(run), NOTHING)
                self._put_hypotheses(run, frame_index, {run.seeds[0]: amodal[frame_index]}, made_by=stamp)
            else:
                stamp = stamp_by(_spec(run), self._made_from(run, frame_index), seed=run.seeds[0])
                self._put(run, layers.uncropped, (frame_index, amodal[frame_index], stamp))
            yield frame_index

    def _put_clear(self, run: StageRun, frame_index: int) -> None:
        """Store the modal mask as the amodal mask, or its colours as the content."""
        project, canvas = self.project, self.project.canvas
        whole = canvas.to_canvas(project.modal(_object_of(run))[frame_index])
        inputs = self._now.content_inputs if run.layer == "content" else self._now.amodal_inputs
        stamp = Stamp(engine=CLEAR, made_from=inputs.on(frame_index, CLEAR))
        if run.layer == "content":
            colours = canvas.to_canvas(project.clip[frame_index]) * whole[..., None]
            content = np.dstack([colours, whole * np.uint8(255)])
            self._put(run, self._layers(run).content, (frame_index, content, stamp))
        else:
            self._put(run, self._layers(run).amodal, (frame_index, whole, stamp))

    def _take_hypothesis(self, run: StageRun, recipe: Recipe, frame_index: int) -> bool:
        """Store an amodal mask made from hypotheses. It is marked as out of date if one of them is."""
        layers, now = self._layers(run), self._now
        stamps = [now.hypothesis(frame_index, seed) for seed in recipe.seeds]
        first = stamps[0]
        if first is None or None in stamps:  # a run that should have made it was stopped
            return False
        hold = all(now.hypothesis_holds(frame_index, seed) for seed in recipe.seeds)
        made_from = now.amodal_inputs.on(frame_index, first.engine, recipe=recipe) if hold else NOTHING
        mask = recipe.mask([layers.hypothesis(seed)[frame_index] for seed in recipe.seeds])
        stamp = replace(first, made_from=made_from, how=recipe.how, seeds=recipe.seeds, disagreement=None, among=0)
        self._put(run, layers.amodal, (frame_index, mask, stamp))
        return True

    def _put(self, run: StageRun, layer: LayerFolder[Picture], item: tuple[int, Picture, Stamp]) -> None:
        """Store (frame_index, picture, stamp). Raises Cancelled when the edit was undone or the object deleted."""
        with self.project.mutex:
            self._still_wanted(_object_of(run))
            with self.project.under(self.edit_id):
                layer.put(*item)

    def _still_wanted(self, object_id: int) -> AnnotatedObject:
        """Return the present object. Raises Cancelled when the edit was undone or the object deleted."""
        objects = {obj.id: obj for obj in self.project.truth.objects}
        if object_id not in objects or not self.project.is_done(self.edit_id):
            raise Cancelled("the run was undone")
        return objects[object_id]

    def _layers(self, run: StageRun) -> Any:
        return self.project.layers(_object_of(run))

    def _with_crop(self, stamp: Stamp, frame_index: int) -> Stamp:
        """Return a mask's stamp with the numbers of its crop."""
        if self._crops is None:
            return stamp
        crop, box = self._crops.crops[frame_index], self._crops.boxes[frame_index]
        return replace(stamp, crop=tuple(crop.to_json()), given_box=box.corners)


def stamp_by(spec: EngineSpec, made_from: Fingerprint, *, seed: int = 0, certainty: float = 1.0) -> Stamp:
    """Return the stamp of a picture by an engine."""
    return Stamp(engine=spec.name, revision=spec.revision, seed=seed, made_from=made_from, certainty=float(certainty))


def crop_plan(project: Project, object_id: int, spec: EngineSpec) -> CropPlan | None:
    """Return the crops of an object for an engine; None when it has no amodal box."""
    modal = project.modal(object_id)
    if not drawn(modal.obj.amodal_boxes):
        return None
    tight = {f: modal.box(f) for f in modal}
    seen: dict[int, Corners] = {f: (*box,) for f, box in tight.items() if box is not None}
    size = registry.model_size(spec, project.truth.settings_of("amodal", spec.name))
    return plan_crops(
        modal.obj.amodal_boxes, rule=project.truth.crop, frame_wh=project.clip.size_wh, size_wh=size, seen=seen
    )


class SeenAreas(Protocol):
    """The tracked frames and the visible area on each; ``ModalMasks`` is one."""

    def __contains__(self, frame_index: object) -> bool: ...
    def area(self, frame_index: int) -> int:
        """Return the number of visible pixels of the object on a frame."""
        ...


def begun_beside(modal: SeenAreas, span: range) -> tuple[int, ...]:
    """Return the tracked frame before a span; if its mask is empty, also the last frame with one that is not."""
    beside = behind = span[0] - span.step
    while behind in modal and not modal.area(behind):
        behind -= span.step
    return (beside,) if behind not in modal else tuple({beside, behind})


class ObjectWindows:
    """A ``WindowStore`` for one object and stage, in the project's cache."""

    def __init__(self, cache: WindowCache, label: LabelOf) -> None:
        self._cache, self._label = cache, label

    def read(self, key: WindowKey) -> WindowAnswer | None:
        """See ``WindowStore``."""
        return self._cache.read(key, label=self._label(key.window, key.seed))

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        """See ``WindowStore``."""
        self._cache.keep(key, answer, label=self._label(key.window, key.seed))


def _object_of(run: StageRun) -> int:
    assert run.object_id is not None, "only depth belongs to no object"
    return run.object_id


def _spec(run: StageRun) -> EngineSpec:
    return registry.spec_of(run.stage, run.engine)
