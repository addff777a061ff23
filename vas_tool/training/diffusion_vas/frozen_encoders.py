"""The frozen parts: the VAE's encoder and CLIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vas_tool.engines.diffusion_vas import conditioning
from vas_tool.engines.diffusion_vas.loading import CLIP_MEAN, CLIP_STD, load_image_encoder, load_vae, read_config
from vas_tool.training.diffusion_vas.training_step import Gaussian

BATCH = 8
"""Frames that are encoded together on a GPU; on a CPU one at a time is quicker (its caches)."""
MOST_LOG_VARIANCE = (-30.0, 20.0)
"""Where diffusers cuts what the VAE says."""


class Encoders:
    """Of a checkpoint's folder, in the run's number format, on its device."""

    def __init__(self, folder: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        """Raises EngineError, naming the file that is missing or damaged."""
        self.folder, self.dtype, self.device = folder, dtype, torch.device(device)
        self.vae: Any = load_vae(folder / "vae", dtype=dtype).to(self.device)
        self.clip: Any = load_image_encoder(folder / "image_encoder", dtype=dtype).to(self.device)
        self.scale = float(self.vae.config.scaling_factor)
        extractor = read_config(folder / "feature_extractor" / "preprocessor_config.json")
        self.clip_mean = tuple(extractor.get("image_mean", CLIP_MEAN))
        self.clip_std = tuple(extractor.get("image_std", CLIP_STD))

    def gaussian(self, pictures: Tensor) -> Gaussian:
        """(T, 3, H, W) in -1..1, noise on it or not -> mean and deviation of the latents.

        Contiguous on purpose: channels last costs up to 0.1 in the latents on flat pictures (torch's CPU GroupNorm).
        """
        shown = pictures.to(self.device, self.dtype).contiguous()
        with torch.no_grad():
            moments = torch.cat([self.vae.quant_conv(self.vae.encoder(part)) for part in shown.split(self._batch)])
        mean, log_variance = moments.chunk(2, dim=1)
        return Gaussian(mean, torch.exp(0.5 * log_variance.clamp(*MOST_LOG_VARIANCE)))

    def embeddings(self, pictures: Tensor) -> Tensor:
        """(T, 3, H, W) in -1..1 -> (T, D). Resized in float32, as in the released scripts."""
        small = conditioning.clip_pictures(
            pictures.to(self.device, torch.float32), mean=self.clip_mean, std=self.clip_std
        )
        with torch.no_grad():
            return torch.cat([self.clip(part.to(self.dtype)).image_embeds for part in small.split(self._batch)])

    @property
    def _batch(self) -> int:
        return 1 if self.device.type == "cpu" else BATCH
