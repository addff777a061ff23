"""One object on one frame as a COCO annotation. ``coco`` says what the keys mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from vas_tool.masks import area, box_xywh, to_rle
from vas_tool.object_layers import AmodalMasks, ModalMasks
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.truth import AnnotatedObject
from vas_tool.types import Canvas, Mask, MaskLayer

UNSURE = 0.5
"""An engine less certain than this of a mask that nobody accepted marks it as uncertain."""

DIGITS = 6
"""Of rates and certainties in the file: more are noise, and fewer lose single pixels of a large mask."""


class MasksOnFrame:
    """One object's masks on one frame, and who made them."""

    def __init__(self, project: Project, thing: AnnotatedObject, frame_index: int, *, canvas: Canvas) -> None:
        layers = project.layers(thing.id)
        self.canvas, self.thing, self.frame_index = canvas, thing, frame_index
        with project.mutex:  # no undo between a stamp and its picture
            self.modal_stamp = layers.modal_stamp(thing, frame_index)
            self.amodal_stamp = layers.amodal_stamp(thing, frame_index)
            modal = ModalMasks(layers, thing, canvas)
            nothing = np.zeros(canvas.frame_wh[::-1], dtype=bool)
            self.modal: Mask = modal[frame_index] if self.modal_stamp else nothing
            self.amodal: Mask = AmodalMasks(modal)[frame_index] if self.amodal_stamp else canvas.to_canvas(self.modal)
            """On the canvas; the modal mask where no amodal one was made."""

    @property
    def accepted(self) -> bool:
        """Whether the person accepted the frame."""
        return self.frame_index in self.thing.accepted

    def engine_json(self, layer: MaskLayer) -> dict[str, Any] | None:
        """Who made a mask; None when nobody did."""
        stamp = self.modal_stamp if layer == "modal" else self.amodal_stamp
        return _engine_json(stamp, len(self.thing.strokes_on(self.frame_index, layer)))


def _engine_json(stamp: Stamp | None, num_strokes: int) -> dict[str, Any] | None:
    if stamp is None:
        return None
    return {
        "engine": stamp.engine,
        "revision": stamp.revision,
        "seed": stamp.seed,
        "certainty": round(stamp.certainty, DIGITS),
        "strokes": num_strokes,
    }


def annotation_json(masks: MasksOnFrame, *, kins: bool) -> dict[str, Any]:
    """The annotation without its ids and without where its frame comes from."""
    return {
        "obj_id": masks.thing.id,
        "iscrowd": 0,
        **_masks_json(masks, kins=kins),
        **_extent_json(masks),
        "amodal_is_uncertain": _uncertain(masks),
        "engine": {"modal": masks.engine_json("modal"), "amodal": masks.engine_json("amodal")},
        "review": "accepted" if masks.accepted else "unseen",
    }


def _masks_json(masks: MasksOnFrame, *, kins: bool) -> dict[str, Any]:
    """What lies in the picture."""
    whole, seen = masks.canvas.to_frame(masks.amodal), masks.modal
    hidden = whole & ~seen
    whole_rle, seen_rle = to_rle(whole), to_rle(seen)
    out = {
        "segmentation": whole_rle,
        "bbox": box_xywh(whole),
        "area": area(whole),
        "visible_mask": seen_rle,
        "invisible_mask": to_rle(hidden),
        "occlude_rate": round(area(hidden) / max(1, area(whole)), DIGITS),
        "inmodal_seg": seen_rle,
        "inmodal_bbox": box_xywh(seen),
    }
    if kins:
        out |= {"i_segm": seen_rle, "i_bbox": out["inmodal_bbox"], "i_area": area(seen)}
        out |= {"a_segm": whole_rle, "a_bbox": out["bbox"], "a_area": out["area"]}
    return out


def _extent_json(masks: MasksOnFrame) -> dict[str, Any]:
    """What may reach beyond the picture."""
    x, y, width, height = box_xywh(masks.amodal)
    inside, whole = area(masks.canvas.to_frame(masks.amodal)), area(masks.amodal)
    return {
        "amodal_bbox": [x - masks.canvas.pad_left, y - masks.canvas.pad_top, width, height],
        "out_of_frame": whole > inside,
        "visibility": round(area(masks.modal) / whole, DIGITS),
    }


def _uncertain(masks: MasksOnFrame) -> bool:
    """No amodal mask was made (the modal one stands in), or its engine was unsure and nobody accepted it."""
    if masks.amodal_stamp is None:
        return True
    return masks.amodal_stamp.certainty < UNSURE and not masks.accepted
