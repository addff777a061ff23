"""The agreement of amodal masks with the amodal boxes that a person gave, from stamps where possible."""

from __future__ import annotations

from vas_tool.boxes.cropping import box_agreement
from vas_tool.boxes.keyframes import boxes_by_frame, drawn, mask_corners
from vas_tool.project import Project
from vas_tool.project.object_layers import BoxXyxy
from vas_tool.types import AmodalBox, Canvas

DIGITS = 6


def box_agreements(project: Project, object_id: int) -> dict[int, float]:
    """Return frame_index -> IoU (0..1) of the given amodal box and the amodal mask's box, on frames that have both."""
    amodal = project.amodal(object_id)
    if not drawn(amodal.obj.amodal_boxes):
        return {}
    boxes = boxes_by_frame(amodal.obj.amodal_boxes)
    tight = {f: amodal.box(f) for f in boxes if f in amodal}
    return {f: round(_agreement(box, boxes[f], amodal.canvas), DIGITS) for f, box in tight.items()}


def _agreement(tight: BoxXyxy | None, box: AmodalBox, canvas: Canvas) -> float:
    return 0.0 if tight is None else box_agreement(mask_corners(tight, canvas), box, canvas)
