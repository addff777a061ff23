"""All chance of one step, drawn before it: the order is that of the released training scripts.

Source: Kaihua-Chen/diffusion-vas, ``train/train_diffusion_vas_amodal_segm.py`` and ``..._content_comp.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from vas_tool.training.diffusion_vas.recipe import Recipe

LATENT_CHANNELS, SHRINKING = 4, 8
"""Of the VAE."""


@dataclass(frozen=True)
class Draws:
    """Standard normal float32 on the CPU, and numbers of 0..1; ``(T, 4, h, w)`` with h, w an eighth of the picture."""

    target: Tensor
    """(T, 4, h, w), for the sample of the target's latents."""
    latents: Tensor
    """(T, 4, h, w): the noise that is to be removed."""
    condition_level: Tensor
    """(1,): chooses how much noise both conditions get."""
    first_pixels: Tensor
    """(T, 3, H, W)."""
    first: Tensor
    """(T, 4, h, w), for the sample of the first condition's latents."""
    second_pixels: Tensor
    second: Tensor
    level: Tensor
    """(1,): chooses the noise level of the step."""
    dropout: float
    """p."""


def draw(generator: torch.Generator, *, num_frames: int, size_hw: tuple[int, int], dropout: float) -> Draws:
    """All draws of one clip. ``dropout`` comes from a generator of its own: ``dropout_draws``.

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
    """Those of the ``position``-th draw of a run: the same whenever it is asked for, so that a run can go on."""
    digest = hashlib.blake2b(f"{recipe.seed}/{position}".encode(), digest_size=8).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest) >> 1)
    return draw(generator, num_frames=recipe.num_frames, size_hw=recipe.size_hw, dropout=dropout)


class DropoutDraws:
    """p of every draw, in 0..1: the released sequence of a seed (23: .428258 .288863 .422427 ...), one number a draw.

    In the released scripts validation takes from the same sequence, and a resume begins it again; here neither does.
    """

    def __init__(self, seed: int) -> None:
        self._generator, self._known = torch.Generator("cpu").manual_seed(seed), list[float]()

    def __getitem__(self, position: int) -> float:
        while len(self._known) <= position:
            self._known.append(float(torch.rand(1, generator=self._generator)))
        return self._known[position]
