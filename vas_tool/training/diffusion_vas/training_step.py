"""One step's arithmetic: conditions with noise on them, noisy latents, what the UNet is given, and the loss.

Source: the released training scripts (Kaihua-Chen/diffusion-vas), which follow EDM (Karras et al. 2022, table 1) as
Stable Video Diffusion does (Blattmann et al. 2023, section D.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vas_tool.engines.diffusion_vas.conditioning import added_time_ids
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.step_draws import Draws

CONDITION_LEVELS, LEVELS = (-3.0, 0.5), (0.7, 1.6)
"""Mean and deviation of ln(sigma) of the noise on the conditions, and of the noise on the target."""
EDGE = 1e-7
"""Distance of uniform numbers from 0 and 1, where the inverse of the normal distribution is infinite."""

Network = Callable[..., Tensor]
"""A function: (sample (1, T, C, h, w), timestep, tokens= (1, T, D), added_time_ids= (1, 3)) -> velocity (1, T, 4, h,
w)."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of one clip: (T, 3, H, W) float32 in -1..1, contiguous."""

    first: Tensor
    """The first condition: modal masks (amodal stage), or the visible colours on white (content stage)."""
    second: Tensor
    """The second condition: depth (amodal stage), or amodal masks (content stage)."""
    target: Tensor
    """The target: amodal masks (amodal stage), or the colours of the whole object on white (content stage)."""
    weights: Tensor | None = None
    """(T, 1, h, w) weights of the loss, at the latents' size; None for 1 everywhere, as in the reference."""


@dataclass(frozen=True)
class Gaussian:
    """The output of a VAE's encoder: (T, 4, h, w) mean and deviation, without scaling."""

    mean: Tensor
    deviation: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return the sample that standard normal ``noise`` of the same shape gives."""
        return self.mean + self.deviation * noise.to(self.mean)


@dataclass(frozen=True)
class Encoded:
    """The encoded form of a clip."""

    target: Tensor
    """(T, 4, h, w) scaled latents of the target."""
    conditions: Tensor
    """(T, 8, h, w) unscaled latents of both conditions."""
    tokens: Tensor
    """(T, D) CLIP's embedding of each frame of the first condition, without noise."""
    condition_sigma: Tensor
    """(1,) strength of the noise on both conditions, in the latents' number format."""
    weights: Tensor | None = None
    """(T, 1, h, w) weights of the loss; None for 1."""


@dataclass(frozen=True)
class UnetInput:
    """The input of the UNet in one step."""

    noisy: Tensor
    """(T, 4, h, w) float32 noisy latents."""
    sample: Tensor
    """(T, C, h, w) noisy latents, scaled to about unit variance, and the conditions."""
    tokens: Tensor
    """(T, D) tokens; zeros when they are dropped."""
    sigma: Tensor
    """(1,) float32 strength of the noise."""
    timestep: Tensor
    """(1,) ln(sigma) / 4."""
    ids: Tensor
    """(3,) frame rate, motion, and strength of the noise on the conditions."""
    tokens_dropped: bool
    conditions_dropped: bool


def log_normal(uniform: Tensor, mean: float, deviation: float) -> Tensor:
    """Return exp(inverse of the normal distribution at ``uniform``), where ``uniform`` is in 0..1."""
    inside = uniform * (1 - 2 * EDGE) + EDGE
    return torch.distributions.Normal(mean, deviation).icdf(inside).exp()


def encode(
    pictures: Pictures,
    draws: Draws,
    *,
    encoders: Any,
    both: bool = True,
    target: Gaussian | None = None,
    tokens: Tensor | None = None,
) -> Encoded:
    """Return a clip encoded by ``encoders`` (``frozen_encoders.Encoders``), in their number format.

    ``both``: whether the second condition is looked at; zeros else. ``target``, ``tokens``: where they are known.
    """
    sigma = log_normal(draws.condition_level, *CONDITION_LEVELS).to(encoders.dtype)
    wanted = (encoders.gaussian(pictures.target) if target is None else target).sample(draws.target)
    conditions = noisy_conditions(pictures, draws, sigma=sigma, encoders=encoders, both=both)
    samples = [g.sample(n) for g, n in zip(conditions, (draws.first, draws.second), strict=False)]
    samples += [] if both else [torch.zeros_like(samples[0])]
    return encoded(
        wanted * encoders.scale,
        samples,
        tokens=encoders.embeddings(pictures.first) if tokens is None else tokens,
        sigma=sigma,
        scale=encoders.scale,
        weights=pictures.weights,
    )


def noisy_conditions(
    pictures: Pictures, draws: Draws, *, sigma: Tensor, encoders: Any, both: bool = True
) -> list[Gaussian]:
    """Return the VAE's output for both conditions, or the first alone, with noise of strength ``sigma``."""
    pixels = [(pictures.first, draws.first_pixels), (pictures.second, draws.second_pixels)][: 1 + both]
    return [
        encoders.gaussian(unet_in.to(encoders.dtype) + sigma * noise.to(encoders.dtype)) for unet_in, noise in pixels
    ]


def encoded(
    target: Tensor,
    samples: list[Tensor],
    *,
    tokens: Tensor,
    sigma: Tensor,
    scale: float,
    weights: Tensor | None = None,
) -> Encoded:
    """Return the encoded clip. The reference multiplies the conditions by ``scale`` and divides again: in half
    precision that
    rounds twice.
    """
    return Encoded(target, torch.cat([one * scale / scale for one in samples], dim=1), tokens, sigma, weights)


def unet_input(clip: Encoded, draws: Draws, recipe: Recipe) -> UnetInput:
    """Return the UNet's input: the target with noise, and the conditions without those that are dropped."""
    device = clip.target.device
    sigma = log_normal(draws.level, *LEVELS).to(device)
    noisy = clip.target + sigma * draws.latents.to(clip.target)
    tokens_dropped, conditions_dropped = dropped(draws.dropout, recipe)
    conditions = torch.zeros_like(clip.conditions) if conditions_dropped else clip.conditions
    conditions = conditions[:, : recipe.input_channels - noisy.shape[1]]
    fps = recipe.fps - 1 if recipe.fps_minus_one else recipe.fps
    ids = added_time_ids(fps, recipe.motion_bucket, 0.0).to(clip.condition_sigma)
    ids[-1] = clip.condition_sigma[0]
    return UnetInput(
        noisy,
        torch.cat([noisy / (sigma**2 + 1) ** 0.5, conditions.to(device)], dim=1),
        torch.zeros_like(clip.tokens) if tokens_dropped else clip.tokens,
        sigma,
        0.25 * sigma.log(),
        ids,
        tokens_dropped,
        conditions_dropped,
    )


def dropped(p: float, recipe: Recipe) -> tuple[bool, bool]:
    """Return whether the tokens, and whether the conditions' latents, are dropped. Compared in float32, as on a
    tensor.
    """
    drawn, d = torch.tensor(p, dtype=torch.float32), recipe.conditioning_dropout_prob
    if recipe.dropout == "together":
        both = bool(drawn < d)
        return both, both
    return bool(drawn < 2 * d), bool((drawn >= d) & (drawn < 3 * d))


def denoised(velocity: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Return the clean latents that follow from the UNet's velocity."""
    return velocity * (-sigma / (sigma**2 + 1) ** 0.5) + noisy / (sigma**2 + 1)


def loss_of(velocity: Tensor, unet_in: UnetInput, clip: Encoded) -> Tensor:
    """Return the mean squared error of the clean latents, weighted by (1 + sigma^2) / sigma^2, in float32."""
    clean = denoised(velocity.float(), unet_in.noisy.float(), unet_in.sigma)
    wrong = (1 + unet_in.sigma**2) / unet_in.sigma**2 * (clean - clip.target.float()) ** 2
    return wrong.mean() if clip.weights is None else (wrong * clip.weights.to(wrong)).mean()


def velocity_of(network: Network, unet_in: UnetInput) -> Tensor:
    """Return the UNet's velocity (T, 4, h, w)."""
    answer = network(
        unet_in.sample[None], unet_in.timestep, tokens=unet_in.tokens[None], added_time_ids=unet_in.ids[None]
    )
    return answer[0]


def to_device(clip: Encoded, device: torch.device) -> Encoded:
    """Return the clip with every tensor on a device."""
    moved = {name: value.to(device) for name, value in vars(clip).items() if isinstance(value, Tensor)}
    return replace(clip, **moved)
