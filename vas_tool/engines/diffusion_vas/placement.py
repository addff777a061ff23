"""Where the parts lie while they do not work, and how much fits: a GPU's memory, and the CPU's exactness."""

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
"""What the UNet needs beside its weights at 256 x 512: the paper's supplement tells of 8 GB with all other parts moved
away, of which the weights are 3."""
USED_SHARE = 0.8
"""Of the free memory: the rest is lost between the blocks."""


class Placement:
    """Keeps every part on the device when the device has room for all, else brings each there to work."""

    def __init__(self, parts: tuple[Any, ...], device: torch.device) -> None:
        self.device = device
        self.offloads = device.type == "cuda" and _num_bytes(parts) + ACTIVATION_BYTES > free_bytes(device)
        for part in parts:
            part.to("cpu" if self.offloads else device)

    @contextmanager
    def at_work(self, part: Any, *, upcast: bool = False) -> Iterator[Any]:
        """The part on the device, in float32 when ``upcast``, as long as it lasts."""
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
    """The part itself. Moved by torch's own means: diffusers' ``to`` warns of every conversion."""
    if part.device.type != device.type or part.dtype != dtype:
        torch.nn.Module.to(part, device=device, dtype=dtype)
    return part


def _num_bytes(parts: tuple[Any, ...]) -> int:
    return sum(p.numel() * p.element_size() for part in parts for p in part.parameters())


def free_bytes(device: torch.device) -> int:
    """Of a CUDA device, with what torch itself keeps in reserve."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


@dataclass
class Tried:
    """How a batch went."""

    fitted: bool = True


class BatchSize:
    """How many answers the UNet works on at once: learned from what one of them took."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._bytes_of_one = 0
        self._most = sys.maxsize

    def limit(self) -> int:
        """At least 1; on the CPU always 1, where a larger batch only takes more memory."""
        if self.device.type != "cuda" or not self._bytes_of_one:
            return 1
        return max(1, min(self._most, int(free_bytes(self.device) * USED_SHARE / self._bytes_of_one)))

    @contextmanager
    def learning(self, num_answers: int) -> Iterator[Tried]:
        """Measures the peak of what happens inside. When memory is full, from now on half as many go at once."""
        tried = Tried()
        if self.device.type != "cuda":
            yield tried
            return
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        try:
            yield tried
        except torch.OutOfMemoryError:
            if num_answers == 1:
                raise
            tried.fitted, self._most = False, num_answers // 2
            return
        peak = torch.cuda.max_memory_allocated(self.device) - before
        self._bytes_of_one = max(self._bytes_of_one, peak // num_answers)


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Without oneDNN, whose convolutions round a CPU's condition latents up to 1e-4 away from the reference's.

    Half of that without it, on a CPU with AVX2. Does nothing on a GPU.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the switch asks for settings of GPUs that are not there, and says so
        with torch.backends.mkldnn.flags(enabled=False):
            yield
