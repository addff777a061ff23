"""One finished stage of one object once more, by the engine that is chosen now; what it made already stays."""

from __future__ import annotations

from vas_tool.engines.base import Progress, silent
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.project.object_stamps import asked_on
from vas_tool.runs.completion import complete_amodal, complete_content, estimate_depth
from vas_tool.runs.results import OnFrame, ignore_frame
from vas_tool.runs.spans import spans_over
from vas_tool.runs.tracking import segment_frame, track
from vas_tool.types import Stage


def make_again(
    project: Project,
    object_id: int,
    stage: Stage,
    *,
    edit_id: int,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Replace what other engines made (``review.made_by_others``), never accepted frames. Raises Cancelled.

    What follows from it becomes stale; finished frames of a run that was stopped are kept.
    """
    others = staleness_of(project, object_id).made_by_others(stage)
    if stage == "segment":
        _segment_again(project, object_id, set(others), edit_id=edit_id, on_frame=on_frame, progress=progress)
    elif stage == "depth":
        frames = list(project.modal(object_id))
        estimate_depth(project, frames, again_under=edit_id, on_frame=on_frame, progress=progress)
    else:
        complete = complete_amodal if stage == "amodal" else complete_content
        complete(project, object_id, edit_id=edit_id, only=others, on_frame=on_frame, progress=progress)


def _segment_again(
    project: Project, object_id: int, frames: set[int], *, edit_id: int, on_frame: OnFrame, progress: Progress
) -> None:
    """Frames with clicks or a box first: the others are tracked from them."""
    asked = sorted(frames & asked_on(project.truth.object(object_id)))
    for done, frame_index in enumerate(asked):
        progress(done, len(asked), "clicked frames")
        if segment_frame(project, object_id, frame_index, edit_id=edit_id):
            on_frame(frame_index)
    spans = spans_over(project.modal(object_id), sorted(frames - set(asked)), direction="both")
    track(project, object_id, spans, edit_id=edit_id, on_frame=on_frame, progress=progress)
