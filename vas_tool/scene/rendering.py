"""Renders the scene of a project, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from vas_tool.engines.base import ContentCompleter, Progress, silent
from vas_tool.engines.builtin.background import BuiltinBackground
from vas_tool.errors import FormatError
from vas_tool.formats.layered_frames import LayeredClip, LayeredFrame, ObjectLayer
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.scene.composing import MARGIN, composed, filled, vacated
from vas_tool.scene.filling import backgrounds
from vas_tool.scene_edits import SceneEdits
from vas_tool.types import Frame, Mask

FRAMES_KEPT = 4
"""Layered frames in memory."""


@dataclass(frozen=True)
class Scene:
    """A project's objects as layers, with what a person changes. Frames are made when they are asked for."""

    project: Project
    edits: SceneEdits
    engine: ContentCompleter = field(default_factory=BuiltinBackground)
    """Fills the background where objects leave their place."""
    only_accepted: bool = False
    """Whether an object is a layer on accepted frames alone. On others it stays as the clip shows it."""
    margin: int = MARGIN
    """Pixels around modal masks that are filled, too. More takes shadows away with their objects."""

    def __post_init__(self) -> None:
        if not self._clip.objects:
            raise FormatError(f"{self.project.name} has no object with a mask; click one, track and complete it first")
        self.edits.require((obj.id for obj in self.project.truth.objects), len(self._clip))

    @cached_property
    def _clip(self) -> LayeredClip:
        video = video_of(self.project)
        return LayeredClip(video, only_accepted=self.only_accepted)

    @cached_property
    def _frozen(self) -> dict[int, ObjectLayer | None]:
        """Object id -> its layer on the frame at which it is frozen."""
        by_id = {obj.id: obj for obj in self._clip.objects}
        edits = [edit for edit in self.edits.layers if edit.freeze is not None and edit.object_id in by_id]
        return {edit.object_id: self._clip.layer(by_id[edit.object_id], edit.freeze or 0) for edit in edits}

    def frames(self, frames: range | None = None, *, progress: Progress = silent) -> Iterator[Frame]:
        """Yield (H, W, 3) RGB pictures of the clip's size. Memory does not grow with their number. Raises Cancelled."""
        wanted = range(len(self._clip)) if frames is None else frames
        behind = self._backgrounds(wanted, progress) if self.edits.moved else None
        for done, i in enumerate(wanted):
            if behind is None:
                progress(done, len(wanted), "scene")
            yield self._composed(i, None if behind is None else next(behind))
        progress(len(wanted), len(wanted), "scene")

    def _composed(self, frame_index: int, background: Frame | None) -> Frame:
        frame, canvas = self._layered(frame_index), self._clip.canvas
        there = {layer.obj.id: layer for layer in frame.layers}
        for object_id, still in self._frozen.items():
            there.pop(object_id, None) if still is None else there.update({object_id: still})
        behind = None if background is None else canvas.to_canvas(background)
        ground = filled(frame.ground, vacated(frame.layers, self.edits, margin=self.margin), behind)
        stood = canvas.to_canvas(self._objects(frame_index))
        return canvas.to_frame(composed(ground, list(there.values()), self.edits, stood=stood))[..., :3]

    def _backgrounds(self, frames: range, progress: Progress) -> Iterator[Frame]:
        canvas = self._clip.canvas

        def hole(i: int) -> Mask | None:
            mask = vacated(self._layered(i).layers, self.edits, margin=self.margin)
            return None if mask is None else canvas.to_frame(mask)

        return backgrounds(self.project.clip, self._objects, hole, engine=self.engine, progress=progress, frames=frames)

    def _objects(self, frame_index: int) -> Mask:
        """Return (H, W) where any object is seen."""
        masks = [self.project.modal(obj.id).get(frame_index) for obj in self._clip.objects]
        nothing = np.zeros(self.project.clip.size_wh[::-1], np.bool_)
        return np.asarray(np.logical_or.reduce([nothing, *(mask for mask in masks if mask is not None)]))

    @cached_property
    def _layered(self) -> Callable[[int], LayeredFrame]:
        """A function: frame_index -> the frame with its objects. It keeps the last ones."""
        return lru_cache(FRAMES_KEPT)(self._clip.frame)
