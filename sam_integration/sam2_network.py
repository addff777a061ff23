"""sam2's networks, one call each. Only this module knows the names and shapes inside sam2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from sam_integration.features import FrameFeatures
from sam_integration.object_memory import Remembered
from sam_integration.preprocessing import Picture, model_input
from sam_integration.prompts import Logits, Mask, Step

TOP_LEFT, BOTTOM_RIGHT = 2, 3
"""sam2's labels of the corners of a box. A click has the label 1 or 0."""
LOGIT_BOUND = 32.0
"""Bound of the logits of a result that is corrected (sam2_video_predictor.add_new_points_or_box)."""

SizeWH = tuple[int, int]
"""Width, height in pixels."""
Memories = dict[str, dict[int, dict[str, Any]]]
"""sam2's ``output_dict``: the frames in the memory of a step."""


@dataclass(frozen=True)
class Place:
    """The frame of a step."""

    frame_index: int
    num_frames: int
    size_wh: SizeWH
    backwards: bool = False


class Network:
    """One model. Calls do not affect each other, so any thread may call at any time."""

    def __init__(self, model: Any, *, bfloat16: bool) -> None:
        self.model = model
        self._bfloat16 = bfloat16
        self._picture_position: Any = None
        self._memory_position: Any = None

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Within it, there are no gradients, and, if requested, bfloat16 where torch's autocast allows it."""
        import torch

        kind = self.model.device.type
        rounding = torch.autocast(kind, dtype=torch.bfloat16) if self._bfloat16 else nullcontext()
        with torch.inference_mode(), rounding:
            yield

    def encode(self, picture: Picture) -> FrameFeatures:
        """Run the picture encoder, which is most of the work of a first click."""
        with self.computing():
            tensor = model_input(picture, self.model.image_size).to(self.model.device)
            _, levels, positions, sizes_hw = self.model._prepare_backbone_features(self.model.forward_image(tensor))
            if self._picture_position is None:
                self._picture_position = positions[-1]  # depends only on the size; all frames share one copy
            return FrameFeatures(tuple(levels), self._picture_position, tuple(sizes_hw))

    def ask(self, features: FrameFeatures, step: Step, place: Place, *, before: Remembered | None) -> Remembered:
        """Return the mask from the prompts of a frame, without memory. ``before`` is the result that they correct."""
        with self.computing():
            outputs = self._step(
                features,
                place,
                memories={"cond_frame_outputs": {}, "non_cond_frame_outputs": {}},
                is_init_cond_frame=True,
                point_inputs=self._points(step, place.size_wh) if step.mask is None else None,
                mask_inputs=None if step.mask is None else self._mask(step.mask),
                prev_sam_mask_logits=before and before.low_res_logits.clamp(-LOGIT_BOUND, LOGIT_BOUND),
            )
            return self._remembered(outputs)

    def follow(self, features: FrameFeatures, memories: Memories, place: Place) -> Remembered:
        """Return the mask on a frame without prompts, with its spatial memory."""
        with self.computing():
            outputs = self._step(features, place, memories=memories, is_init_cond_frame=False)
            found = self._remembered(outputs)
            self._add_memory(found, features, high_res_logits=outputs[4], from_person=False)
        return found

    def memorise(self, found: Remembered, features: FrameFeatures) -> None:
        """Add the spatial memory to the result on a prompted frame."""
        size = (self.model.image_size, self.model.image_size)
        with self.computing():
            logits = _scaled(found.low_res_logits, size_hw=size)
            self._add_memory(found, features, high_res_logits=logits, from_person=True)

    def logits(self, found: Remembered, size_wh: SizeWH) -> Logits:
        """Return (H, W) float32 logits of the frame's size."""
        with self.computing():
            scaled = found.low_res_logits
            if tuple(scaled.shape[-2:]) != size_wh[::-1]:
                scaled = _scaled(scaled, size_hw=size_wh[::-1])
            return np.asarray(scaled[0, 0].float().cpu().numpy(), dtype=np.float32)

    def _step(self, features: FrameFeatures, place: Place, *, memories: Memories, **inputs: Any) -> Any:
        """Return ``_forward_sam_heads``' (multimasks, _, ious, low_res_masks, high_res_masks, pointer,
        object_score).
        """
        absent = dict.fromkeys(("point_inputs", "mask_inputs", "prev_sam_mask_logits"))
        _, outputs, _, _ = self.model._track_step(
            frame_idx=place.frame_index,
            num_frames=place.num_frames,
            track_in_reverse=place.backwards,
            current_vision_feats=list(features.levels),
            current_vision_pos_embeds=[features.position],
            feat_sizes=list(features.sizes_hw),
            output_dict=memories,
            **{**absent, **inputs},
        )
        return outputs

    def _remembered(self, outputs: Any) -> Remembered:
        _, _, ious, low_res_logits, _, pointer, object_score = outputs
        if self.model.fill_hole_area > 0:
            from sam2.utils.misc import fill_holes_in_mask_scores

            low_res_logits = fill_holes_in_mask_scores(low_res_logits, self.model.fill_hole_area)
        # Of several masks sam2 uses the one with the highest predicted IoU.
        return Remembered(low_res_logits, pointer, object_score, predicted_iou=ious.amax(dim=-1))

    def _add_memory(
        self, found: Remembered, features: FrameFeatures, *, high_res_logits: Any, from_person: bool
    ) -> None:
        import torch

        spatial, position = self.model._encode_new_memory(
            current_vision_feats=list(features.levels),
            feat_sizes=list(features.sizes_hw),
            pred_masks_high_res=high_res_logits,
            object_score_logits=found.object_score,
            is_mask_from_pts=from_person,
        )
        if self._memory_position is None:
            self._memory_position = position
        found.spatial, found.position = spatial.to(torch.bfloat16), self._memory_position

    def _points(self, step: Step, size_wh: SizeWH) -> dict[str, Any]:
        """Return the box and points in sam2's form: in pixels of its square input."""
        import torch

        corners = [] if step.box_xyxy is None else [step.box_xyxy[:2], step.box_xyxy[2:]]
        labels = [TOP_LEFT, BOTTOM_RIGHT][: len(corners)] + [int(point.positive) for point in step.points]
        points = torch.tensor([*corners, *((p.x, p.y) for p in step.points)], dtype=torch.float32)[None]
        points = points / torch.tensor(size_wh) * self.model.image_size  # the order of operations is sam2's
        return {
            "point_coords": points.to(self.model.device),
            "point_labels": torch.tensor(labels, dtype=torch.int32)[None].to(self.model.device),
        }

    def _mask(self, mask: Mask) -> Any:
        """Return (1, 1, size, size) float32 of 0 and 1."""
        import torch

        size = (self.model.image_size, self.model.image_size)
        tensor = torch.tensor(mask, dtype=torch.bool)[None, None].float().to(self.model.device)
        if mask.shape == size:
            return tensor
        return (_scaled(tensor, size_hw=size, antialias=True) >= 0.5).float()


def _scaled(tensor: Any, *, size_hw: tuple[int, int], antialias: bool = False) -> Any:
    import torch

    return torch.nn.functional.interpolate(
        tensor, size=size_hw, mode="bilinear", align_corners=False, antialias=antialias
    )
