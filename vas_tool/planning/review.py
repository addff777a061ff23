"""What the timeline shows of one object: a few bits per frame, from stamps and prompts. Reads no pixels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntFlag
from weakref import WeakKeyDictionary

from vas_tool.engines.registry import EngineSpec
from vas_tool.errors import EngineError
from vas_tool.planning.setup import ChosenEngines, chosen_engines
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.planning.staleness import RESULT_STAGES, Staleness
from vas_tool.project import Project
from vas_tool.project.frame_facts import ClipFacts
from vas_tool.project.nothing_in_front import NothingInFront
from vas_tool.project.object_layers import AmodalMasks, ObjectLayers, is_occluded
from vas_tool.project.object_stamps import ObjectStamps
from vas_tool.project.truth import AnnotatedObject, Truth
from vas_tool.types import STAGES, Stage, Stroke


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


LATER_SECONDS = 0.4
"""What nothing can hide is measured so much less long than other numbers: it needs the masks of all objects."""

ALL_STATES = tuple(map(FrameState, range(256)))
"""By number: looked up faster than made."""


@dataclass(frozen=True)
class Review:
    """What the timeline and the side panel show of one object."""

    states: tuple[FrameState, ...]
    """One per frame of the clip."""
    gains: Mapping[Stage, int]
    """How many results hold as they are, but would be made better from what changed on other frames."""
    others: Mapping[Stage, Mapping[str, int]]
    """By stage and engine, how many results that other engine made; stages without any are absent."""
    differ: bytes
    """One a frame: 0 where there is no hypothesis, else 1 + how far those there differ in 254 steps. Empty when the
    object has none at all."""
    open_parts: Mapping[int, tuple[int, int]]
    """frame_index -> pixels of the hidden part that nothing can hide, and pixels of the hidden part; where any."""
    returns: Mapping[int, int]
    """frame_index -> last frame on which it was seen, where it comes back and nobody said that it is the same one."""
    estimates: int = 0
    """On how many frames something is not measured yet: the hidden part, or what nothing can hide of it."""


@dataclass(frozen=True)
class _Revision:
    """What a review was made from, by number: two reviews of the same revision are the same."""

    obj: AnnotatedObject
    truth: Truth
    """Without the objects."""
    engines: tuple[EngineSpec | None, ...]
    """The chosen ones; None for one that is unknown here."""
    layers: tuple[int, ...]
    """``LayerFolder.changes`` of the object's layers, of the depth, and of the other objects' modal masks."""
    others: tuple[tuple[int, tuple[Stroke, ...], tuple[int, ...]], ...]
    """Id, strokes and given frames of each of those."""


_REVIEWS: WeakKeyDictionary[ObjectLayers, tuple[_Revision, Review, int]] = WeakKeyDictionary()
"""The last review of each open object, and how many numbers had been measured. A page asks several times a second."""


def review_of(
    project: Project, object_id: int, *, until: float = math.inf, engines: ChosenEngines | None = None
) -> Review:
    """The review of an object as things are now; made again only when something that it shows has changed.

    ``engines``: the chosen ones, where they are known already: looking for weights takes milliseconds.

    Pixels are read until that moment (monotonic seconds); after it, ``Review.estimates`` counts what was not.
    """
    with project.mutex:
        engines = engines or chosen_engines(project.truth)
        layers, revision = project.layers(object_id), _revision(project, object_id, engines)
        last = _REVIEWS.get(layers)
        outdated = last is None or last[0] != revision
        measured = layers.measured.changes
        if last is None or outdated or (last[1].estimates and (until == math.inf or last[2] != measured)):
            last = _REVIEWS[layers] = (
                revision,
                _review(project, object_id, until, engines=engines),
                layers.measured.changes,
            )
        return last[1]


def frame_states(project: Project, object_id: int) -> tuple[FrameState, ...]:
    """One per frame of the clip."""
    return review_of(project, object_id).states


def _revision(project: Project, object_id: int, engines: ChosenEngines) -> _Revision:
    truth, layers = project.truth, project.layers(object_id)
    others = tuple(obj for obj in truth.objects if obj.id != object_id) if len(project.depth) else ()
    statements = tuple((obj.id, obj.strokes, obj.given) for obj in others)
    beside = [layer for obj in others for layer in (project.layers(obj.id).modal, project.layers(obj.id).given)]
    changes = tuple(layer.changes for layer in (*layers.every(), project.depth, *beside))
    shared = replace(truth, objects=(), next_object_id=0, in_front=())
    return _Revision(truth.object(object_id), shared, tuple(engines.values()), changes, statements)


def _review(project: Project, object_id: int, until: float, *, engines: ChosenEngines) -> Review:
    staleness = Staleness(snapshot_of(project, [object_id], engines=engines), object_id)
    amodal = project.amodal(object_id)
    hidden, estimates = amodal.hidden_areas(until)
    outdated = {stage: staleness.of(stage) for stage in RESULT_STAGES}
    stale = frozenset[int]().union(*(found.stale for found in outdated.values()))
    gains: dict[Stage, int] = {stage: len(found.gains) for stage, found in outdated.items() if found.gains}
    open_areas, unmeasured = NothingInFront(project, object_id).areas(hidden, until=until - LATER_SECONDS)
    facts = ClipFacts(project, staleness.stamps, hidden, open_areas=open_areas)
    return Review(
        _states(amodal, hidden, stale=stale, facts=facts),
        gains,
        _others(staleness),
        _differ(staleness.stamps, len(facts)),
        {f: (pixels, hidden[f]) for f, pixels in sorted(open_areas.items()) if pixels},
        facts.returns,
        estimates + unmeasured,
    )


def _differ(stamps: ObjectStamps, num_frames: int) -> bytes:
    differ = stamps.disagreements()
    shown = bytearray(num_frames if differ else 0)
    for frame_index, much in differ.items():
        shown[frame_index] = 1 + round(254 * (much or 0))
    return bytes(shown)


def _others(staleness: Staleness) -> dict[Stage, dict[str, int]]:
    found: dict[Stage, dict[str, int]] = {}
    for stage in STAGES:
        with suppress(EngineError):  # the chosen engine is unknown here: nothing could be made again
            found[stage] = dict(Counter(staleness.made_by_others(stage).values()))
    return {stage: counts for stage, counts in found.items() if counts}


def _states(
    amodal: AmodalMasks, hidden: Mapping[int, int], *, stale: Iterable[int], facts: ClipFacts
) -> tuple[FrameState, ...]:
    obj, areas = amodal.obj, facts.areas
    states = [0] * len(facts)
    marks: tuple[tuple[FrameState, Iterable[int]], ...] = (
        (FrameState.PROMPTED, obj.prompted()),
        (FrameState.MODAL, areas),
        (FrameState.AMODAL, hidden),
        (FrameState.OCCLUDED, [f for f, pixels in hidden.items() if is_occluded(pixels, areas.get(f, 0))]),
        (FrameState.ACCEPTED, obj.accepted),
        (FrameState.STALE, stale),
        (FrameState.NEEDS_LOOK, facts.looks()),
        (FrameState.CONTENT, amodal.layers.content),
    )
    for flag, frames in marks:
        number = int(flag)  # adding flags one by one would cost more than all the rest
        for frame_index in frames:
            if frame_index < len(states):
                states[frame_index] |= number
    return tuple(map(ALL_STATES.__getitem__, states))
