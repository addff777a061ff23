"""A second tracker for an object: tracked from the same prompts, compared with the modal masks frame by frame.

Its masks are not stored. Where they disagree, the frame needs a look (``project.attention``).
"""

from __future__ import annotations

from dataclasses import dataclass

from vas_tool.engines.base import Progress, Segmenter, silent
from vas_tool.engines.registry import LoadedEngine
from vas_tool.errors import PromptError
from vas_tool.masks import iou
from vas_tool.pipeline import OnFrame, ignore_frame, modal_masks
from vas_tool.planning.spans import tracking_spans
from vas_tool.project import Project
from vas_tool.project.attention import TRACKERS_AGREE
from vas_tool.project.object_layers import prompts_of


@dataclass(frozen=True)
class SecondOpinion:
    """What a second tracker says of an object's modal masks."""

    engine: str
    ious: dict[int, float]
    """frame_index -> IoU, 0..1, on the frames that an engine tracked and nobody has settled."""

    @property
    def disagreed(self) -> list[int]:
        """The frames whose IoU is below ``TRACKERS_AGREE``, ascending."""
        return sorted(f for f, value in self.ious.items() if value < TRACKERS_AGREE)


def second_opinion(
    project: Project,
    object_id: int,
    *,
    tracker: LoadedEngine[Segmenter],
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> SecondOpinion:
    """Track an object with a second engine, from prompts and accepted frames; compare the masks, and store the IoUs.

    Raises PromptError when nothing was tracked, or when the engine made these masks itself; Cancelled when ``progress``
    does: then nothing is stored.
    """
    name, modal = tracker.spec.name, project.modal(object_id)
    obj, made_by = modal.obj, project.layers(object_id).modal.stamps().by_frame("engine")
    settled = (obj.prompted() | set(obj.accepted)) & set(modal)
    open_frames = [f for f in modal if f not in settled and made_by.get(f) != name]
    if not settled:
        raise PromptError(f"{obj.label} has no mask to start from; click it on a frame where it is clear")
    if not open_frames:
        raise PromptError(f"{name} has nothing to compare for {obj.label}: track it with another engine first")
    states = {f: modal.state(f) for f in open_frames}
    prompts, total, ious = prompts_of(modal), len(open_frames), dict[int, float]()

    def step(_done: int, _total: int, _what: str) -> None:
        progress(len(ious), total, f"frames tracked by {name}")

    for span in tracking_spans(open_frames, made=settled, settled=settled, direction="both"):
        for tracked in modal_masks(project.clip, prompts, span, segmenter=tracker, progress=step):
            if tracked.frame_index in states:
                ious[tracked.frame_index] = iou(tracked.mask, modal[tracked.frame_index])
                step(0, 0, "")
    project.layers(object_id).second.put(name, {f: (states[f], value) for f, value in ious.items()})
    for frame_index in ious:
        on_frame(frame_index)
    return SecondOpinion(name, ious)
