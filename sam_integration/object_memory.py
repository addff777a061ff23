"""The memory of tracking one object: the nearest prompted frames and the latest frames, nothing older."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_CONDITIONING_FRAMES = 16
"""With more prompted frames, only the nearest count. sam2 uses all, so that memory and time per frame would grow with
hundreds of accepted frames. Up to this number the result equals sam2's own."""


@dataclass
class Remembered:
    """One frame of one object in the memory, as the memory attention reads it."""

    low_res_logits: Any
    """(1, 1, size / 4, size / 4) float32 tensor."""
    pointer: Any
    """(1, channels) tensor."""
    object_score: Any
    """(1, 1) tensor, a logit."""
    predicted_iou: Any
    """(1,) tensor, 0..1. It is read only with the result, because reading it earlier would make the GPU wait."""
    spatial: Any = None
    """(1, channels, height, width) bfloat16 tensor; None until encoded, or when out of reach."""
    position: Any = None
    """Positional encoding of ``spatial``, the same for every frame."""

    def as_package_output(self) -> dict[str, Any]:
        """Return the frame under the keys of sam2's state.

        It is float32. sam2 passes bfloat16, which becomes the same float32 next to a pointer, and fails without one, on
        frames before the first prompt.
        """
        spatial = None if self.spatial is None else self.spatial.float()
        return {"maskmem_features": spatial, "maskmem_pos_enc": self.position, "obj_ptr": self.pointer}


class ObjectMemory:
    """The memory of one object that is tracked in one direction."""

    def __init__(self, model: Any, *, prompted: Sequence[int], recall: Callable[[int], Remembered]) -> None:
        """``recall`` returns a prompted frame with its spatial memory. It is called when the frame is near."""
        # Relative to the last frame, so that it can be requested again; the next frame needs one frame less.
        stride = model.memory_temporal_stride_for_eval
        self._spatial_reach = max(1, (model.num_maskmem - 2) * stride + 2)
        self._pointer_reach = max(self._spatial_reach, model.max_obj_ptrs_in_encoder)
        self._limit = model.max_cond_frames_in_attn
        self._prompted, self._recall = list(prompted), recall
        self._conditioning: dict[int, Remembered] = {}
        self._passed: dict[int, Remembered] = {}

    def view(self, frame_index: int) -> dict[str, dict[int, dict[str, Any]]]:
        """Return the ``output_dict`` of sam2's tracking step for a frame."""
        near = self._near(frame_index)
        # In the order of the prompts: sam2 sums attention in that order, which affects rounding.
        self._conditioning = {
            i: self._conditioning[i] if i in self._conditioning else self._recall(i)
            for i in self._prompted
            if i in near
        }
        return {
            "cond_frame_outputs": {i: r.as_package_output() for i, r in self._conditioning.items()},
            "non_cond_frame_outputs": {i: r.as_package_output() for i, r in self._passed.items()},
        }

    def _near(self, frame_index: int) -> set[int]:
        """Return the prompted frames that the step selects, and those in its range that it uses as latest frames."""
        if self._limit < 0 or len(self._prompted) <= self._limit:
            return set(self._prompted)
        from sam2.modeling.sam2_utils import select_closest_cond_frames

        selected, others = select_closest_cond_frames(frame_index, dict.fromkeys(self._prompted), self._limit)
        return set(selected) | {i for i in others if abs(i - frame_index) <= self._pointer_reach}

    def remember(self, frame_index: int, remembered: Remembered) -> None:
        """Add the last frame, and remove frames that no later frame needs."""
        self._passed[frame_index] = remembered
        for i in list(self._passed):
            if abs(i - frame_index) >= self._spatial_reach:
                self._passed[i].spatial = None
            if abs(i - frame_index) >= self._pointer_reach:
                del self._passed[i]
