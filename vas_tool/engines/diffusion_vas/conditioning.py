"""Encodes a window's two conditions into the inputs of the UNet: CLIP tokens and latents.

Conditions are (T, 3, H, W) float32 in -1..1. The first is the modal mask or the modal colours, the second the depth or
the amodal mask.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import conv2d, interpolate, pad

from vas_tool.engines.diffusion_vas.parameters import ClipLayout

CLIP_SIZE = 224
MIN_SIGMA = 0.001
"""Sigma of the blur where no blur is needed (diffusers' value)."""
ENCODE_BATCH = 8
"""Frames per batch of the VAE and CLIP on a GPU. On a CPU, single frames are faster because of its caches
(measured)."""


def clip_pictures(
    pictures: torch.Tensor, *, mean: tuple[float, ...], std: tuple[float, ...], size: int = CLIP_SIZE
) -> torch.Tensor:
    """Return (T, 3, H, W) pictures in -1..1 as CLIP's input, (T, 3, size, size)."""
    small = (clip_resize(pictures, size) + 1) / 2
    shape = (1, 3, 1, 1)
    return (small - small.new_tensor(mean).view(shape)) / small.new_tensor(std).view(shape)


def clip_resize(pictures: torch.Tensor, size: int = CLIP_SIZE) -> torch.Tensor:
    """Return (T, C, H, W) as (T, C, size, size): a Gaussian blur, then bicubic with corners aligned, as in diffusers.

    Along each axis with ``factor`` = old / new size: sigma = (factor - 1) / 2, kernel of 4 sigma, odd and at least 3.
    """
    sigmas = [max((side / size - 1) / 2, MIN_SIGMA) for side in pictures.shape[-2:]]
    kernel_y, kernel_x = (gaussian_kernel(sigma).to(pictures) for sigma in sigmas)
    num_channels = pictures.shape[1]
    reach_x, reach_y = len(kernel_x) // 2, len(kernel_y) // 2
    across = pad(pictures, (reach_x, reach_x, 0, 0), mode="reflect")
    blurred = conv2d(across, kernel_x.view(1, 1, 1, -1).expand(num_channels, -1, -1, -1), groups=num_channels)
    down = pad(blurred, (0, 0, reach_y, reach_y), mode="reflect")
    blurred = conv2d(down, kernel_y.view(1, 1, -1, 1).expand(num_channels, -1, -1, -1), groups=num_channels)
    return interpolate(blurred, size=(size, size), mode="bicubic", align_corners=True)


def gaussian_kernel(sigma: float) -> torch.Tensor:
    """Return (k,) Gaussian weights that sum to 1."""
    num = int(max(4 * sigma, 3))
    num += 1 - num % 2
    x = torch.arange(num, dtype=torch.float32) - num // 2
    weights = torch.exp(-(x**2) / (2 * sigma**2))
    return weights / weights.sum()


def clip_embeddings(encoder: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Return (T, D) CLIP's embedding of each of ``clip_pictures``."""
    batches = pictures.to(encoder.dtype).split(_batch_size(pictures))
    return torch.cat([encoder(batch).image_embeds for batch in batches])


def tokens(embeddings: torch.Tensor, *, layout: ClipLayout, is_guided: bool = True) -> torch.Tensor:
    """Return (2, T, K, D): the K tokens that each frame sees, unconditional sample first; (1, T, K, D) without
    guidance.

    ``embeddings`` is (T, D). The released code interleaves zeros and embeddings, z p0 z p1 ..., and takes the first T
    rows for the unconditional frames and the last T for the conditional ones. With T = 25, unconditional frame 2 k + 1
    sees p[k], conditional frame 2 k sees p[12 + k], and all others see zeros. In temporal attention, all frames of a
    sample see what its frame 0 sees.
    """
    num_frames = len(embeddings)
    conditional = embeddings[None].expand(num_frames, -1, -1) if layout == "all_tokens" else embeddings[:, None]
    if not is_guided:
        return conditional[None].contiguous()
    if layout == "reference":
        rows = torch.stack([torch.zeros_like(embeddings), embeddings], dim=1).flatten(0, 1)  # (2 T, D)
        return rows.view(2, num_frames, 1, -1)
    return torch.stack([torch.zeros_like(conditional), conditional])


def guessed_range(pictures: torch.Tensor) -> torch.Tensor:
    """Return (T, 3, H, W) pictures. A frame without negative numbers counts as 0..1 and is stretched to -1..1.

    diffusers' VaeImageProcessor does this in the released pipeline, frame by frame.
    """
    is_unsigned = pictures.amin(dim=(1, 2, 3), keepdim=True) >= 0
    return torch.where(is_unsigned, 2 * pictures - 1, pictures)


def condition_latents(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Return (T, 4, H / 8, W / 8) the mode of the VAE's posterior, without its scaling factor.

    The memory is contiguous, because channels-last memory changes the latents by 8e-4.
    """
    batches = pictures.to(vae.dtype).contiguous().split(_batch_size(pictures))
    return torch.cat([vae.encode(batch).latent_dist.mode() for batch in batches])


def _batch_size(pictures: torch.Tensor) -> int:
    return 1 if pictures.device.type == "cpu" else ENCODE_BATCH


def decoded(vae: Any, latents: torch.Tensor, *, chunk: int) -> torch.Tensor:
    """Return (T, 4, h, w) latents as (T, 3, H, W) float32 pictures in 0..1. The decoder mixes the frames of a chunk."""
    unscaled = latents.to(vae.dtype) / vae.config.scaling_factor
    parts = [vae.decode(part, num_frames=len(part)).sample for part in unscaled.split(chunk)]
    return (torch.cat(parts).float() / 2 + 0.5).clamp(0, 1)


def added_time_ids(fps: int, motion_bucket: int, noise_augmentation: float) -> torch.Tensor:
    """Return (3,) Stable Video Diffusion's conditions: rate, motion and noise. The unconditional half has them, too."""
    return torch.tensor([fps, motion_bucket, noise_augmentation])
