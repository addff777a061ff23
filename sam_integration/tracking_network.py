"""What the predictor needs of a model: a network that encodes frames, follows prompts, and tracks with a memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from sam_integration.features import FrameFeatures
from sam_integration.object_memory import MemoryView, Reach, Remembered
from sam_integration.preprocessing import Logits, Picture
from sam_integration.prompts import FramePrompt, Step

SizeWH = tuple[int, int]
"""Width, height in pixels."""


@dataclass(frozen=True)
class Place:
    """The frame of a step."""

    frame_index: int
    num_frames: int
    size_wh: SizeWH
    backwards: bool = False


@contextmanager
def inference(device_type: str, *, bfloat16: bool) -> Iterator[None]:
    """Within it, there are no gradients, and, if requested, bfloat16 where torch's autocast allows it."""
    import torch

    rounding = torch.autocast(device_type, dtype=torch.bfloat16) if bfloat16 else nullcontext()
    with torch.inference_mode(), rounding:
        yield


class TrackingNetwork(Protocol):
    """One model of the SAM 2 family. Calls do not affect each other's results."""

    @property
    def reach(self) -> Reach:
        """How far the model looks back."""
        ...

    def encode(self, picture: Picture) -> FrameFeatures:
        """Run the picture encoder. Any thread may call at any time."""
        ...

    def steps(self, prompt: FramePrompt) -> Iterator[Step]:
        """Yield the steps in which the model gets the prompts of a frame."""
        ...

    def ask(self, features: FrameFeatures, step: Step, place: Place, *, before: Remembered | None) -> Remembered:
        """Return the mask from the prompts of a frame, without memory. ``before`` is the result that they correct."""
        ...

    def follow(self, features: FrameFeatures, memories: MemoryView, place: Place) -> Remembered:
        """Return the mask on a frame without prompts, with its spatial memory."""
        ...

    def memorise(self, found: Remembered, features: FrameFeatures) -> None:
        """Add the spatial memory to the result on a prompted frame."""
        ...

    def logits(self, found: Remembered, size_wh: SizeWH) -> Logits:
        """Return (H, W) float32 logits of the frame's size."""
        ...
