"""Chooses how many frames the network computes together."""

from __future__ import annotations

import math

from vas_tool.engines.depth_anything.released import Architecture
from vas_tool.engines.depth_anything.resizing import SizeHW
from vas_tool.engines.depth_anything.settable import PATCH

MOST = 16
"""Largest batch. A larger one does not use a GPU better, and cancelling waits for a whole batch."""
ON_CPU = 2
"""Batch on a CPU. It takes an eighth less processor time than single frames (``benchmarks/depth_speed.py``, small
model, two cores: 3.1 instead of 3.6 s per frame). A larger batch would take more memory and delay cancelling."""
SHARE = 0.5
"""Usable share of the free memory, because the estimate is rough and other programs use the GPU, too."""


def numbers_per_frame(architecture: Architecture, size_hw: SizeHW) -> int:
    """Return an estimate of how many numbers the network holds for one frame, without weights."""
    height, width = size_hw
    pixels, tokens = height * width, height * width / PATCH**2 + 1
    remembered = (architecture.num_blocks + 1) * tokens * architecture.width  # transformers keeps every block's answer
    block = 12 * tokens * architecture.width  # query, key, value, answer; the hidden layer, four times as wide, twice
    fusion = 4 * architecture.features * pixels * (8 / PATCH) ** 2  # four maps at 8 points a patch
    head = 2 * (architecture.features / 2 + 32) * pixels  # what goes in and out of the last convolutions
    return math.ceil(remembered + block + fusion + head)


def batch_size(architecture: Architecture, size_hw: SizeHW, *, device: str, bytes_a_number: int) -> int:
    """Return the batch size: what fits into SHARE of a CUDA device's free memory; ON_CPU elsewhere."""
    if not device.startswith("cuda"):
        return ON_CPU
    frame = numbers_per_frame(architecture, size_hw) * bytes_a_number
    return max(1, min(MOST, int(SHARE * free_bytes(device) / frame)))


def free_bytes(device: str) -> int:
    """Return the free memory of the device in bytes, including torch's unused reserve."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + kept)
