"""Places the parts of the model on the device, and finds how many results fit into a GPU's memory."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from vas_tool.errors import EngineError

ACTIVATION_BYTES = 5 * 2**30
"""Memory of the UNet beside its weights at 256 x 512. The paper's supplement states 8 GB with all other parts moved
away, of which the weights are 3 GB."""
USED_SHARE = 0.8
"""Usable share of the free memory. The rest is lost to fragmentation."""


class Placement:
    """Keeps all parts on the device if they fit, else moves each part there while it works."""

    def __init__(self, parts: tuple[Any, ...], device: torch.device) -> None:
        self.device = device
        self.offloads = (
            bool(parts) and device.type == "cuda" and _num_bytes(parts) + ACTIVATION_BYTES > free_bytes(device)
        )
        for part in parts:
            part.to("cpu" if self.offloads else device)

    @contextmanager
    def at_work(self, part: Any, *, upcast: bool = False) -> Iterator[Any]:
        """Keep the part on the device in the block, in float32 with ``upcast``."""
        dtype, kept = part.dtype, torch.device("cpu") if self.offloads else self.device
        needed = torch.float32 if upcast else dtype
        try:
            yield _moved(part, self.device, needed)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                "the GPU's memory is full; close what else uses it, or choose the resolution 256x512"
            ) from error
        finally:
            _moved(part, kept, dtype)


def _moved(part: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Move a part and return it. torch's own method is used, because diffusers' ``to`` warns of every conversion."""
    if part.device.type != device.type or part.dtype != dtype:
        torch.nn.Module.to(part, device=device, dtype=dtype)
    return part


def _num_bytes(parts: tuple[Any, ...]) -> int:
    return sum(p.numel() * p.element_size() for part in parts for p in part.parameters())


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a CUDA device in bytes, including torch's own reserve."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


@dataclass
class BatchAttempt:
    """The outcome of a batch."""

    fitted: bool = True


class BatchSize:
    """The number of results that the UNet computes together. It is learned from the memory that one of them took."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._bytes_of_one = 0
        self._most = sys.maxsize

    def limit(self) -> int:
        """The number of results, at least 1. It is always 1 on a CPU, where larger batches only take more memory."""
        if self.device.type != "cuda" or not self._bytes_of_one:
            return 1
        return max(1, min(self._most, int(free_bytes(self.device) * USED_SHARE / self._bytes_of_one)))

    @contextmanager
    def learning(self, num_answers: int) -> Iterator[BatchAttempt]:
        """Measure the peak memory of the block. After a memory error the limit is halved."""
        attempt = BatchAttempt()
        if self.device.type != "cuda":
            yield attempt
            return
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        try:
            yield attempt
        except torch.OutOfMemoryError:
            if num_answers == 1:
                raise
            attempt.fitted, self._most = False, num_answers // 2
            return
        peak = torch.cuda.max_memory_allocated(self.device) - before
        self._bytes_of_one = max(self._bytes_of_one, peak // num_answers)


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Turn oneDNN off in the block.

    Its convolutions change a CPU's condition latents by up to 1e-4 from the reference's. Without oneDNN the difference
    is half of that on a CPU with AVX2. It does nothing on a GPU.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the switch warns about settings of absent GPUs
        with torch.backends.mkldnn.flags(enabled=False):
            yield
