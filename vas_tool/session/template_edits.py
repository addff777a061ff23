"""Edits of templates: the outline of a frame where the object is whole, placed where a part of it is hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vas_tool.errors import PromptError
from vas_tool.project.object_layers import AmodalMasks, ModalMasks, require_frame
from vas_tool.project.template_fit import fitted, share_on_outline
from vas_tool.project.templates import Pose, Template, changed, numbered
from vas_tool.project.truth import AnnotatedObject
from vas_tool.session.change_log import ChangeLog
from vas_tool.types import Mask


class TemplateEdits:
    """Edits of the templates of a project's objects."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project

    def take(self, object_id: int, frame_index: int) -> None:
        """Take the object's outline on a frame as a new template: its amodal mask, or what is seen where there is none.

        The frame is its first key frame. Where a template was taken from that frame before, that one gets the present
        outline and keeps its key frames. Raises PromptError when nothing of the object is there.
        """
        require_frame(frame_index, len(self.project.clip))
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            template = Template.taken(
                self._whole(replace(obj, templates=()), frame_index), self.project.canvas, frame_index
            )
            own = (i for i, other in enumerate(obj.templates) if other.taken_from == frame_index)
            if (index := next(own, None)) is None:
                templates = [*obj.templates, template]
            else:
                templates = _with(obj, index, obj.templates[index].retaken(template))
            self._store(f"template of {obj.label} from frame {frame_index}", obj, templates)

    def _whole(self, obj: AnnotatedObject, frame_index: int) -> Mask:
        """Return the amodal mask of a frame, else the modal mask, (canvas H, W); empty where nothing is known.

        ``obj`` is the object in any version.
        """
        layers, canvas = self.project.layers(obj.id), self.project.canvas
        modal = ModalMasks(layers, obj, canvas)
        amodal = AmodalMasks(modal)
        if frame_index in amodal:
            return amodal[frame_index]
        return canvas.to_canvas(modal[frame_index]) if frame_index in modal else np.zeros(canvas.size_wh[::-1], bool)

    def place(self, object_id: int, index: int, pose: Pose, *, reach: float = 0.0, key: str | None = None) -> None:
        """Place a template on a frame, as a key frame. With a ``reach`` (clip pixels), its outline is moved onto the
        visible edge where that lies so near.

        ``key`` makes sure that the template at ``index`` is the one that is meant, here as below. Raises PromptError
        when there is no such template.
        """
        require_frame(pose.frame_index, len(self.project.clip))
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            template = numbered(obj.templates, index, key)
            snapped = self._fitted(obj, template, pose, reach=reach) if reach > 0 else None
            self._place(obj, index, snapped or pose)

    def fit(self, object_id: int, index: int, frame_index: int, *, key: str | None = None) -> float:
        """Place a template where its outline lies on the visible edge of a frame, as a key frame. Returns the part of
        that edge, 0..1, that lies on the outline.

        Raises PromptError when there is no such template, or too little is seen.
        """
        require_frame(frame_index, len(self.project.clip))
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            template = numbered(obj.templates, index, key)
            pose = self._fitted(obj, template, template.nearest(frame_index), reach=math.inf)
            if pose is None:
                raise PromptError(
                    f"too little of {obj.label} is seen on frame {frame_index} to fit the template; drag it into place"
                )
            self._place(obj, index, pose)
            seen = self.project.modal(object_id)[frame_index]
            return share_on_outline(template, pose, seen, other=self._others(obj, frame_index))

    def remove(self, object_id: int, index: int, frame_index: int, *, key: str | None = None) -> None:
        """Remove a key frame; the template goes with its last one. Raises PromptError when the frame has none."""
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            template = numbered(obj.templates, index, key)
            poses = tuple(pose for pose in template.poses if pose.frame_index != frame_index)
            if len(poses) == len(template.poses):
                raise PromptError(f"frame {frame_index} is no key frame of the template; go to one that is")
            others = _with(obj, index, replace(template, poses=poses) if poses else None)
            self._store(f"remove key frame {frame_index} of the template of {obj.label}", obj, others)

    def _fitted(self, obj: AnnotatedObject, template: Template, start: Pose, *, reach: float) -> Pose | None:
        modal = self.project.modal(obj.id)
        if start.frame_index not in modal:
            return None
        others = self._others(obj, start.frame_index)
        return fitted(template, start, modal[start.frame_index], other=others, reach=reach)

    def _others(self, obj: AnnotatedObject, frame_index: int) -> Mask | None:
        masks = [self.project.modal(other.id) for other in self.project.truth.objects if other.id != obj.id]
        there = [modal[frame_index] for modal in masks if frame_index in modal]
        return np.logical_or.reduce(there) if there else None

    def _place(self, obj: AnnotatedObject, index: int, pose: Pose) -> None:
        placed = _with(obj, index, numbered(obj.templates, index).posed(pose))
        self._store(f"template on {obj.label}, frame {pose.frame_index}", obj, placed)

    def _store(self, what: str, obj: AnnotatedObject, templates: Sequence[Template]) -> None:
        """Store the templates. Frames whose amodal mask changes are no longer accepted."""
        frames, after = changed(obj.templates, templates), replace(obj, templates=tuple(templates))
        lost = {
            f
            for f in frames.intersection(obj.accepted)
            if not np.array_equal(self._whole(obj, f), self._whole(after, f))
        }
        kept = tuple(f for f in obj.accepted if f not in lost)
        self.changes.edit(what, replace(after, accepted=kept))
        self.changes.add(frozenset(frames))


def _with(obj: AnnotatedObject, index: int, template: Template | None) -> list[Template]:
    others = list(obj.templates)
    others[index : index + 1] = [template] if template else []
    return others
