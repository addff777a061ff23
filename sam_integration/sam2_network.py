"""sam2's networks, one call each. Only this module knows the names and shapes inside sam2."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sam_integration.features import FrameFeatures
from sam_integration.object_memory import MAX_CONDITIONING_FRAMES, MemoryView, Reach, Remembered
from sam_integration.preprocessing import Logits, Picture, frame_logits, mask_input, model_input, scaled
from sam_integration.prompts import FramePrompt, Step
from sam_integration.tracking_network import Place, SizeWH, inference

TOP_LEFT, BOTTOM_RIGHT = 2, 3
"""sam2's labels of the corners of a box. A click has the label 1 or 0."""
LOGIT_BOUND = 32.0
"""Bound of the logits of a result that is corrected (sam2_video_predictor.add_new_points_or_box)."""

PackageMemories = dict[str, dict[int, dict[str, Any]]]
"""sam2's ``output_dict``: the frames in the memory of a step."""


class Network:
    """One model (``TrackingNetwork``). Any thread may call any method at any time."""

    def __init__(
        self, model: Any, *, bfloat16: bool = False, max_conditioning_frames: int = MAX_CONDITIONING_FRAMES
    ) -> None:
        """``model`` comes from ``checkpoints``. ``bfloat16`` uses bfloat16 where torch's autocast allows it."""
        model.max_cond_frames_in_attn = max_conditioning_frames
        self.model = model
        self._bfloat16 = bfloat16
        self._picture_position: Any = None
        self._memory_position: Any = None

    @property
    def reach(self) -> Reach:
        """How far sam2 looks back."""
        # Relative to the last frame, so that it can be requested again; the next frame needs one frame less.
        spatial = max(1, (self.model.num_maskmem - 2) * self.model.memory_temporal_stride_for_eval + 2)
        return Reach(spatial, max(spatial, self.model.max_obj_ptrs_in_encoder), self._closest)

    def _closest(self, frame_index: int, prompted: Sequence[int]) -> Collection[int]:
        from sam2.modeling.sam2_utils import select_closest_cond_frames

        limit = self.model.max_cond_frames_in_attn
        if limit < 0:
            return prompted
        selected, _ = select_closest_cond_frames(frame_index, dict.fromkeys(prompted), limit)
        found: Collection[int] = selected
        return found

    def steps(self, prompt: FramePrompt) -> Iterator[Step]:
        """Yield the mask, the box, then one point after the other, as sam2's video predictor gets them."""
        return prompt.steps()

    def computing(self) -> AbstractContextManager[None]:
        """Return the context of the model's computations (``inference``)."""
        return inference(self.model.device.type, bfloat16=self._bfloat16)

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
                mask_inputs=None
                if step.mask is None
                else mask_input(step.mask, self.model.image_size).to(self.model.device),
                prev_sam_mask_logits=before and before.low_res_logits.clamp(-LOGIT_BOUND, LOGIT_BOUND),
            )
            return self._remembered(outputs)

    def follow(self, features: FrameFeatures, memories: MemoryView, place: Place) -> Remembered:
        """Return the mask on a frame without prompts, with its spatial memory."""
        with self.computing():
            outputs = self._step(features, place, memories=_package_memories(memories), is_init_cond_frame=False)
            found = self._remembered(outputs)
            self._add_memory(found, features, high_res_logits=outputs[4], from_person=False)
        return found

    def memorise(self, found: Remembered, features: FrameFeatures) -> None:
        """Add the spatial memory to the result on a prompted frame."""
        size = (self.model.image_size, self.model.image_size)
        with self.computing():
            logits = scaled(found.low_res_logits, size_hw=size)
            self._add_memory(found, features, high_res_logits=logits, from_person=True)

    def logits(self, found: Remembered, size_wh: SizeWH) -> Logits:
        """Return (H, W) float32 logits of the frame's size."""
        with self.computing():
            return frame_logits(found.low_res_logits, size_wh)

    def _step(self, features: FrameFeatures, place: Place, *, memories: PackageMemories, **inputs: Any) -> Any:
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


def _package_memories(view: MemoryView) -> PackageMemories:
    """Return the memory under the keys of sam2's state."""
    return {
        "cond_frame_outputs": {i: _package_frame(frame) for i, frame in view.conditioning.items()},
        "non_cond_frame_outputs": {i: _package_frame(frame) for i, frame in view.passed.items()},
    }


def _package_frame(frame: Remembered) -> dict[str, Any]:
    """Return one frame of the memory, in float32.

    sam2 passes bfloat16, which becomes the same float32 next to a pointer, and fails without one, on frames before the
    first prompt.
    """
    spatial = None if frame.spatial is None else frame.spatial.float()
    return {"maskmem_features": spatial, "maskmem_pos_enc": frame.position, "obj_ptr": frame.pointer}
