"""Sampling: noise levels, guided velocity, Euler steps of first order. Only the initial noise is random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import EulerDiscreteScheduler


@dataclass(frozen=True)
class NoiseLevels:
    """The noise levels of a run, from diffusers' scheduler."""

    sigmas: torch.Tensor
    """(num_steps + 1,) float32, descending; the last is 0."""
    timesteps: torch.Tensor
    """(num_steps,) 0.25 ln(sigma)."""
    initial_sigma: float
    """Factor of the initial noise."""


def noise_levels(config: Mapping[str, object], num_steps: int) -> NoiseLevels:
    """Return the noise levels of ``num_steps`` steps for the checkpoint's scheduler configuration."""
    scheduler = EulerDiscreteScheduler.from_config(dict(config))
    scheduler.set_timesteps(num_steps)
    return NoiseLevels(scheduler.sigmas, scheduler.timesteps, float(scheduler.init_noise_sigma))


@dataclass(frozen=True)
class Noise:
    """All random numbers of a window, in float32 on the CPU for any device."""

    first: torch.Tensor
    """(T, 3, H, W) noise of the first condition."""
    second: torch.Tensor
    """(T, 3, H, W) noise of the second condition."""
    latents: torch.Tensor
    """(T, 4, H / 8, W / 8) initial latents."""


def draw_noise(generator: torch.Generator, *, num_frames: int, size_hw: tuple[int, int]) -> Noise:
    """Return noise in the order of the released code: first condition, second condition, latents.

    The demo's second stage continues with the generator of its first.
    """
    height, width = size_hw
    picture, latent = (num_frames, 1, 3, height, width), (1, num_frames, 4, height // 8, width // 8)
    first, second = (torch.randn(picture, generator=generator) for _ in range(2))
    return Noise(first[:, 0], second[:, 0], torch.randn(latent, generator=generator)[0])


def model_input(latents: torch.Tensor, conditions: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return (B, T, 12, h, w): ``latents`` (B, T, 4, h, w) at noise level ``sigma``, and ``conditions`` (B, T, 8,
    h, w).
    """
    return torch.cat([latents / (sigma**2 + 1) ** 0.5, conditions], dim=2)


def frame_guidance(low: float, high: float, num_frames: int) -> torch.Tensor:
    """Return (T, 1, 1, 1): ``low`` on the first frame, growing evenly to ``high`` on the last; all ``high`` if
    ``low`` is 0.
    """
    return torch.linspace(low or high, high, num_frames).view(-1, 1, 1, 1)


def guided(velocity: torch.Tensor, guidance: torch.Tensor) -> torch.Tensor:
    """Return the guided (N, T, 4, h, w) of (N, 2, T, 4, h, w) velocities, unconditional and conditional."""
    unconditional, conditional = velocity.unbind(1)
    return unconditional + guidance * (conditional - unconditional)


def euler_step(latents: torch.Tensor, velocity: torch.Tensor, *, sigma: float, next_sigma: float) -> torch.Tensor:
    """Return the latents at ``next_sigma``, computed in float32.

    It is ``step`` of diffusers' scheduler, without the noise that some of its versions draw from the global generator.
    """
    sample = latents.float()
    clean = velocity.float() * (-sigma / (sigma**2 + 1) ** 0.5) + sample / (sigma**2 + 1)
    return (sample + (sample - clean) / sigma * (next_sigma - sigma)).to(latents.dtype)
