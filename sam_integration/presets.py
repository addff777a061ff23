"""Exact or fast: the picture size and the number format that a model works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FAST_IMAGE_SIZE = 448
"""The released models' own is 1024. At 448 every stage of the picture encoder divides into its windows (8, 4, 14, 7
patches) without padding: at 512 the third stage would do 72 % more work for nothing."""


@dataclass(frozen=True)
class Preset:
    """How a model is run. ``EXACT`` gives the sam2 package's own answers."""

    name: str
    image_size: int | None
    """Side of the square that frames are scaled to, in pixels; None keeps the model's own (1024)."""
    bfloat16_on_cpu: bool
    """Whether to compute in bfloat16 where the processor has instructions for it."""


EXACT = Preset("exact", image_size=None, bfloat16_on_cpu=False)
FAST = Preset("fast", image_size=FAST_IMAGE_SIZE, bfloat16_on_cpu=True)


def uses_bfloat16(preset: Preset, device_type: str) -> bool:
    """Whether a model of this preset computes in bfloat16 on ``cuda``, ``mps`` or ``cpu``.

    On CUDA wherever the GPU has it, as in the package's own examples; on MPS never (its numbers drift:
    facebookresearch/sam2 #34).
    """
    if device_type == "cuda":
        return _gpu_has_bfloat16()
    return device_type == "cpu" and preset.bfloat16_on_cpu and _processor_has_bfloat16()


def _gpu_has_bfloat16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _processor_has_bfloat16() -> bool:
    import torch

    # Both are private in torch; where they are gone, the slower float32 is the safe answer.
    checks: list[Any] = [getattr(torch.cpu, n, None) for n in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(check() for check in checks if check is not None)


def best_device() -> str:
    """``cuda`` where there is one, else ``mps``, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
