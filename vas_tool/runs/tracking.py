"""Modal masks over a project: what is missing or stale is made, what the person vouched for is left alone.

Every finished frame is stored at once, under the edit that asked for it, so a stop keeps it and undo takes it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from vas_tool.engines import registry
from vas_tool.engines.base import Progress, Segmenter, SelfRating, TrackedFrame, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.pipeline import modal_masks
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.planning.inputs import ModalInputs
from vas_tool.planning.setup import chosen_engine
from vas_tool.project import Project
from vas_tool.project.object_layers import prompts_of
from vas_tool.project.object_stamps import said_on
from vas_tool.runs.results import OnFrame, ignore_frame, stamp_by, still_wanted
from vas_tool.storage import Stamp
from vas_tool.types import Clip, Prompts


class SeenAreas(Protocol):
    """The frames of a track, and how much is seen on each; ``ModalMasks`` is one."""

    def __contains__(self, frame_index: object) -> bool: ...
    def area(self, frame_index: int) -> int:
        """Pixels."""
        ...


def segment_frame(project: Project, object_id: int, frame_index: int, *, edit_id: int, quick: bool = False) -> bool:
    """Answer what was said on one frame and store the mask; False when it was taken back in the meantime."""
    modal = project.modal(object_id)
    asked = said_on(modal.thing, frame_index)
    loaded = registry.load("segment", chosen_engine(project.truth, "segment").name)
    with loaded.lock:
        prompts = prompts_of(modal, asking=frame_index)
        found = _asked(loaded.engine, project.clip, frame_index=frame_index, prompts=prompts, quick=quick)
    with project.mutex:
        if not project.is_done(edit_id) or said_on(project.truth.object(object_id), frame_index) != asked:
            return False
        with project.under(edit_id):
            modal.layers.modal.put(
                frame_index, found.mask, _stamp(loaded.spec, found, made_from=Fingerprint(source=asked))
            )
    return True


def _asked(engine: Segmenter, clip: Clip, *, frame_index: int, prompts: Prompts, quick: bool) -> TrackedFrame:
    if isinstance(engine, SelfRating):
        return engine.rated(clip, frame_index, prompts, quick=quick)
    mask = engine.segment(clip, frame_index, prompts, quick=quick)
    return TrackedFrame(frame_index, mask, certainty=1.0)


def prepare_frame(project: Project, frame_index: int) -> None:
    """Let the segment engine get ready for a click on a frame."""
    loaded = registry.load("segment", chosen_engine(project.truth, "segment").name)
    with loaded.lock:
        loaded.engine.prepare(project.clip, frame_index)


def track(
    project: Project,
    object_id: int,
    spans: list[range],
    *,
    edit_id: int,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make the modal masks of ``spans`` (see ``frames_to_track``). Raises Cancelled; finished frames are stored.

    A span is answered as the engine would answer it alone, from all that the person said on any frame. When it begins
    beside a tracked frame (a run was stopped there), that frame's mask counts as said too: it is all that is left of
    what the engine remembered; when it is empty, the last one on which something was seen counts too. A mask at its far
    end does not: errors would be handed on as truth.
    """
    loaded = registry.load("segment", chosen_engine(project.truth, "segment").name)
    total, done = sum(len(span) for span in spans), 0

    def step(_done: int, _total: int, _what: str) -> None:
        progress(done, total, "modal masks")

    for span in spans:
        modal = project.modal(object_id)
        inputs = ModalInputs(modal.thing)
        prompts = prompts_of(modal, also=begun_beside(modal, span))
        for tracked in modal_masks(project.clip, prompts, span, segmenter=loaded, progress=step):
            stamp = _stamp(loaded.spec, tracked, made_from=inputs.on(tracked.frame_index))
            if _store_tracked(project, object_id, tracked, edit_id=edit_id, stamp=stamp):
                on_frame(tracked.frame_index)
            done += 1
            step(0, 0, "")


def begun_beside(modal: SeenAreas, span: range) -> tuple[int, ...]:
    """The tracked frame before a span and, behind frames on which nothing was seen, the last one with something."""
    beside = behind = span[0] - span.step
    while behind in modal and not modal.area(behind):
        behind -= span.step
    return (beside,) if behind not in modal else tuple({beside, behind})


def _store_tracked(project: Project, object_id: int, tracked: TrackedFrame, *, edit_id: int, stamp: Stamp) -> bool:
    with project.mutex:
        thing = still_wanted(project, object_id, edit_id)
        if tracked.frame_index in thing.prompted() or tracked.frame_index in thing.accepted:
            return False  # the person settled this frame while the tracker was on its way
        with project.under(edit_id):
            project.layers(object_id).modal.put(tracked.frame_index, tracked.mask, stamp)
    return True


def _stamp(spec: EngineSpec, tracked: TrackedFrame, *, made_from: Fingerprint) -> Stamp:
    stamp = stamp_by(spec, made_from=made_from, certainty=tracked.certainty)
    return replace(stamp, object_score=tracked.object_score, predicted_iou=tracked.predicted_iou)
