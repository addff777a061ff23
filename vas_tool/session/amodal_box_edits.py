"""Edits of amodal boxes: around the whole object, on key frames, also beyond the picture."""

from __future__ import annotations

from dataclasses import replace

from vas_tool.boxes.crops import CropRule
from vas_tool.boxes.keyframes import ended, padding_for, with_keyframe, without_keyframe
from vas_tool.project.object_layers import require_frame
from vas_tool.project.truth import Truth
from vas_tool.session.change_log import ChangeLog
from vas_tool.types import AmodalBox, Canvas


class AmodalBoxEdits:
    """Edits of amodal boxes, and of the rule that makes crops of them."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project

    def set(self, box: AmodalBox, *, object_id: int | None = None) -> int:
        """Set a keyframe around the whole object (None: a new one). It replaces an earlier one on the frame. Returns
        the object's id.

        The canvas grows with a box beyond it, unless amodal masks lie on the present one.
        """
        require_frame(box.frame_index, len(self.project.clip))
        with self.project.mutex:
            obj = self.project.truth.object_or_new(object_id)
            boxed = replace(obj, amodal_boxes=with_keyframe(obj.amodal_boxes, box))
            truth = self._holding(self.project.truth.with_object(boxed), box)
            grown = truth.canvas != self.project.canvas
            self.changes.store(f"amodal box on {obj.label}, frame {box.frame_index}", truth)
        if grown:
            self.changes.everything()
        return obj.id

    def remove(self, object_id: int, frame_index: int) -> None:
        """Remove the keyframe on a frame. Raises PromptError when there is none."""
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            boxes = without_keyframe(obj.amodal_boxes, frame_index)
            what = f"remove amodal box of {obj.label}, frame {frame_index}"
            self.changes.edit(what, replace(obj, amodal_boxes=boxes))

    def end(self, object_id: int, frame_index: int) -> None:
        """End the box at this frame: there is none until the next keyframe. Earlier frames keep their boxes.

        Raises PromptError when there is no box before that could end.
        """
        require_frame(frame_index, len(self.project.clip))
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            what = f"no amodal box of {obj.label} from frame {frame_index} on"
            self.changes.edit(what, replace(obj, amodal_boxes=ended(obj.amodal_boxes, frame_index)))

    def set_crop(self, rule: CropRule) -> None:
        """Set the rule that makes crops of boxes. Masks made with other crops become stale."""
        truth = self.project.truth
        if rule != truth.crop:
            self.changes.store(f"crops: {rule.words}", replace(truth, crop=rule))

    def _holding(self, truth: Truth, box: AmodalBox) -> Truth:
        frame_wh = self.project.clip.size_wh
        wanted = Canvas.padded(frame_wh, padding_for([box], frame_wh))
        larger = wanted.pad_left > truth.canvas.pad_left or wanted.pad_top > truth.canvas.pad_top
        made = any(len(self.project.layers(o.id).amodal) for o in truth.objects)
        return replace(truth, canvas=wanted) if larger and not made else truth
