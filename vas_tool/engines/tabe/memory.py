"""The GPU memory that TABE needs, and what it does to fit into less.

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
"""Memory for tuning in float32 with all intermediate results kept: 18.8 GB for the network, 0.9 GB for the autoencoder
and the text encoder, and gaps of the allocator."""
RECOMPUTED_BYTES = 11 * GIGABYTE
"""Memory for tuning in float32 with gradient checkpointing: 8.7 GB and 0.9 GB, and gaps."""
AT_EASE_BYTES = 14 * GIGABYTE
"""Memory for painting 64 frames in float16, both halves of the guidance in one batch: 12.1 GB and 0.4 GB, and gaps."""
SLICED_FRAMES = 4
"""Frames whose attention is computed at once without a fused kernel: 1.1 GB of scores in float16 at 512 x 512."""


@dataclass(frozen=True)
class MemoryPlan:
    """What TABE does to fit into the free memory."""

    keeps_all: bool = True
    """Keep the intermediate results of tuning. False: gradient checkpointing, which takes a third more operations."""
    offloads: bool = False
    """Move a part of the model to the computer's memory while it is idle."""
    slices: bool = False
    """Compute the attention of few frames at once."""
    words: str = ""
    """Message for the user; empty when nothing is done to fit."""


def memory_plan(device: torch.device) -> MemoryPlan:
    """Return the plan that fits into the memory that is free now. Raises EngineError when too little is free."""
    if device.type != "cuda":
        return MemoryPlan(keeps_all=False, slices=True)
    return planned(free_bytes(device))


def planned(free: int) -> MemoryPlan:
    """Return the plan for a CUDA GPU with ``free`` free bytes. Raises EngineError when these are too few."""
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
        f"{free / GIGABYTE:.0f} GB were free: intermediate results were computed again instead of kept (a third "
        f"more operations){moved}"
    )
    return MemoryPlan(keeps_all=False, offloads=offloads, words=words)


class SlicedAttention(AttnProcessor2_0):
    """The stock attention for a few frames at a time. A frame attends only to itself and to the text."""

    def __call__(
        self,
        attn: object,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        *args: object,
        **kwargs: object,
    ) -> Tensor:
        """Return attention of the shape of ``hidden_states``, (N, ...)."""
        frames = hidden_states.split(SLICED_FRAMES)
        texts = [None] * len(frames) if encoder_hidden_states is None else encoder_hidden_states.split(SLICED_FRAMES)
        stock = super().__call__
        return torch.cat([stock(attn, *pair, *args, **kwargs) for pair in zip(frames, texts, strict=True)])
