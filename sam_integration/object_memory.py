"""The memory of tracking one object: the nearest prompted frames and the latest frames, nothing older."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
    given: Any = None
    """A given mask as the model's input, (1, 1, size, size) bool tensor, for models that make the memory from it."""


@dataclass(frozen=True)
class Reach:
    """How far a model looks back from a frame."""

    spatial: int
    """Frames whose spatial memory is kept."""
    pointer: int
    """Frames whose pointer is kept."""
    closest: Callable[[int, Sequence[int]], Collection[int]]
    """A function: (frame_index, prompted frames) -> those of them that the model selects there."""


@dataclass(frozen=True)
class MemoryView:
    """The memory of an object as the next step reads it: frame_index -> frame."""

    conditioning: dict[int, Remembered]
    """Prompted frames, in the order of the prompts."""
    passed: dict[int, Remembered]
    """The latest frames without prompts."""


class ObjectMemory:
    """The memory of one object that is tracked in one direction."""

    def __init__(self, reach: Reach, *, prompted: Sequence[int], recall: Callable[[int], Remembered]) -> None:
        """``recall`` returns a prompted frame with its spatial memory. It is called when the frame is near."""
        self._reach, self._prompted, self._recall = reach, list(prompted), recall
        self._conditioning: dict[int, Remembered] = {}
        self._passed: dict[int, Remembered] = {}

    def view(self, frame_index: int) -> MemoryView:
        """Return the memory for the step on a frame."""
        near = self._near(frame_index)
        # In the order of the prompts: the models sum attention in that order, which affects rounding.
        self._conditioning = {
            i: self._conditioning[i] if i in self._conditioning else self._recall(i)
            for i in self._prompted
            if i in near
        }
        return MemoryView(self._conditioning, self._passed)

    def _near(self, frame_index: int) -> set[int]:
        """Return the prompted frames that the step selects, and those in its range that it uses as latest frames."""
        selected = self._reach.closest(frame_index, self._prompted)
        return set(selected) | {i for i in self._prompted if abs(i - frame_index) <= self._reach.pointer}

    def remember(self, frame_index: int, remembered: Remembered) -> None:
        """Add the last frame, and remove frames that no later frame needs."""
        self._passed[frame_index] = remembered
        for i in list(self._passed):
            if abs(i - frame_index) >= self._reach.spatial:
                self._passed[i].spatial = None
            if abs(i - frame_index) >= self._reach.pointer:
                del self._passed[i]
