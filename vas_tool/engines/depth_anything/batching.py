"""How many frames go through the network at once."""

from __future__ import annotations

import math

from vas_tool.engines.depth_anything.options import PATCH
from vas_tool.engines.depth_anything.pictures import SizeHW
from vas_tool.engines.depth_anything.sizes import Architecture

MOST = 16
"""More does not keep a GPU busier, and whoever waits for the engine or cancels waits for a whole batch."""
ON_CPU = 2
"""An eighth less processor time than one frame at a time, on two cores (``benchmarks/depth_speed.py``, small model: 3.1
instead of 3.6 s a frame); more would cost memory and make whoever cancels wait."""
SHARE = 0.5
"""Of the free memory: the estimate below is no measurement, and others use the GPU too."""


def numbers_per_frame(architecture: Architecture, size_hw: SizeHW) -> int:
    """About how many numbers the network holds at once for one frame, weights aside."""
    height, width = size_hw
    pixels, tokens = height * width, height * width / PATCH**2 + 1
    remembered = (architecture.num_blocks + 1) * tokens * architecture.width  # transformers keeps every block's answer
    block = 12 * tokens * architecture.width  # query, key, value, answer; the hidden layer, four times as wide, twice
    fusion = 4 * architecture.features * pixels * (8 / PATCH) ** 2  # four maps at 8 points a patch
    head = 2 * (architecture.features / 2 + 32) * pixels  # what goes in and out of the last convolutions
    return math.ceil(remembered + block + fusion + head)


def batch_size(architecture: Architecture, size_hw: SizeHW, *, device: str, bytes_a_number: int) -> int:
    """How many frames at once: as many as fit into SHARE of a CUDA device's free memory; ON_CPU elsewhere."""
    if not device.startswith("cuda"):
        return ON_CPU
    frame = numbers_per_frame(architecture, size_hw) * bytes_a_number
    return max(1, min(MOST, int(SHARE * _free_bytes(device) / frame)))


def _free_bytes(device: str) -> int:
    """What is free on the device, with what torch keeps for itself without using it."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + kept)
