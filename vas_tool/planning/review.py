"""The timeline's view of one object: a few bits per frame, from stamps and prompts. Reads no pixels."""

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
    """A hidden part that is large enough to count (``AmodalMasks.occluded``)."""
    ACCEPTED = 16
    STALE = 32
    """An input of the result has changed. Changes on other frames alone do not count."""
    NEEDS_LOOK = 64
    CONTENT = 128


LATER_SECONDS = 0.4
"""Seconds by which the measurement of what nothing can hide ends earlier: it needs the masks of all objects."""

ALL_STATES = tuple(map(FrameState, range(256)))
"""The states by number, because a look-up is faster than making one."""


@dataclass(frozen=True)
class Review:
    """The data of one object in the timeline and the side panel."""

    states: tuple[FrameState, ...]
    """The state of the object on every frame of the clip."""
    gains: Mapping[Stage, int]
    """Stage -> number of results that still hold, but that a new run would improve because other frames have
    changed."""
    others: Mapping[Stage, Mapping[str, int]]
    """Stage -> engine that is not the chosen one -> number of results that it made. Stages without any are absent."""
    differ: bytes
    """One byte per frame: 0 without hypotheses, else 1 + their disagreement in 254 steps. Empty when the
    object has none at all."""
    open_parts: Mapping[int, tuple[int, int]]
    """frame_index -> (number of pixels of the hidden part that nothing can hide, number of pixels of the hidden part),
    for frames with such pixels.
    """
    returns: Mapping[int, int]
    """frame_index on which the object is seen again -> last frame on which it was seen before. Left out where a person
    said that it is the same object.
    """
    estimates: int = 0
    """Number of frames on which something is not measured yet: the hidden part, or what nothing can hide of it."""


@dataclass(frozen=True)
class _Revision:
    """The inputs of a review. Reviews with equal inputs are equal."""

    obj: AnnotatedObject
    truth: Truth
    """The truth without its objects."""
    engines: tuple[EngineSpec | None, ...]
    """The chosen engines; None for one that is unknown here."""
    layers: tuple[int, ...]
    """``LayerFolder.changes`` of the object's layers, of the depth, and of the other objects' modal masks."""
    others: tuple[tuple[int, tuple[Stroke, ...], tuple[int, ...]], ...]
    """Id, strokes and imported frames of each other object."""


_REVIEWS: WeakKeyDictionary[ObjectLayers, tuple[_Revision, Review, int]] = WeakKeyDictionary()
"""The last review of each open object, and the number of measurements it used. A page asks several times per second."""


def review_of(
    project: Project, object_id: int, *, until: float = math.inf, engines: ChosenEngines | None = None
) -> Review:
    """Return the present review of an object. It is made again only when one of its inputs has changed.

    ``engines`` are the chosen engines, if they are known already: the search for weights takes milliseconds. Pixels are
    read until the time ``until`` (``time.monotonic``, in seconds); ``Review.estimates`` counts the frames that were not
    measured by then.
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
    """Return the state of an object on every frame of the clip."""
    return review_of(project, object_id).states


def _revision(project: Project, object_id: int, engines: ChosenEngines) -> _Revision:
    truth, layers = project.truth, project.layers(object_id)
    others = tuple(obj for obj in truth.objects if obj.id != object_id) if len(project.depth) else ()
    statements = tuple((obj.id, obj.strokes, obj.given) for obj in others)
    beside = [layer for obj in others for layer in (project.layers(obj.id).modal, project.layers(obj.id).given)]
    read = (*layers.every(), project.depth, *beside)
    changes = (layers.second.changes, *(layer.changes for layer in read))
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
