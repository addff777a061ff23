"""Presets: the picture size and the number format of a model, exact or fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FAST_IMAGE_SIZE = 448
"""Side of the input of fast models. That of the released models is 1024. At 448, every stage of the picture encoder
divides into its windows (8, 4, 14, 7 patches) without padding. At 512, padding would add 72 % to the work of the third
stage."""


@dataclass(frozen=True)
class Preset:
    """How a model is run. ``EXACT`` gives sam2's own results."""

    name: str
    image_size: int | None
    """Side of the square input in pixels; None keeps the model's own (1024)."""
    bfloat16_on_cpu: bool
    """Whether to compute in bfloat16 on processors with instructions for it."""


EXACT = Preset("exact", image_size=None, bfloat16_on_cpu=False)
FAST = Preset("fast", image_size=FAST_IMAGE_SIZE, bfloat16_on_cpu=True)


def uses_bfloat16(preset: Preset, device_type: str) -> bool:
    """Return whether a model of this preset computes in bfloat16 on ``cuda``, ``mps`` or ``cpu``.

    On CUDA it does if the GPU supports it, as in sam2's own examples; on MPS never, because results drift there
    (facebookresearch/sam2 #34).
    """
    if device_type == "cuda":
        return gpu_has_bfloat16()
    return device_type == "cpu" and preset.bfloat16_on_cpu and processor_has_bfloat16()


def gpu_has_bfloat16() -> bool:
    """Return whether the GPU computes in bfloat16 itself."""
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def processor_has_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16, so that it is faster than float32."""
    import torch

    # Both functions are private in torch. If they are missing, the slower float32 is used.
    checks: list[Any] = [getattr(torch.cpu, n, None) for n in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(check() for check in checks if check is not None)


def best_device() -> str:
    """Return the best device: ``cuda``, else ``mps``, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
