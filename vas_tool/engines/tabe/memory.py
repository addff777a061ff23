"""How much of a GPU's memory TABE takes, and what it does where there is less: asked before it starts, and said.

The numbers are computed by ``benchmarks/tabe_cost.py --memory`` for the full-size network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor

from vas_tool.engines.diffusion_vas.placement import free_bytes
from vas_tool.errors import EngineError

GIGABYTE = 10**9
KEPT_BYTES = 21 * GIGABYTE
"""For tuning in float32 when all that the backward pass needs is kept: 18.8 GB for the network, 0.9 for the other
parts, and room between the blocks."""
RECOMPUTED_BYTES = 11 * GIGABYTE
"""The same when it is computed again in the backward pass: 8.7 GB and 0.9."""
AT_EASE_BYTES = 14 * GIGABYTE
"""For painting 64 frames, both halves of the guidance together, in half precision: 12.2 GB and 0.4."""
SLICED_FRAMES = 4
"""Frames whose places are compared at once where no kernel does without the table of scores: 1.1 GB in float16 at 512
x 512."""


@dataclass(frozen=True)
class MemoryPlan:
    """What TABE does to fit."""

    keeps_all: bool = True
    """Keep what the backward pass of tuning needs; else compute it again, which takes a third more time."""
    offloads: bool = False
    """While a part of the model does not work, it lies in the computer's own memory."""
    slices: bool = False
    """Compare the places of few frames at once."""
    words: str = ""
    """What the person is told of it; empty when nothing is done to fit."""


def memory_plan(device: torch.device) -> MemoryPlan:
    """What fits now. Raises EngineError when too little memory is free."""
    if device.type != "cuda":
        return MemoryPlan(keeps_all=False, slices=True)
    return planned(free_bytes(device))


def planned(free: int) -> MemoryPlan:
    """For a CUDA GPU with ``free`` bytes free."""
    if free < RECOMPUTED_BYTES:
        raise EngineError(
            f"TABE needs {RECOMPUTED_BYTES / GIGABYTE:.0f} GB of the GPU's memory, and {free / GIGABYTE:.0f} GB are "
            "free; close what else uses the GPU, or choose another engine"
        )
    if free >= KEPT_BYTES:
        return MemoryPlan()
    offloads = free < AT_EASE_BYTES
    moved = ", and parts that did not work waited in the computer's memory" if offloads else ""
    words = (
        f"tuning TABE at full speed needs {KEPT_BYTES / GIGABYTE:.0f} GB of the GPU's memory, and "
        f"{free / GIGABYTE:.0f} GB were free: intermediate results were computed again instead of kept (a third more "
        f"time){moved}"
    )
    return MemoryPlan(keeps_all=False, offloads=offloads, words=words)


class SlicedAttention(AttnProcessor2_0):
    """The stock attention, a few frames at a time: each frame looks only at itself and at the text."""

    def __call__(
        self,
        attn: object,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        *args: object,
        **kwargs: object,
    ) -> Tensor:
        """(N, ...) -> the same shape."""
        frames = hidden_states.split(SLICED_FRAMES)
        texts = [None] * len(frames) if encoder_hidden_states is None else encoder_hidden_states.split(SLICED_FRAMES)
        stock = super().__call__
        return torch.cat([stock(attn, *pair, *args, **kwargs) for pair in zip(frames, texts, strict=True)])
