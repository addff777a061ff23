"""The masks of one object on one frame, how they were made, and what follows from them. ``coco`` explains the keys."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from vas_tool.boxes.keyframes import beyond, box_iou, box_on, is_interpolated
from vas_tool.formats.soft_masks import levels_json
from vas_tool.hypotheses import disagreement
from vas_tool.masks import area, box_xywh, to_rle
from vas_tool.project import Project
from vas_tool.project.object_layers import AmodalMasks, ModalMasks
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import AmodalBox, Canvas, Mask, MaskLayer

UNSURE = 0.5
"""Certainty, 0..1, below which a mask that nobody accepted counts as uncertain."""

DIGITS = 6
"""Decimals of rates and certainties in files: enough to show a single pixel of a large mask."""


ALWAYS = ("engine", "revision", "seed", "certainty")
"""Fields of a mask's stamp that every export holds."""

OF_THE_CACHE = ("made_from", "area", "box", "digest", "object_score", "predicted_iou", "among")
"""Fields of a stamp that no export holds, because only the project needs them."""

Review = Literal["unseen", "needs_work", "accepted"]
"""``needs_work``: not accepted, and the user marked it or a check of ``project.attention`` found something."""


class MasksOnFrame:
    """The masks of one object on one frame, and how they were made.

    ``needs_work`` is the reason why the frame needs a check. ``unsure`` is true when the annotator of an imported box
    was unsure.
    """

    def __init__(
        self,
        project: Project,
        obj: AnnotatedObject,
        frame_index: int,
        *,
        canvas: Canvas,
        needs_work: str | None = None,
        unsure: bool = False,
    ) -> None:
        self._project = project
        layers = project.layers(obj.id)
        self.canvas, self.obj, self.frame_index = canvas, obj, frame_index
        self.needs_work, self.unsure = needs_work, unsure
        with project.mutex:  # no undo may come between a stamp and its picture
            self.modal_stamp = layers.modal_stamp(obj, frame_index)
            self.amodal_stamp = layers.amodal_stamp(obj, frame_index)
            modal = ModalMasks(layers, obj, canvas)
            nothing = np.zeros(canvas.frame_wh[::-1], dtype=bool)
            self.modal: Mask = modal[frame_index] if self.modal_stamp else nothing
            self.amodal: Mask = AmodalMasks(modal)[frame_index] if self.amodal_stamp else canvas.to_canvas(self.modal)
            """(canvas H, W): the amodal mask, or the modal mask where no amodal mask was made."""

    @property
    def whole(self) -> Mask:
        """Return the (H, W) amodal mask, cut to the picture."""
        return self.canvas.to_frame(self.amodal)

    @property
    def hidden(self) -> Mask:
        """Return (H, W) the hidden part inside the picture."""
        return self.whole & ~self.modal

    @property
    def accepted(self) -> bool:
        """Whether the user accepted the frame."""
        return self.frame_index in self.obj.accepted

    @property
    def review(self) -> Review:
        """The review state of the frame."""
        if self.accepted:
            return "accepted"
        return "needs_work" if self.needs_work else "unseen"

    @property
    def amodal_bbox(self) -> list[int]:
        """Return [x, y, width, height] of the amodal mask in the picture's coordinates; may reach beyond the
        picture.
        """
        x, y, width, height = box_xywh(self.amodal)
        return [x - self.canvas.pad_left, y - self.canvas.pad_top, width, height]

    @property
    def out_of_frame(self) -> bool:
        """Whether the amodal mask reaches beyond the picture."""
        return area(self.amodal) > area(self.whole)

    @property
    def certainty(self) -> float:
        """Certainty, 0..1, of the less certain of the engines that made the masks; 1 when the user accepted them."""
        stamps = [stamp for stamp in (self.modal_stamp, self.amodal_stamp) if stamp is not None]
        return 1.0 if self.accepted else round(min((stamp.certainty for stamp in stamps), default=1.0), DIGITS)

    @property
    def uncertain(self) -> bool:
        """Whether the amodal mask is uncertain.

        True when no amodal mask was made (the modal mask is used), or when nobody accepted it and its engine, or the
        annotator of an imported box, was unsure.
        """
        if self.amodal_stamp is None:
            return True
        return (self.unsure or self.amodal_stamp.certainty < UNSURE) and not self.accepted

    def engine_json(self) -> dict[str, Any]:
        """Return how the modal and the amodal mask were made; None for a mask that was not made."""
        return {layer: self._made_json(layer) for layer in get_args(MaskLayer)}

    def _made_json(self, layer: MaskLayer) -> dict[str, Any] | None:
        stamp = self.modal_stamp if layer == "modal" else self.amodal_stamp
        if stamp is None:
            return None
        made: dict[str, Any] = {"strokes": len(self.obj.strokes_on(self.frame_index, layer))}
        if layer == "amodal" and (placed := self.obj.template_on(self.frame_index)):
            template, pose = placed
            made |= {"taken_from": template.taken_from, "interpolated": pose not in template.poses}
        return {**_stamp_json(stamp), **made}

    @property
    def given_box(self) -> AmodalBox | None:
        """Return the amodal box that was drawn, imported or interpolated between such boxes; None without one."""
        return box_on(self.obj.amodal_boxes, self.frame_index)

    @property
    def is_cut(self) -> bool:
        """Whether the given box reaches beyond the canvas, so that the mask may be cut."""
        return self.given_box is not None and beyond(self.given_box, self.canvas) > 0

    def _given_box_json(self) -> dict[str, Any]:
        """Return the given box, and the IoU of the mask's box with it."""
        box = self.given_box
        if box is None:
            return {}
        x, y, width, height = self.amodal_bbox
        agreement = box_iou(box.corners, (x, y, x + width, y + height))
        return {
            "given_box": {
                "amodal_bbox": [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0],
                "interpolated": is_interpolated(self.obj.amodal_boxes, self.frame_index),
                "iou": round(agreement, DIGITS),
                **({"cut": True} if self.is_cut else {}),
            }
        }

    def hypothesis_json(self) -> int | dict[str, list[int]] | None:
        """Return the chosen hypothesis: a seed, {"majority": seeds} or {"union": seeds}; None when nothing was
        chosen.
        """
        stamp = self.amodal_stamp
        if stamp is None or not stamp.how or self.obj.pick_on(self.frame_index) is None:
            return None
        return stamp.seeds[0] if stamp.how == "seed" else {stamp.how: list(stamp.seeds)}

    def trust_json(self) -> dict[str, Any]:
        """Return the keys about the origin of the masks: uncertainty, engines, hypothesis, review, the reason why the
        frame needs work, and the given box.
        """
        why = {"needs_work": self.needs_work} if self.review == "needs_work" else {}
        return {
            "amodal_is_uncertain": self.uncertain,
            "engine": self.engine_json(),
            "hypothesis": self.hypothesis_json(),
            "review": self.review,
            **why,
            **self._given_box_json(),
        }

    @cached_property
    def answers(self) -> list[Mask]:
        """The hypotheses of the frame, (canvas H, W) each, with the modal mask.

        Empty where there are not two, and under a template, which is no answer of an engine.
        """
        if self.obj.template_on(self.frame_index):
            return []
        with self._project.mutex:
            found = self._project.layers(self.obj.id).hypothesis_masks(self.frame_index, self.canvas.size_wh)
        return [mask | self.canvas.to_canvas(self.modal) for mask in found] if len(found) > 1 else []

    @property
    def training_weight(self) -> float:
        """Weight of the amodal mask in a training loss, 0..1.

        1 when the user accepted it, 0 when no amodal mask was made. Otherwise the mean IoU of the hidden parts over all
        pairs of hypotheses, or the engine's certainty where there are not two.
        """
        if self.accepted or self.amodal_stamp is None:
            return float(self.accepted)
        seen = self.canvas.to_canvas(self.modal)
        hidden = [answer & ~seen for answer in self.answers]
        return round(1 - disagreement(hidden), DIGITS) if hidden else self.certainty

    def soft_json(self) -> dict[str, Any]:
        """Return the keys for training on soft masks; ``amodal_probability`` is absent without two hypotheses."""
        inside = [self.canvas.to_frame(answer) for answer in self.answers]
        probability = {"amodal_probability": levels_json(inside)} if inside else {}
        return {"training_weight": self.training_weight, **probability}

    def json(self) -> dict[str, Any]:
        """Return the record of ``coco`` without the ids of image, video, category and track, and without the frame's
        keys.
        """
        return {
            "obj_id": self.obj.id,
            "iscrowd": 0,
            **self._masks_json(),
            "amodal_bbox": self.amodal_bbox,
            "out_of_frame": self.out_of_frame,
            "visibility": round(area(self.modal) / max(1, area(self.amodal)), DIGITS),
            **self.trust_json(),
        }

    def _masks_json(self) -> dict[str, Any]:
        """Return the masks and boxes inside the picture."""
        whole, hidden = self.whole, self.hidden
        seen_rle = to_rle(self.modal)
        return {
            "segmentation": to_rle(whole),
            "bbox": box_xywh(whole),
            "area": area(whole),
            "visible_mask": seen_rle,
            "invisible_mask": to_rle(hidden),
            "occlude_rate": round(area(hidden) / max(1, area(whole)), DIGITS),
            "inmodal_seg": seen_rle,
            "inmodal_bbox": box_xywh(self.modal),
        }


def _stamp_json(stamp: Stamp) -> dict[str, Any]:
    """Return how a picture was made. Optional fields are present only if they differ from their defaults."""
    not_default = {f.name: getattr(stamp, f.name) for f in fields(stamp) if getattr(stamp, f.name) != f.default}
    beside = {key: _plain(value) for key, value in not_default.items() if key not in (*ALWAYS, *OF_THE_CACHE)}
    always = {key: getattr(stamp, key) for key in ALWAYS}
    return {**always, "certainty": round(stamp.certainty, DIGITS), **beside}


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
