"""The noise of every window of a clip. A frame has the same noise in all windows that contain it.

Windows with the same noise in their overlap differ less there: by 0.16 instead of 0.30 (tiny random weights,
``benchmarks/diffusion_vas_windows.py``). The first window has the noise that the released code draws for the seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from vas_tool.engines.diffusion_vas.denoising import Noise, draw_noise


def generator_of(seed: int, window_number: int) -> torch.Generator:
    """Return a CPU generator: with the seed itself for the first window, with one derived from it for the others."""
    if window_number:
        digest = hashlib.blake2b(f"{seed}/{window_number}".encode(), digest_size=8).digest()
        seed = int.from_bytes(digest) >> 1
    return torch.Generator("cpu").manual_seed(seed)


def drawn(
    seed: int, window_number: int, *, num_frames: int, size_hw: tuple[int, int], is_second_stage: bool = False
) -> Noise:
    """Return the noise that the released code draws for a window. Its second stage continues after the first."""
    generator = generator_of(seed, window_number)
    if is_second_stage:
        draw_noise(generator, num_frames=num_frames, size_hw=size_hw)
    return draw_noise(generator, num_frames=num_frames, size_hw=size_hw)


def window_noise(
    seed: int,
    window_number: int,
    windows: Sequence[range],
    *,
    length: int,
    size_hw: tuple[int, int],
    is_second_stage: bool = False,
) -> Noise:
    """Return the (length, ...) noise of a window. Each frame has the noise of the first window that contains it."""
    owners = first_windows(windows, window_number, length)
    noises = {
        number: drawn(seed, number, num_frames=length, size_hw=size_hw, is_second_stage=is_second_stage)
        for number in np.unique(owners[:, 0]).tolist()
    }
    return Noise(*(_gathered(noises, owners, name) for name in ("first", "second", "latents")))


def first_windows(windows: Sequence[range], window_number: int, length: int) -> npt.NDArray[np.int64]:
    """Return (length, 2): for each position, the first window that contains its frame, and the position there."""
    window = windows[window_number]
    if len(window) < length:  # a short clip: one padded window
        return np.array([(window_number, position) for position in range(length)], np.int64)
    first = [next(n for n, other in enumerate(windows) if index in other) for index in window]
    return np.array([(n, index - windows[n].start) for n, index in zip(first, window, strict=True)], np.int64)


def _gathered(noises: dict[int, Noise], owners: npt.NDArray[np.int64], name: str) -> torch.Tensor:
    if len(noises) == 1:
        (only,) = noises.values()
        whole: torch.Tensor = getattr(only, name)
        return whole
    return torch.stack([getattr(noises[number], name)[position] for number, position in owners.tolist()])
