"""What the timeline shows of one object: a few bits a frame, from stamps and prompts; no pixels are read."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
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
from vas_tool.project.object_layers import PART, AmodalMasks, ObjectLayers, asked_on, is_occluded
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
    depths = project.depth.stamps()
    engines = {depths[f].engine for f in modal.made() if f in depths} if depths else set()
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
    amodal = project.amodal(object_id)
    return _facts(project, amodal, amodal.hidden_areas()[0])


def _facts(project: Project, amodal: AmodalMasks, hidden: Mapping[int, int]) -> list[FrameFacts]:
    thing, layers = amodal.thing, amodal.layers
    made, areas, agreements = amodal.modal.made(), amodal.modal.areas(), box_agreements(project, thing.id)
    settled, accepted, marked = thing.prompted() | set(thing.accepted), set(thing.accepted), set(thing.needs_work)
    undecided = layers.has_hypotheses
    facts = []
    for f in range(len(project.clip)):
        stamp = made.get(f)
        if stamp is None:
            facts.append(FrameFacts(marked=f in marked))
            continue
        seen = areas[f]
        facts.append(
            FrameFacts(
                seen,
                seen + hidden[f] if f in hidden else None,
                stamp.certainty,
                settled=f in settled,
                accepted=f in accepted,
                disagreement=layers.disagreement(f) if undecided and not thing.pick_on(f) else None,
                box_iou=agreements.get(f),
                marked=f in marked,
            )
        )
    return facts


def needs_look(project: Project, object_id: int) -> dict[int, str]:
    """frame_index -> why it needs a look."""
    return _looks(frame_facts(project, object_id))


def _looks(facts: Sequence[FrameFacts]) -> dict[int, str]:
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
    kept, modal = set(thing.accepted), ModalInputs(thing)
    painted_over = thing.prompted() - asked_on(thing)
    modal_stamps = layers.modal.stamps()
    made_modal = {f: stamp.inputs for f, stamp in modal_stamps.items()}
    wanted: list[tuple[Stage, Mapping[int, Stamp], Collection[int], Callable[[int, str], str]]] = [
        ("segment", modal_stamps, kept | painted_over, lambda f, _: modal.wanted(f, lambda g: made_modal.get(g, ""))),
        ("amodal", layers.amodal.stamps(), kept, amodal),
        ("content", layers.content.stamps(), kept, content),
    ]
    for stage, stamps, settled, inputs_of in wanted:
        for frame_index, stamp in stamps.items():
            if frame_index not in settled and stamp.inputs != (now := inputs_of(frame_index, stamp.engine)):
                yield stage, frame_index, not same_here(stamp.inputs, now)


def made_by_others(project: Project, object_id: int, stage: Stage) -> dict[int, str]:
    """frame_index -> the engine that made the result there, where it is not the one chosen now (or an older revision).

    Leaves out what no engine may replace: accepted frames, painted, imported.
    """
    thing, layers, spec = project.truth.object(object_id), project.layers(object_id), chosen_engine(project, stage)
    kept = set(thing.accepted)
    if stage == "depth":
        modal, stamps, kept = project.modal(object_id).made(), project.depth.stamps(), set()
        stamps = {f: stamp for f, stamp in stamps.items() if f in modal}
    elif stage == "segment":
        stamps, kept = layers.modal.stamps(), kept | (thing.prompted() - asked_on(thing))
    else:
        stamps = (layers.amodal if stage == "amodal" else layers.content).stamps()
    name, revision = spec.name, spec.revision
    return {
        f: s.engine if s.engine != name else f"an earlier {s.engine}"
        for f, s in stamps.items()
        if (s.engine != name or s.revision != revision) and s.engine not in GIVEN and f not in kept
    }


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
    estimates: int = 0
    """On how many frames the hidden part is estimated, until its pixels are measured."""


_REVIEWS: WeakKeyDictionary[ObjectLayers, tuple[AnnotatedObject, object, Review, int]] = WeakKeyDictionary()
"""The last review of each open object, with what it was made from. A page asks several times a second."""


_UNTIL: ContextVar[float] = ContextVar("until", default=math.inf)
"""Until when (monotonic seconds) the review that is being made may read pixels."""


def review_of(project: Project, object_id: int, *, until: float = math.inf) -> Review:
    """The review of an object as things are now; made again only when something that it shows has changed.

    Pixels are read until that moment (monotonic seconds); after it, ``Review.estimates`` counts what was not.
    """
    with project.mutex:
        thing, layers, truth = project.truth.object(object_id), project.layers(object_id), project.truth
        best = _best_engines(int(time.monotonic()))
        changes = [layer.changes for layer in (*layers.every(), project.depth)]
        measured = len(layers.measured)
        state = (replace(truth, objects=(), next_object_id=0), best, changes)
        kept = _REVIEWS.get(layers)
        outdated = kept is None or kept[0] is not thing or kept[1] != state
        if kept is None or outdated or (kept[2].estimates and (until == math.inf or kept[3] != measured)):
            token = _UNTIL.set(until)
            try:
                kept = _REVIEWS[layers] = thing, state, _review(project, object_id), len(layers.measured)
            finally:
                _UNTIL.reset(token)
        return kept[2]


@lru_cache(maxsize=1)
def _best_engines(second: int) -> list[str]:
    """What ``auto`` means, by stage; weights may arrive under way. Looked up once a ``second``."""
    return [registry.spec_of(stage).name for stage in STAGES]


def frame_states(project: Project, object_id: int) -> tuple[FrameState, ...]:
    """One a frame of the clip."""
    return review_of(project, object_id).states


def _review(project: Project, object_id: int) -> Review:
    amodal = project.amodal(object_id)
    hidden, estimates = amodal.hidden_areas(_UNTIL.get())
    outdated = list(_outdated(project, object_id))
    stale = {f for _, f, here in outdated if here}
    gains = dict(Counter(stage for stage, _, here in outdated if not here))
    states = _states(amodal, hidden, stale=stale, facts=_facts(project, amodal, hidden))
    others = _engines_of_others(project, object_id)
    return Review(states, gains, others, _differ(project, object_id), estimates)


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


def _states(
    amodal: AmodalMasks, hidden: Mapping[int, int], *, stale: set[int], facts: Sequence[FrameFacts]
) -> tuple[FrameState, ...]:
    thing, areas = amodal.thing, amodal.modal.areas()
    states = [0] * len(facts)
    marks: tuple[tuple[FrameState, Iterable[int]], ...] = (
        (FrameState.PROMPTED, thing.prompted()),
        (FrameState.MODAL, areas),
        (FrameState.AMODAL, hidden),
        (FrameState.OCCLUDED, [f for f, pixels in hidden.items() if is_occluded(pixels, areas.get(f, 0))]),
        (FrameState.ACCEPTED, thing.accepted),
        (FrameState.STALE, stale),
        (FrameState.NEEDS_LOOK, _looks(facts)),
        (FrameState.CONTENT, amodal.layers.content.stamps()),
    )
    for flag, frames in marks:
        number = int(flag)  # adding flags one by one would cost more than all the rest
        for frame_index in frames:
            if frame_index < len(states):
                states[frame_index] |= number
    return tuple(map(ALL_STATES.__getitem__, states))


ALL_STATES = tuple(map(FrameState, range(256)))
"""By number: looked up faster than made."""
