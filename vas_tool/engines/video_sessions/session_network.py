"""The video models of transformers, one call each (``sam_integration.tracking_network.TrackingNetwork``).

transformers tracks inside an inference session, which keeps every frame and every frame's memory. Here each call gets
a fresh session that holds one encoded frame and the part of the memory that the model looks back to. The networks and
the order of their calls are those of ``propagate_in_video_iterator``: in float32 on a CPU the results are equal, bit
for bit, with up to ``MAX_CONDITIONING_FRAMES`` prompted frames (tests/test_session_network.py).

Clicks on a frame count together, as transformers counts them. It refuses clicks beside a given mask; here they correct
the mask, as in sam2.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sam_integration.features import FrameFeatures
from sam_integration.object_memory import MAX_CONDITIONING_FRAMES, MemoryView, Reach, Remembered
from sam_integration.preprocessing import Logits, Picture, frame_logits, mask_input, scaled
from sam_integration.prompts import FramePrompt, Step
from sam_integration.tracking_network import Place, SizeWH, inference

TOP_LEFT, BOTTOM_RIGHT = 2, 3
"""Labels of the corners of a box. A click has the label 1 or 0."""
GIVEN_SCALE, GIVEN_BIAS = 20.0, -10.0
"""Logits of a given mask: 10 on the object, -10 elsewhere (``_use_mask_as_output``)."""

Output = dict[str, Any]
"""One frame in the memory of a session."""


class SessionNetwork:
    """One model of transformers: EdgeTAM, SAM 2.1, or the tracker of SAM 3."""

    def __init__(
        self,
        model: Any,
        session_class: type[Any],
        *,
        bfloat16: bool = False,
        max_conditioning_frames: int = MAX_CONDITIONING_FRAMES,
        **normalisation: Any,
    ) -> None:
        """``bfloat16`` uses bfloat16 where torch's autocast allows it. ``normalisation`` may hold ``image_mean`` and
        ``image_std``, three numbers each; the default is ImageNet's.
        """
        from transformers import Sam2VideoVideoProcessor

        self.model, self.session_class, self._bfloat16 = model, session_class, bfloat16
        self._limit = model.config.max_cond_frame_num = max_conditioning_frames
        size = model.image_size
        self.image_size: int = size if isinstance(size, int) else size[0]
        side = {"height": self.image_size, "width": self.image_size}
        self._processor = Sam2VideoVideoProcessor(size=side, **normalisation)
        step = inspect.signature(model._run_single_frame_inference).parameters
        # EdgeTAM's step can encode the memory itself. Here that waits until a frame looks back to this one.
        self._options = {"run_mem_encoder": False} if "run_mem_encoder" in step else {}
        self._ious: Any = None
        model.mask_decoder.register_forward_hook(self._note_ious)

    def _note_ious(self, decoder: Any, inputs: Any, outputs: Any) -> None:
        """Keep the predicted IoUs of the step, which a session does not keep."""
        self._ious = outputs[1]

    @property
    def reach(self) -> Reach:
        """How far the model looks back."""
        # One frame more than a step reads, so that the last frame can be requested again.
        spatial = max(1, self.model.num_maskmem)
        return Reach(spatial, max(spatial, self.model.config.max_object_pointers_in_encoder), self._closest)

    def _closest(self, frame_index: int, prompted: Sequence[int]) -> Collection[int]:
        selected, _ = self.model._select_closest_cond_frames(frame_index, dict.fromkeys(prompted), self._limit)
        found: Collection[int] = selected
        return found

    def steps(self, prompt: FramePrompt) -> Iterator[Step]:
        """Yield the mask, then the box and all points in one step."""
        return prompt.joined_steps()

    def computing(self) -> AbstractContextManager[None]:
        """Return the context of the model's computations (``inference``)."""
        return inference(self.model.device.type, bfloat16=self._bfloat16)

    def encode(self, picture: Picture) -> FrameFeatures:
        """Run the picture encoder, which is most of the work of a first click."""
        with self.computing():
            levels, position = self._encoded(self.to_input(picture).to(self.model.device))
        return FrameFeatures(tuple(levels), position, tuple(map(tuple, self.model.backbone_feature_sizes)))

    def to_input(self, picture: Picture) -> Any:
        """Return the frame as a (1, 3, size, size) float32 tensor, as the processor of transformers makes it."""
        import torch

        frames = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
        return self._processor(videos=[frames], return_tensors="pt").pixel_values_videos[0]

    def _encoded(self, tensor: Any) -> tuple[Sequence[Any], Any]:
        """Return the levels of an encoded frame, finest first, and the positional encoding of the coarsest."""
        outputs = self.model.get_image_features(tensor, return_dict=True)
        return outputs.fpn_hidden_states, outputs.fpn_position_encoding[-1]

    def ask(self, features: FrameFeatures, step: Step, place: Place, *, before: Remembered | None) -> Remembered:
        """Return the mask from the prompts of a frame, without memory. ``before`` is the result that they correct."""
        device = self.model.device
        given = None if step.mask is None else mask_input(step.mask, self.image_size).to(device)
        with self.computing():
            output = self._step(
                self._session(features, place, MemoryView({}, {})),
                place,
                is_init_cond_frame=True,
                point_inputs=self._points(step, place.size_wh) if given is None else None,
                mask_inputs=given,
                prev_sam_mask_logits=before and before.low_res_logits,
            )
            found = self._remembered(output)
        if given is not None:
            found.given, found.predicted_iou = given.bool(), given.new_ones(1)
        return found

    def follow(self, features: FrameFeatures, memories: MemoryView, place: Place) -> Remembered:
        """Return the mask on a frame without prompts, with its spatial memory."""
        with self.computing():
            output = self._step(self._session(features, place, memories), place, is_init_cond_frame=False)
            found = self._remembered(output)
            self._add_memory(found, features, from_person=False)
        return found

    def memorise(self, found: Remembered, features: FrameFeatures) -> None:
        """Add the spatial memory to the result on a prompted frame."""
        with self.computing():
            self._add_memory(found, features, from_person=True)

    def logits(self, found: Remembered, size_wh: SizeWH) -> Logits:
        """Return (H, W) float32 logits of the frame's size."""
        with self.computing():
            return frame_logits(found.low_res_logits, size_wh)

    def _session(self, features: FrameFeatures, place: Place, memories: MemoryView) -> Any:
        """Return a session of one object that holds one encoded frame, and the memory."""
        device, (width, height) = self.model.device, place.size_wh
        places = dict.fromkeys(("inference_device", "inference_state_device", "video_storage_device"), device)
        session = self.session_class(video_height=height, video_width=width, dtype=features.levels[0].dtype, **places)
        session.processed_frames = range(place.num_frames)  # only their number is read, because the frame is encoded
        session.cache.cache_vision_features(
            place.frame_index, {"vision_feats": list(features.levels), "vision_pos_embeds": [features.position]}
        )
        session.output_dict_per_obj[session.obj_id_to_idx(1)] = {
            "cond_frame_outputs": {i: _output(frame) for i, frame in memories.conditioning.items()},
            "non_cond_frame_outputs": {i: _output(frame) for i, frame in memories.passed.items()},
        }
        return session

    def _step(self, session: Any, place: Place, **inputs: Any) -> Output:
        absent = dict.fromkeys(("point_inputs", "mask_inputs", "prev_sam_mask_logits"))
        output: Output = self.model._run_single_frame_inference(
            inference_session=session,
            frame_idx=place.frame_index,
            obj_idx=0,
            batch_size=1,
            reverse=place.backwards,
            **self._options,
            **{**absent, **inputs},
        )
        return output

    def _remembered(self, output: Output) -> Remembered:
        # Of several masks the model uses the one with the highest predicted IoU.
        best = self._ious.flatten().amax(dim=0, keepdim=True)
        return Remembered(output["pred_masks"], output["object_pointer"], output["object_score_logits"], best)

    def _add_memory(self, found: Remembered, features: FrameFeatures, *, from_person: bool) -> None:
        if found.given is not None:
            high_res = found.given.to(found.low_res_logits.dtype) * GIVEN_SCALE + GIVEN_BIAS
        else:
            low_res = found.low_res_logits
            high_res = scaled(low_res.float(), size_hw=(self.image_size, self.image_size)).to(low_res.dtype)
        found.spatial, found.position = self.model._encode_new_memory(
            current_vision_feats=features.levels[-1],
            pred_masks_high_res=high_res,
            object_score_logits=found.object_score,
            is_mask_from_pts=from_person,
        )

    def _points(self, step: Step, size_wh: SizeWH) -> dict[str, Any]:
        """Return the box and points in pixels of the model's square input, as the processor of transformers does."""
        import torch

        corners = [] if step.box_xyxy is None else [step.box_xyxy[:2], step.box_xyxy[2:]]
        labels = [TOP_LEFT, BOTTOM_RIGHT][: len(corners)] + [int(point.positive) for point in step.points]
        points = torch.tensor([*corners, *((p.x, p.y) for p in step.points)], dtype=torch.float32)
        points = points * torch.tensor([self.image_size / size_wh[0], self.image_size / size_wh[1]])
        return {
            "point_coords": points[None, None].to(self.model.device),
            "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None].to(self.model.device),
        }


def _output(frame: Remembered) -> Output:
    return {
        "maskmem_features": frame.spatial,
        "maskmem_pos_enc": frame.position,
        "object_pointer": frame.pointer,
        "pred_masks": frame.low_res_logits,
        "object_score_logits": frame.object_score,
    }
