"""What the timeline shows of one object: a few bits a frame, from stamps and prompts; no pixels are read."""

from __future__ import annotations

from enum import IntFlag

from vas_tool.attention import FrameFacts, reason
from vas_tool.engines import registry
from vas_tool.object_layers import ModalInputs, amodal_inputs, asked_on, content_inputs
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import Stage


class FrameState(IntFlag):
    """The state of one object on one frame. The browser reads these numbers."""

    PROMPTED = 1
    MODAL = 2
    AMODAL = 4
    OCCLUDED = 8
    ACCEPTED = 16
    STALE = 32
    """Made from something that has changed since."""
    NEEDS_LOOK = 64
    CONTENT = 128


def engine_name(project: Project, stage: Stage) -> str:
    """The engine that would run now for a stage."""
    return registry.spec_of(stage, project.truth.engines.get(stage, registry.AUTO)).name


def wanted_inputs(project: Project, object_id: int) -> tuple[str, str]:
    """(amodal, content): what the stamps of up-to-date masks and content say in ``inputs``."""
    amodal = project.amodal(object_id)
    before = amodal_inputs(amodal.modal, project.truth, engine_name(project, "depth"))
    return before, content_inputs(amodal, before)


def depth_inputs(project: Project) -> str:
    """What the stamp of an up-to-date depth map says: the source it was estimated from."""
    return project.source.sha256[:12]


def frame_facts(project: Project, object_id: int) -> list[FrameFacts]:
    """One a frame of the clip: what ``attention`` looks at."""
    thing, amodal = project.truth.object(object_id), project.amodal(object_id)
    modal, layers = amodal.modal, amodal.layers
    settled = thing.prompted() | set(thing.accepted)
    facts = []
    for frame_index in range(len(project.clip)):
        stamp = layers.modal_stamp(thing, frame_index)
        if stamp is None:
            facts.append(FrameFacts())
            continue
        seen = modal.area(frame_index)
        whole = seen + amodal.hidden_area(frame_index) if frame_index in amodal else None
        facts.append(FrameFacts(seen, whole, stamp.certainty, frame_index in settled))
    return facts


def needs_look(project: Project, object_id: int) -> dict[int, str]:
    """frame_index -> why it needs a look."""
    facts = frame_facts(project, object_id)
    return {f: why for f in range(len(facts)) if (why := reason(facts, f))}


def stale_stages(project: Project, object_id: int) -> dict[int, set[Stage]]:
    """frame_index -> the stages whose result there was made from something that has changed since."""
    thing, layers = project.truth.object(object_id), project.layers(object_id)
    amodal, content = wanted_inputs(project, object_id)
    kept = set(thing.accepted)
    modal_inputs = ModalInputs(thing)
    painted_over = thing.prompted() - asked_on(thing)
    stale: dict[int, set[Stage]] = {}

    def note(stage: Stage, frame_index: int, *, stamp: Stamp | None, inputs: str) -> None:
        if stamp and stamp.inputs != inputs:
            stale.setdefault(frame_index, set()).add(stage)

    for frame_index in set(layers.modal) - kept - painted_over:
        note("segment", frame_index, stamp=layers.modal.stamp(frame_index), inputs=modal_inputs(frame_index))
    for frame_index in set(layers.amodal) - kept:
        note("amodal", frame_index, stamp=layers.amodal.stamp(frame_index), inputs=amodal)
    for frame_index in set(layers.content) - kept:
        note("content", frame_index, stamp=layers.content.stamp(frame_index), inputs=content)
    return stale


def frame_states(project: Project, object_id: int) -> list[FrameState]:
    """One a frame of the clip."""
    thing, amodal = project.truth.object(object_id), project.amodal(object_id)
    layers = amodal.layers
    stale, look = stale_stages(project, object_id), needs_look(project, object_id)
    states = [FrameState(0)] * len(project.clip)
    marks: tuple[tuple[FrameState, set[int]], ...] = (
        (FrameState.PROMPTED, thing.prompted()),
        (FrameState.MODAL, set(amodal.modal)),
        (FrameState.AMODAL, set(amodal)),
        (FrameState.OCCLUDED, {f for f in amodal if amodal.occluded(f)}),
        (FrameState.ACCEPTED, set(thing.accepted)),
        (FrameState.STALE, set(stale)),
        (FrameState.NEEDS_LOOK, set(look)),
        (FrameState.CONTENT, set(layers.content)),
    )
    for flag, frames in marks:
        for frame_index in frames:
            if frame_index < len(states):
                states[frame_index] |= flag
    return states
