"""A project at one moment, for planning: what a person decided, and the stamps of all results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from vas_tool.engines.registry import EngineSpec
from vas_tool.planning import speeds
from vas_tool.planning.fingerprint import Fingerprint, digest_of
from vas_tool.planning.setup import ChosenEngines, SetupOf, chosen_engine, chosen_engines, setups
from vas_tool.project import Project
from vas_tool.project.object_stamps import ObjectStamps
from vas_tool.project.touching import untouched
from vas_tool.project.truth import Truth
from vas_tool.project.window_cache import FOLDER, WindowCache
from vas_tool.stamp_index import Stamps
from vas_tool.types import SizeWH, Stage


@dataclass(frozen=True)
class Snapshot:
    """The input of plans and of the timeline's marks. It does not change when the project does."""

    truth: Truth
    num_frames: int
    source: str
    """A short hash of the video."""
    depth: Stamps
    objects: Mapping[int, ObjectStamps]
    """object_id -> what was decided about the object, and the stamps of its layers."""
    engines: ChosenEngines
    kept_windows: frozenset[tuple[str, int]] = frozenset()
    """(label, seed) of the finished windows in the project's cache (see ``windows``)."""
    others: Mapping[int, ObjectStamps] = field(default_factory=dict)
    """object_id -> stamps of the objects that are not planned for; empty while the occlusion gate is off."""
    untouched: Mapping[int, Mapping[int, str]] = field(default_factory=dict)
    """object_id -> frame_index -> state of the frames on which nothing nearer touches the object
    (``project.touching``).
    """
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Kind of work -> seconds that one unit of it took here the last time (see ``cost``)."""

    @property
    def frame_wh(self) -> SizeWH:
        """Width and height of every frame."""
        return self.truth.canvas.frame_wh

    def engine(self, stage: Stage) -> EngineSpec:
        """Return the engine that would run for a stage. Raises EngineError when the chosen one is unknown here."""
        return self.engines.get(stage) or chosen_engine(self.truth, stage)

    @cached_property
    def depth_setups(self) -> SetupOf:
        """The set-up of each depth engine."""
        return setups(self.truth, "depth", self.num_frames)

    @cached_property
    def amodal_setups(self) -> SetupOf:
        """The set-up of each amodal engine."""
        return setups(self.truth, "amodal", self.num_frames)

    @cached_property
    def content_setups(self) -> SetupOf:
        """The set-up of each content engine."""
        return setups(self.truth, "content", self.num_frames)

    def depth_inputs(self, engine: str) -> Fingerprint:
        """Return the fingerprint of an engine's up-to-date depth: the video and the settings."""
        settings = self.depth_setups(engine).settings
        return Fingerprint(source=self.source, setup=(digest_of(dict(settings)),) if settings else ())

    def depth_used(self, object_id: int) -> str:
        """Return a text for the depth that an object's amodal masks use: its engines and their settings."""
        if not self.depth:
            return ""
        by_frame = self.depth.by_frame("engine")
        engines = {by_frame[f] for f in self.objects[object_id].seen if f in by_frame}
        return "+".join(sorted(f"{engine} {_text(self.depth_inputs(engine))}" for engine in engines))


def _text(made_from: Fingerprint) -> str:
    """Return a depth's fingerprint as one text in the form of version 0.1, so that its amodal masks stay up to date."""
    return "~".join((made_from.source, *made_from.setup))


def snapshot_of(
    project: Project,
    object_ids: Iterable[int] | None = None,
    *,
    truth: Truth | None = None,
    engines: ChosenEngines | None = None,
    priced: bool = False,
) -> Snapshot:
    """Return the present snapshot of a project, with all objects or those of ``object_ids``.

    ``truth`` replaces the project's truth. ``engines`` are the chosen engines, if they are known already. ``priced``
    adds what costs follow from: the windows in the project's cache and the speeds of this machine.
    """
    if priced:
        kept, seconds = frozenset(WindowCache(project.folder / FOLDER).labelled()), speeds.all_seconds()
        return replace(snapshot_of(project, object_ids, truth=truth), kept_windows=kept, seconds=seconds)
    with project.mutex:
        truth = truth or project.truth
        ids = [obj.id for obj in truth.objects] if object_ids is None else object_ids
        objects = {i: project.layers(i).stamps(truth.object(i)) for i in ids}
        source, chosen = project.source.sha256[:12], engines or chosen_engines(truth)
        snapshot = Snapshot(truth, len(project.clip), source, project.depth.stamps(), objects, chosen)
        return _with_gate(snapshot, project) if truth.gate and len(project.depth) else snapshot


def _with_gate(snapshot: Snapshot, project: Project) -> Snapshot:
    """Return the snapshot with the inputs of the occlusion gate. Reads no pixels."""
    objects, depth = snapshot.objects, snapshot.depth
    others = {o.id: project.layers(o.id).stamps(o) for o in snapshot.truth.objects if o.id not in objects}
    known = {i: untouched(project.layers(i), stamps.seen, depth) for i, stamps in objects.items()}
    return replace(snapshot, others=others, untouched=known)
