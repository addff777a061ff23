"""Diffusion-VAS and Depth Anything V2 with random weights of three sizes, and a scene to show them: for benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, DepthAnythingForDepthEstimation

from vas_tool.engines.depth_anything.checkpoints import config_of
from vas_tool.engines.depth_anything.released import ARCHITECTURES, Architecture
from vas_tool.engines.diffusion_vas.loading import CLIP_MEAN, CLIP_STD, Parts
from vas_tool.engines.diffusion_vas.unet import INPUT_CHANNELS
from vas_tool.engines.diffusion_vas.window_model import WindowInput
from vas_tool.types import ArrayClip, Mask

NUM_FRAMES = 25
SCHEDULER: dict[str, Any] = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "prediction_type": "v_prediction",
    "sigma_max": 700.0,
    "sigma_min": 0.002,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}


@dataclass(frozen=True)
class Size:
    """Of the networks and of what they see."""

    height: int
    width: int
    unet: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    time_channels: int
    vae: tuple[int, int, int, int]
    vae_layers: int
    clip: tuple[int, int, int, int]
    """Width, inner width, layers, heads."""
    clip_patch: int
    token: int
    depth: Architecture
    depth_short_side: int


SIZES = {
    "tiny": Size(
        64, 128, (32, 64, 64, 64), (2, 4, 4, 4), 32, (32, 32, 32, 32), 1, (32, 64, 2, 4), 32, 32,
        Architecture(32, 4, 2, (0, 1, 2, 3), features=32, tap_channels=(16, 32, 64, 64)), 126,
    ),
    "small": Size(
        64, 128, (64, 128, 256, 256), (1, 2, 4, 4), 64, (32, 64, 128, 128), 2, (128, 512, 4, 4), 32, 128,
        Architecture(128, 4, 4, (0, 1, 2, 3), features=64, tap_channels=(48, 96, 192, 384)), 126,
    ),
    "full": Size(
        256, 512, (320, 640, 1280, 1280), (5, 10, 20, 20), 256, (128, 256, 512, 512), 2, (1280, 5120, 32, 16), 14, 1024,
        ARCHITECTURES["large"], 518,
    ),
}  # fmt: skip
"""``full``: as released."""


def make_parts(size: Size, device: torch.device, dtype: torch.dtype) -> Parts:
    """Random weights, on the device. The stock UNet's attention is not redirected yet."""
    torch.manual_seed(0)
    with device:
        unet = UNetSpatioTemporalConditionModel(
            in_channels=INPUT_CHANNELS,
            block_out_channels=size.unet,
            num_attention_heads=size.heads,
            addition_time_embed_dim=size.time_channels,
            projection_class_embeddings_input_dim=3 * size.time_channels,
            cross_attention_dim=size.token,
        )
        vae = AutoencoderKLTemporalDecoder(
            down_block_types=("DownEncoderBlock2D",) * 4, block_out_channels=size.vae, layers_per_block=size.vae_layers
        )
        width, inner, layers, heads = size.clip
        clip = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=width,
                intermediate_size=inner,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                patch_size=size.clip_patch,
                projection_dim=size.token,
            )
        )
    for part in (unet, vae, clip):
        part.to(dtype).eval().requires_grad_(False)
    return Parts(unet, vae, clip, SCHEDULER, CLIP_MEAN, CLIP_STD)  # type: ignore[arg-type]


def make_depth_network(size: Size, device: torch.device) -> Any:
    """Random weights in float32, on the device."""
    torch.manual_seed(0)
    with device:
        return DepthAnythingForDepthEstimation(config_of(size.depth)).eval().requires_grad_(False)


def make_clip(size: Size) -> ArrayClip:
    """Frames of the size that the models see."""
    pixels = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, size.height, size.width, 3), np.uint8)
    return ArrayClip(pixels)


def make_disks(size: Size, index: int, num: int) -> list[Mask]:
    """Object ``index`` of ``num``: a disk that moves."""
    y, x = np.mgrid[: size.height, : size.width]
    middle = size.height * (0.2 + 0.6 * index / num)
    centres = [size.width * (0.2 + 0.02 * t) for t in range(NUM_FRAMES)]
    return [np.hypot(x - centre, y - middle) < size.height / 4 for centre in centres]


def make_objects(size: Size, num: int) -> list[WindowInput]:
    """Moving disks, one depth for all."""
    x = np.mgrid[: size.height, : size.width][1]
    depth = np.stack([np.sin(x / 20 + t / 9) * 0.9 for t in range(NUM_FRAMES)]).astype(np.float32)
    masks = (np.where(make_disks(size, index, num), 1, -1).astype(np.float32) for index in range(num))
    return [WindowInput(one, depth) for one in masks]
