"""All random numbers of one step, drawn before it, in the order of the released training scripts.

Source: Kaihua-Chen/diffusion-vas, ``train/train_diffusion_vas_amodal_segm.py`` and ``..._content_comp.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from vas_tool.training.diffusion_vas.recipe import Recipe

LATENT_CHANNELS, SHRINKING = 4, 8
"""Channels of the VAE's latents, and picture size divided by latent size."""


@dataclass(frozen=True)
class Draws:
    """The random numbers of a clip: standard normal float32 on the CPU, and numbers in 0..1. h and w are an eighth of
    the picture.
    """

    target: Tensor
    """(T, 4, h, w) for sampling the target's latents."""
    latents: Tensor
    """(T, 4, h, w) the noise that the network learns to remove."""
    condition_level: Tensor
    """(1,) in 0..1, for the strength of the noise on both conditions."""
    first_pixels: Tensor
    """(T, 3, H, W) noise on the pixels of a condition."""
    first: Tensor
    """(T, 4, h, w) for sampling the first condition's latents."""
    second_pixels: Tensor
    second: Tensor
    level: Tensor
    """(1,) in 0..1, for the noise level of the step."""
    dropout: float
    """The number p in 0..1 that decides what is dropped (``training_step.dropped``)."""


def draw(generator: torch.Generator, *, num_frames: int, size_hw: tuple[int, int], dropout: float) -> Draws:
    """Return all draws of one clip. ``dropout`` comes from another generator (``DropoutDraws``).

    The reference also samples the latents of both clean conditions, and uses neither: two draws are thrown away.
    """
    height, width = size_hw
    latent = (num_frames, LATENT_CHANNELS, height // SHRINKING, width // SHRINKING)
    picture = (1, num_frames, 3, height, width)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def uniform() -> Tensor:
        return torch.rand(1, generator=generator)

    normal(*latent)
    target = normal(*latent)
    normal(*latent)
    noise, level_of_conditions = normal(1, *latent)[0], uniform()
    first_pixels, first = normal(*picture)[0], normal(*latent)
    second_pixels, second = normal(*picture)[0], normal(*latent)
    return Draws(
        target, noise, level_of_conditions, first_pixels, first, second_pixels, second, uniform(), dropout=dropout
    )


def draws_of(recipe: Recipe, position: int, *, dropout: float) -> Draws:
    """Return the ``position``-th draws of a run. They depend on seed and position alone, so a run can resume."""
    digest = hashlib.blake2b(f"{recipe.seed}/{position}".encode(), digest_size=8).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest) >> 1)
    return draw(generator, num_frames=recipe.num_frames, size_hw=recipe.size_hw, dropout=dropout)


class DropoutDraws:
    """The number p in 0..1 of every draw: the released sequence of a seed (23: .428258 .288863 .422427 ...), one number
    per draw.

    In the released scripts validation takes from the same sequence, and a resume begins it again; here neither does.
    """

    def __init__(self, seed: int) -> None:
        self._generator, self._known = torch.Generator("cpu").manual_seed(seed), list[float]()

    def __getitem__(self, position: int) -> float:
        while len(self._known) <= position:
            self._known.append(float(torch.rand(1, generator=self._generator)))
        return self._known[position]
