"""What the timeline shows of one object: a few bits a frame, from stamps and prompts; no pixels are read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntFlag
from functools import cache, lru_cache
from weakref import WeakKeyDictionary

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import SettingValue
from vas_tool.errors import EngineError
from vas_tool.project import Project
from vas_tool.project.agreements import box_agreements
from vas_tool.project.attention import FrameFacts, reason
from vas_tool.project.made_from import AmodalInputs, ContentInputs, ModalInputs, Setup, SetupOf, reach_of, same_here
from vas_tool.project.object_layers import PART, ObjectLayers, asked_on
from vas_tool.project.truth import AnnotatedObject, digest_of
from vas_tool.storage import Stamp
from vas_tool.types import STAGES, Stage


class FrameState(IntFlag):
    """The state of one object on one frame. The browser reads these numbers."""

    PROMPTED = 1
    MODAL = 2
    AMODAL = 4
    OCCLUDED = 8
    """As ``AmodalMasks.occluded`` has it."""
    ACCEPTED = 16
    STALE = 32
    """Made from something that has changed since; what changed on other frames alone does not count."""
    NEEDS_LOOK = 64
    CONTENT = 128


GIVEN = ("given", "stroke")
"""What stamps say of masks that no engine made."""


def chosen_engine(project: Project, stage: Stage) -> EngineSpec:
    """The engine that would run now for a stage. Raises EngineError when the one that was chosen is unknown here."""
    return registry.spec_of(stage, project.truth.engines.get(stage, registry.AUTO))


def engine_name(project: Project, stage: Stage) -> str:
    """Its name."""
    return chosen_engine(project, stage).name


def wanted_inputs(project: Project, object_id: int) -> tuple[AmodalInputs, ContentInputs]:
    """What the stamps of up-to-date amodal masks and content say in ``inputs``, as things are at this moment."""
    amodal = project.amodal(object_id)
    before = amodal_inputs(project, object_id)
    seed = project.truth.seed
    return before, ContentInputs(amodal, before, seed=seed, setup_of=setups(project, "content"))


def amodal_inputs(project: Project, object_id: int, *, boxed: bool = True) -> AmodalInputs:
    """What the stamps of up-to-date amodal masks say; with ``boxed`` False of those made without the amodal boxes."""
    modal = project.modal(object_id)
    engines = {stamp.engine for f in modal if (stamp := project.depth.stamp(f)) is not None}
    depth = "+".join(sorted(f"{engine} {depth_inputs(project, engine)}" for engine in engines))
    return AmodalInputs(modal, project.truth, depth, setup_of=setups(project, "amodal"), boxed=boxed)


def windows_of(project: Project, spec: EngineSpec) -> Sequence[range]:
    """The windows of an engine on this clip, as it is set; none for one that looks at the whole clip."""
    if spec.windows is None:
        return ()
    try:
        settings = registry.resolved_settings(spec, project.truth.settings_of(spec.stage, spec.name))
    except EngineError:  # told when it runs; what is stale must be known all the same
        settings = registry.resolved_settings(spec)
    return spec.windows(len(project.clip), settings)


def setups(project: Project, stage: Stage) -> SetupOf:
    """What every engine of a stage brings to its results, as it is set now; nothing for one that is unknown here."""
    specs = {spec.name: spec for spec in registry.engines_of(stage)}

    @cache
    def setup_of(engine: str) -> Setup:
        if engine not in specs:
            return Setup()
        spec = specs[engine]
        windows = windows_of(project, spec)
        reach = reach_of(windows, len(project.clip)) if windows else ()
        afterwards = [parameter.name for parameter in spec.parameters if parameter.afterwards]
        camera = project.truth.intrinsics if spec.uses_camera else None
        known: dict[str, SettingValue] = {} if camera is None else {"intrinsics": str(camera)}
        return Setup({**set_now(project, spec), **known}, afterwards, reach, seeded=spec.seeded)

    return setup_of


def set_now(project: Project, spec: EngineSpec) -> dict[str, SettingValue]:
    """A value for each of an engine's parameters, and what was set of it in another version that it had more in."""
    kept = project.truth.settings_of(spec.stage, spec.name)
    try:
        return registry.resolved_settings(spec, kept)
    except EngineError:  # told when it runs; what is stale must be known all the same
        return {**registry.resolved_settings(spec), **kept}


def depth_inputs(project: Project, engine: str) -> str:
    """What the stamp of an up-to-date depth map says: the source it was estimated from, and what is set."""
    settings = setups(project, "depth")(engine).settings
    return project.source.sha256[:12] + (f"{PART}{digest_of(dict(settings))}" if settings else "")


def frame_facts(project: Project, object_id: int) -> list[FrameFacts]:
    """One a frame of the clip: what ``attention`` looks at."""
    thing, amodal = project.truth.object(object_id), project.amodal(object_id)
    modal, layers = amodal.modal, amodal.layers
    settled, agreements = thing.prompted() | set(thing.accepted), box_agreements(project, object_id)
    facts = []
    for frame_index in range(len(project.clip)):
        stamp, marked = layers.modal_stamp(thing, frame_index), frame_index in thing.needs_work
        if stamp is None:
            facts.append(FrameFacts(marked=marked))
            continue
        seen = modal.area(frame_index)
        whole = seen + amodal.hidden_area(frame_index) if frame_index in amodal else None
        undecided = None if thing.pick_on(frame_index) else layers.disagreement(frame_index)
        facts.append(
            FrameFacts(
                seen,
                whole,
                stamp.certainty,
                settled=frame_index in settled,
                accepted=frame_index in thing.accepted,
                disagreement=undecided,
                box_iou=agreements.get(frame_index),
                marked=marked,
            )
        )
    return facts


def needs_look(project: Project, object_id: int) -> dict[int, str]:
    """frame_index -> why it needs a look."""
    facts = frame_facts(project, object_id)
    return {f: why for f in range(len(facts)) if (why := reason(facts, f))}


def stale_stages(project: Project, object_id: int) -> dict[int, set[Stage]]:
    """frame_index -> the stages that a new run would make again there: something has changed since, here or beside."""
    stale: dict[int, set[Stage]] = {}
    for stage, frame_index, _ in _outdated(project, object_id):
        stale.setdefault(frame_index, set()).add(stage)
    return stale


def _outdated(project: Project, object_id: int) -> Iterator[tuple[Stage, int, bool]]:
    """(stage, frame_index, whether it is the frame's own inputs that changed) of every outdated result.

    Never of accepted frames.
    """
    thing, layers = project.truth.object(object_id), project.layers(object_id)
    amodal, content = wanted_inputs(project, object_id)
    modal, made_modal = ModalInputs(thing), lambda f: s.inputs if (s := layers.modal.stamp(f)) else ""
    kept = set(thing.accepted)
    painted_over = thing.prompted() - asked_on(thing)
    made: list[tuple[Stage, int, Stamp | None, str]] = [
        *(
            ("segment", f, layers.modal.stamp(f), modal.wanted(f, made_modal))
            for f in set(layers.modal) - kept - painted_over
        ),
        *(("amodal", f, s, amodal(f, s.engine)) for f in set(layers.amodal) - kept if (s := layers.amodal.stamp(f))),
        *(
            ("content", f, s, content(f, s.engine))
            for f in set(layers.content) - kept
            if (s := layers.content.stamp(f))
        ),
    ]
    for stage, frame_index, stamp, wanted in made:
        if stamp is not None and stamp.inputs != wanted:
            yield stage, frame_index, not same_here(stamp.inputs, wanted)


def made_by_others(project: Project, object_id: int, stage: Stage) -> dict[int, str]:
    """frame_index -> the engine that made the result there, where it is not the one chosen now (or an older revision).

    Leaves out what no engine may replace: accepted frames, painted, imported.
    """
    thing, layers, spec = project.truth.object(object_id), project.layers(object_id), chosen_engine(project, stage)
    kept = set(thing.accepted)
    if stage == "depth":
        stamps = {f: project.depth.stamp(f) for f in project.modal(object_id)}
    elif stage == "segment":
        painted_over = thing.prompted() - asked_on(thing)
        stamps = {f: layers.modal.stamp(f) for f in set(layers.modal) - kept - painted_over}
    else:
        layer = layers.amodal if stage == "amodal" else layers.content
        stamps = {f: layer.stamp(f) for f in set(layer) - kept}
    wanted = (spec.name, spec.revision)
    others = {f: s for f, s in stamps.items() if s and s.engine not in GIVEN and (s.engine, s.revision) != wanted}
    return {f: s.engine if s.engine != spec.name else f"an earlier {s.engine}" for f, s in others.items()}


@dataclass(frozen=True)
class Review:
    """All that the timeline and the side panel tell of one object."""

    states: tuple[FrameState, ...]
    """One a frame of the clip."""
    gains: Mapping[Stage, int]
    """How many results hold as they are, but would be made better from what changed on other frames."""
    others: Mapping[Stage, Mapping[str, int]]
    """By stage and engine, how many results that other engine made; stages without any are absent."""
    differ: bytes
    """One a frame: 0 where there is no hypothesis, else 1 + how far those there differ in 254 steps. Empty when the
    object has none at all."""


_REVIEWS: WeakKeyDictionary[ObjectLayers, tuple[AnnotatedObject, object, Review]] = WeakKeyDictionary()
"""The last review of each open object, with what it was made from. A page asks several times a second."""


def review_of(project: Project, object_id: int) -> Review:
    """The review of an object as things are now; made again only when something that it shows has changed."""
    with project.mutex:
        thing, layers, truth = project.truth.object(object_id), project.layers(object_id), project.truth
        best = _best_engines(int(time.monotonic()))
        changes = [layer.changes for layer in (*layers.every(), project.depth)]
        state = (replace(truth, objects=(), next_object_id=0), best, changes)
        kept = _REVIEWS.get(layers)
        if kept is None or kept[0] is not thing or kept[1] != state:
            kept = _REVIEWS[layers] = thing, state, _review(project, object_id)
        return kept[2]


@lru_cache(maxsize=1)
def _best_engines(second: int) -> list[str]:
    """What ``auto`` means, by stage; weights may arrive under way. Looked up once a ``second``."""
    return [registry.spec_of(stage).name for stage in STAGES]


def frame_states(project: Project, object_id: int) -> tuple[FrameState, ...]:
    """One a frame of the clip."""
    return review_of(project, object_id).states


def _review(project: Project, object_id: int) -> Review:
    outdated = list(_outdated(project, object_id))
    stale = {f for _, f, here in outdated if here}
    gains = dict(Counter(stage for stage, _, here in outdated if not here))
    others = _engines_of_others(project, object_id)
    return Review(_states(project, object_id, stale), gains, others, _differ(project, object_id))


def _differ(project: Project, object_id: int) -> bytes:
    layers = project.layers(object_id)
    if not layers.has_hypotheses:
        return b""
    frames = range(len(project.clip))
    return bytes(1 + round(254 * (layers.disagreement(f) or 0)) if layers.hypotheses_on(f) else 0 for f in frames)


def _engines_of_others(project: Project, object_id: int) -> dict[Stage, dict[str, int]]:
    found: dict[Stage, dict[str, int]] = {}
    for stage in STAGES:
        with suppress(EngineError):  # the chosen engine is unknown here: nothing could be made again
            found[stage] = dict(Counter(made_by_others(project, object_id, stage).values()))
    return {stage: counts for stage, counts in found.items() if counts}


def _states(project: Project, object_id: int, stale: set[int]) -> tuple[FrameState, ...]:
    thing, amodal = project.truth.object(object_id), project.amodal(object_id)
    states = [0] * len(project.clip)
    marks: tuple[tuple[FrameState, Collection[int]], ...] = (
        (FrameState.PROMPTED, thing.prompted()),
        (FrameState.MODAL, set(amodal.modal)),
        (FrameState.AMODAL, set(amodal)),
        (FrameState.OCCLUDED, {f for f in amodal if amodal.occluded(f)}),
        (FrameState.ACCEPTED, set(thing.accepted)),
        (FrameState.STALE, stale),
        (FrameState.NEEDS_LOOK, set(needs_look(project, object_id))),
        (FrameState.CONTENT, set(amodal.layers.content)),
    )
    for flag, frames in marks:
        number = int(flag)  # adding flags one by one would cost more than all the rest
        for frame_index in frames:
            if frame_index < len(states):
                states[frame_index] |= number
    return tuple(map(FrameState, states))
