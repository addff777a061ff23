"""Converts pictures to latents and back, and defines the noise levels, for tuning and generation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL, DDIMScheduler
from torch import Tensor
from torch.nn import functional

SCALE = 0.18215
"""Scale of latents in Stable Diffusion 1."""
DOWN = 8
"""Pixels per latent on each axis."""
PROMPT, NO_PROMPT = "a video of sks", ""


def noise_levels() -> DDIMScheduler:
    """Return the scheduler: 1000 levels, linear betas; 50 steps go from level 981 down to 1."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="linear",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="leading",
        prediction_type="epsilon",
    )


def as_signed(images: npt.NDArray[np.uint8]) -> Tensor:
    """Return pictures of 0..255 as float32 in -1..1."""
    return (torch.from_numpy(np.ascontiguousarray(images)).float() / 255 - 0.5) / 0.5


def encoded(vae: AutoencoderKL, pictures: Tensor, noise: Tensor, *, at_once: int = 8) -> Tensor:
    """Return a sample of latents (1, 4, F, h, w) of (F, 3, H, W) in -1..1, with standard normal noise (F, 4, h, w)."""
    device, dtype = vae.device, vae.dtype
    found = []
    for some, random in zip(pictures.split(at_once), noise.split(at_once), strict=True):
        with torch.no_grad():
            likely = vae.encode(some.to(device, dtype)).latent_dist
        found.append(likely.mean + likely.std * random.to(device, dtype))
    return (torch.cat(found) * SCALE).transpose(0, 1)[None]


def places_of(masks: npt.NDArray[np.bool_] | Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Return (F, 1, H, W) masks as (1, 1, F, h, w), by nearest neighbour: 1 where pixels are to be painted."""
    small = functional.interpolate(torch.as_tensor(masks).float(), size=size_hw, mode="nearest")
    return small.transpose(0, 1)[None]


def decoded(vae: AutoencoderKL, latents: Tensor) -> npt.NDArray[np.uint8]:
    """Return (4, F, h, w) latents as (F, H, W, 3), frame by frame, truncated as in the reference."""
    found = []
    for latent in latents.transpose(0, 1):
        with torch.no_grad():
            picture = vae.decode(latent[None].to(vae.dtype) / SCALE).sample[0]
        bounded = (picture.float() / 2 + 0.5).clamp(0, 1)
        found.append((bounded * 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy())
    return np.stack(found)
