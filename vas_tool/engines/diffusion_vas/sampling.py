"""Noise -> latents: noise levels, guided velocity, Euler's steps. First order; all chance is in the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import EulerDiscreteScheduler


@dataclass(frozen=True)
class NoiseLevels:
    """The tables of a run, from the stock scheduler."""

    sigmas: torch.Tensor
    """(num_steps + 1,) float32, falling, the last one 0."""
    timesteps: torch.Tensor
    """(num_steps,): 0.25 ln(sigma)."""
    initial_sigma: float
    """What the first noise is multiplied with."""


def noise_levels(config: Mapping[str, object], num_steps: int) -> NoiseLevels:
    """Of ``num_steps`` steps by the checkpoint's scheduler configuration."""
    scheduler = EulerDiscreteScheduler.from_config(dict(config))
    scheduler.set_timesteps(num_steps)
    return NoiseLevels(scheduler.sigmas, scheduler.timesteps, float(scheduler.init_noise_sigma))


@dataclass(frozen=True)
class Noise:
    """All that is drawn for a window, in float32 on the CPU, whatever the device."""

    first: torch.Tensor
    """(T, 3, H, W), for the first condition."""
    second: torch.Tensor
    """(T, 3, H, W), for the second condition."""
    latents: torch.Tensor
    """(T, 4, H / 8, W / 8)."""


def draw_noise(generator: torch.Generator, *, num_frames: int, size_hw: tuple[int, int]) -> Noise:
    """In the order of the released code: first condition, second condition, latents.

    The demo's second stage goes on with the generator of its first.
    """
    height, width = size_hw
    picture, latent = (num_frames, 1, 3, height, width), (1, num_frames, 4, height // 8, width // 8)
    first, second = (torch.randn(picture, generator=generator) for _ in range(2))
    return Noise(first[:, 0], second[:, 0], torch.randn(latent, generator=generator)[0])


def model_input(latents: torch.Tensor, conditions: torch.Tensor, sigma: float) -> torch.Tensor:
    """(B, T, 12, h, w): ``latents`` (B, T, 4, h, w) at noise level ``sigma``, and ``conditions`` (B, T, 8, h, w)."""
    return torch.cat([latents / (sigma**2 + 1) ** 0.5, conditions], dim=2)


def frame_guidance(low: float, high: float, num_frames: int) -> torch.Tensor:
    """(T, 1, 1, 1): ``high`` on the last frame, ``low`` on the first and evenly between; 0 as ``low``: no ramp."""
    return torch.linspace(low or high, high, num_frames).view(-1, 1, 1, 1)


def guided(velocity: torch.Tensor, guidance: torch.Tensor) -> torch.Tensor:
    """(N, 2, T, 4, h, w), unconditional and conditional, by ``frame_guidance`` -> (N, T, 4, h, w)."""
    unconditional, conditional = velocity.unbind(1)
    return unconditional + guidance * (conditional - unconditional)


def euler_step(latents: torch.Tensor, velocity: torch.Tensor, *, sigma: float, next_sigma: float) -> torch.Tensor:
    """The latents at ``next_sigma``, computed in float32.

    The stock scheduler's ``step``, without the noise that some of its versions draw from the global generator.
    """
    sample = latents.float()
    clean = velocity.float() * (-sigma / (sigma**2 + 1) ** 0.5) + sample / (sigma**2 + 1)
    return (sample + (sample - clean) / sigma * (next_sigma - sigma)).to(latents.dtype)
