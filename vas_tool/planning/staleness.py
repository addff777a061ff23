"""Which results of an object are out of date, and why. Only this module compares stored with present fingerprints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from vas_tool.hypotheses import Recipe
from vas_tool.planning.fingerprint import FIELDS, NOTHING, Fingerprint
from vas_tool.planning.gate import Marks, clear_frames, marks_of
from vas_tool.planning.inputs import AmodalInputs, Columns, ContentInputs, ModalInputs
from vas_tool.planning.snapshot import Snapshot, snapshot_of
from vas_tool.project import Project
from vas_tool.project.object_stamps import CLEAR, GIVEN, retouched_on
from vas_tool.stamp_index import Stamps
from vas_tool.stamps import DEFAULTS, Stamp
from vas_tool.types import Stage

ResultStage = Literal["segment", "amodal", "content"]
"""The stages that make one result per frame and object."""

RESULT_STAGES: tuple[ResultStage, ...] = get_args(ResultStage)

REASONS = {
    "source": "the prompts on the frame have changed",
    "modal": "the modal mask has changed",
    "amodal_box": "the amodal box or the crop has changed",
    "amodal": "the amodal mask has changed",
    "setup": "settings, depth, seed or canvas have changed",
    "around": "frames around it have changed",
    "elsewhere": "other frames have changed",
}
"""Field of ``Fingerprint`` -> the reason, as text, when it differs."""


@dataclass(frozen=True)
class Outdated:
    """The existing results that a new run of one stage would make again. Accepted frames are never among them."""

    stale: frozenset[int] = frozenset()
    """Frames with a change in their own inputs, the set-up, or the frames around them."""
    gains: frozenset[int] = frozenset()
    """Frames whose result still holds, but that a new run would improve because other frames have changed."""
    reasons: frozenset[str] = frozenset()
    """The fields of ``Fingerprint`` that differ on any of these frames."""

    @property
    def frames(self) -> frozenset[int]:
        """All these frames."""
        return self.stale | self.gains


class Staleness:
    """The staleness of one object's results in a snapshot."""

    def __init__(self, snapshot: Snapshot, object_id: int) -> None:
        self.snapshot, self.object_id = snapshot, object_id
        self.stamps = snapshot.objects[object_id]

    @cached_property
    def modal_inputs(self) -> ModalInputs:
        """The present inputs of modal masks."""
        return ModalInputs(self.stamps.obj)

    @cached_property
    def amodal_inputs(self) -> AmodalInputs:
        """The present inputs of amodal masks."""
        return self._amodal_inputs(boxed=True)

    @cached_property
    def uncropped_inputs(self) -> AmodalInputs:
        """The present inputs of amodal masks that are made without the amodal boxes."""
        return self._amodal_inputs(boxed=False)

    @cached_property
    def content_inputs(self) -> ContentInputs:
        """The present inputs of content."""
        snapshot = self.snapshot
        return ContentInputs(
            self.stamps, self.amodal_inputs, seed=snapshot.truth.seed, setup_of=snapshot.content_setups
        )

    def _amodal_inputs(self, *, boxed: bool) -> AmodalInputs:
        snapshot = self.snapshot
        depth = snapshot.depth_used(self.object_id)
        return AmodalInputs(
            self.stamps, snapshot.truth, depth, setup_of=snapshot.amodal_setups, marks=self._marks, boxed=boxed
        )

    # --- the occlusion gate ---------------------------------------------------------------------------------------

    @cached_property
    def _marks(self) -> Marks:
        return marks_of(self.snapshot, self.object_id)

    @property
    def may_be_clear(self) -> frozenset[int]:
        """The frames on which nothing can hide the object if nothing nearer touches it."""
        return frozenset(self._marks)

    @cached_property
    def clear(self) -> frozenset[int]:
        """The frames on which nothing can hide the object: the modal mask is the amodal mask."""
        return clear_frames(self.snapshot, self.object_id, self._marks)

    @cached_property
    def clear_content(self) -> frozenset[int]:
        """The frames whose amodal mask the occlusion gate made. Their content is the visible part."""
        made = self.stamps.amodal.by_frame("engine")
        return frozenset(f for f in self.clear if made.get(f) == CLEAR) - retouched_on(self.stamps.obj, "amodal")

    def clear_of(self, layer: str) -> frozenset[int]:
        """Return the frames on which the occlusion gate makes a layer's results, as far as they are known."""
        if layer == "content":
            return self.clear_content
        return self.clear if layer in ("amodal", "hypotheses") else frozenset()

    # --- results ------------------------------------------------------------------------------------------------

    @cached_property
    def segment(self) -> Outdated:
        """The modal masks that are out of date. Painted, accepted and imported ones never are."""
        stamps, inputs = self.stamps, self.modal_inputs
        table, settled = stamps.modal, stamps.accepted | stamps.painted_over
        wanted = [inputs.on(f) for f in table.frames]
        columns = {name: [getattr(now, name) for now in wanted] for name in ("source", "around", "elsewhere")}
        differing = _differing(table, columns)
        if stamps.obj.accepted and differing:
            made = _Fingerprints(table)
            for place, f in enumerate(table.frames):
                now = inputs.against(f, made)
                columns["around"][place], columns["elsewhere"][place] = now.around, now.elsewhere
            differing = _differing(table, columns)
        return _sorted_out(differing, settled=settled)

    @cached_property
    def amodal(self) -> Outdated:
        """The amodal masks that are out of date. Those under a template never are."""
        table = self.stamps.amodal
        columns = self.amodal_inputs.columns(table.frames, table.column("engine"))
        return self._outdated(table, columns, self.amodal_inputs, settled=self.stamps.accepted | self.stamps.placed)

    @cached_property
    def content(self) -> Outdated:
        """The content that is out of date."""
        table = self.stamps.content
        columns = self.content_inputs.columns(table.frames, table.column("engine"))
        return self._outdated(table, columns, self.content_inputs, settled=self.stamps.accepted)

    def of(self, stage: ResultStage) -> Outdated:
        """Return the results of a stage that are out of date."""
        outdated: Outdated = getattr(self, stage)
        return outdated

    def missing_or_outdated(self, stage: Literal["amodal", "content"], among: frozenset[int]) -> frozenset[int]:
        """Return the frames of ``among`` whose result is missing or out of date."""
        table = self.stamps.amodal if stage == "amodal" else self.stamps.content
        return frozenset(f for f in among if f not in table) | (self.of(stage).frames & among)

    def _outdated(
        self, table: Stamps, columns: Columns, inputs: AmodalInputs | ContentInputs, *, settled: frozenset[int]
    ) -> Outdated:
        if "around" in columns:
            _as_version_0_1(table, columns, inputs)
        return _sorted_out(_differing(table, columns), settled=settled)

    # --- hypotheses and what was made without the crop ------------------------------------------------------------

    def hypothesis_holds(self, frame_index: int, seed: int) -> bool:
        """Return whether a hypothesis exists and is up to date for the engine that made it."""
        stamp = self.hypothesis(frame_index, seed)
        recipe = Recipe.of_seed(seed)
        if stamp is None:
            return False
        return stamp.made_from == self.amodal_inputs.like(stamp.made_from, frame_index, stamp.engine, recipe=recipe)

    def hypothesis(self, frame_index: int, seed: int) -> Stamp | None:
        """Return the stamp of a hypothesis; None when there is none."""
        table = self.stamps.hypotheses.get(seed)
        return None if table is None else table.get(frame_index)

    def hypothesis_is_ours(self, frame_index: int, seed: int) -> bool:
        """Return whether a hypothesis is up to date and the chosen engine made it."""
        stamp, recipe = self.hypothesis(frame_index, seed), Recipe.of_seed(seed)
        return stamp is not None and self._is_ours(stamp, frame_index, self.amodal_inputs, recipe=recipe)

    def is_uncropped(self, stamp: Stamp | None, frame_index: int) -> bool:
        """Return whether the chosen engine made this mask without the crop, and it is up to date."""
        return stamp is not None and stamp.crop is None and self._is_ours(stamp, frame_index, self.uncropped_inputs)

    def amodal_is_of_seed(self, frame_index: int, seed: int) -> bool:
        """Return whether a frame's amodal mask is up to date and the chosen engine made it for a seed."""
        stamp, recipe = self.stamps.amodal.get(frame_index), Recipe.of_seed(seed)
        return stamp is not None and self._is_ours(stamp, frame_index, self.amodal_inputs, recipe=recipe)

    def _is_ours(self, stamp: Stamp, frame_index: int, inputs: AmodalInputs, *, recipe: Recipe | None = None) -> bool:
        spec = self.snapshot.engine("amodal")
        if (stamp.engine, stamp.revision) != (spec.name, spec.revision):
            return False
        return stamp.made_from == inputs.like(stamp.made_from, frame_index, spec.name, recipe=recipe)

    # --- engines ----------------------------------------------------------------------------------------------------

    def made_by_others(self, stage: Stage) -> dict[int, str]:
        """Return frame_index -> engine, for results of an engine that is not the chosen one or has an older revision.

        Leaves out what no engine may replace: accepted frames, painted, imported, under a template. Raises EngineError
        when the chosen engine is unknown here.
        """
        stamps, spec = self.stamps, self.snapshot.engine(stage)
        kept, among = stamps.accepted, None
        if stage == "depth":
            table, kept, among = self.snapshot.depth, frozenset(), stamps.seen
        elif stage == "segment":
            table, kept = stamps.modal, kept | stamps.painted_over
        elif stage == "amodal":
            table, kept = stamps.amodal, kept | stamps.placed
        else:
            table = stamps.content
        engines, revisions = table.column("engine"), table.column("revision")
        if set(engines) <= {spec.name} and set(revisions) <= {spec.revision}:
            return {}
        return {
            f: engine if engine != spec.name else f"an earlier {engine}"
            for f, engine, revision in zip(table.frames, engines, revisions, strict=True)
            if (engine, revision) != (spec.name, spec.revision)
            and engine not in GIVEN
            and f not in kept
            and (among is None or f in among)
        }


class _Fingerprints:
    """A function: frame_index -> fingerprint of a table's picture; ``NOTHING`` when there is none."""

    def __init__(self, table: Stamps) -> None:
        self._table = table

    def __call__(self, frame_index: int) -> Fingerprint:
        return self._table[frame_index].made_from if frame_index in self._table else NOTHING


def _differing(table: Stamps, columns: Columns) -> dict[str, set[int]]:
    """Return field of ``Fingerprint`` -> frames whose stamps differ from the present inputs in that field."""
    found: dict[str, set[int]] = {}
    for name in FIELDS:
        made = table.column(name)
        now = columns.get(name) or [DEFAULTS[name]] * len(made)
        if made != now:
            rows = zip(table.frames, made, now, strict=True)
            found[name] = {f for f, then, wanted in rows if then is not wanted and then != wanted}
    return found


def _as_version_0_1(table: Stamps, columns: Columns, inputs: AmodalInputs | ContentInputs) -> None:
    """Put the fingerprints in the form of version 0.1 into ``columns``, for the frames that it made with windows."""
    made = zip(table.column("setup"), table.column("around"), columns["around"], strict=True)
    places = [place for place, (setup, around, now) in enumerate(made) if now and not around and setup]
    engines = table.column("engine")
    for place in places:
        columns["setup"][place] = inputs.setup_then(table.frames[place], engines[place])
        columns["around"][place] = ()


def _sorted_out(differing: dict[str, set[int]], *, settled: frozenset[int]) -> Outdated:
    """Return the frames that are out of date, without ``settled`` ones."""
    differing = {name: left for name, frames in differing.items() if (left := frames - settled)}
    gains = differing.get("elsewhere", set())
    stale = frozenset[int]().union(*(frames for name, frames in differing.items() if name != "elsewhere"))
    return Outdated(stale, frozenset(gains) - stale, frozenset(differing))


def staleness_of(project: Project, object_id: int) -> Staleness:
    """Return the present staleness of one object."""
    return Staleness(snapshot_of(project, [object_id]), object_id)
