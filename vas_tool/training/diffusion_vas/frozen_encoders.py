"""The frozen networks: the VAE's encoder and CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vas_tool.engines.diffusion_vas import conditioning
from vas_tool.engines.diffusion_vas.loading import CLIP_MEAN, CLIP_STD, load_image_encoder, load_vae, read_config
from vas_tool.training.diffusion_vas.training_step import Gaussian

BATCH = 8
"""Number of frames that are encoded together on a GPU. A CPU encodes one at a time, which is faster because of its
caches."""
MOST_LOG_VARIANCE = (-30.0, 20.0)
"""Limits to which diffusers clips the VAE's log variance."""


class Encoders:
    """The VAE and CLIP, in the run's number format, on its device."""

    def __init__(self, vae: Any, clip: Any, *, folder: Path, mean_std: tuple[Sequence[float], Sequence[float]]) -> None:
        """Take loaded networks. ``mean_std`` are the mean and deviation of the colours in CLIP's training; ``folder``
        holds the weights.
        """
        self.vae, self.clip, self.folder = vae, clip, folder
        self.clip_mean, self.clip_std = tuple(mean_std[0]), tuple(mean_std[1])
        self.scale = float(vae.config.scaling_factor)

    @classmethod
    def load(cls, folder: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Encoders:
        """Load the networks of a checkpoint's folder. Raises EngineError, which names the missing or damaged file."""
        extractor = read_config(folder / "feature_extractor" / "preprocessor_config.json")
        vae, clip = load_vae(folder / "vae", dtype=dtype), load_image_encoder(folder / "image_encoder", dtype=dtype)
        mean_std = extractor.get("image_mean", CLIP_MEAN), extractor.get("image_std", CLIP_STD)
        return cls(vae.to(device), clip.to(device), folder=folder, mean_std=mean_std)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights."""
        found: torch.dtype = self.vae.dtype
        return found

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return torch.device(self.vae.device)

    def gaussian(self, pictures: Tensor) -> Gaussian:
        """Return mean and deviation of the latents of (T, 3, H, W) pictures in -1..1, with or without noise.

        Contiguous on purpose: channels last costs up to 0.1 in the latents on flat pictures (torch's CPU GroupNorm).
        """
        shown = pictures.to(self.device, self.dtype).contiguous()
        with torch.no_grad():
            moments = torch.cat([self.vae.quant_conv(self.vae.encoder(part)) for part in shown.split(self._batch)])
        mean, log_variance = moments.chunk(2, dim=1)
        return Gaussian(mean, torch.exp(0.5 * log_variance.clamp(*MOST_LOG_VARIANCE)))

    def embeddings(self, pictures: Tensor) -> Tensor:
        """Return the (T, D) embeddings of (T, 3, H, W) pictures in -1..1. They are resized in float32, as in the
        released scripts.
        """
        small = conditioning.clip_pictures(
            pictures.to(self.device, torch.float32), mean=self.clip_mean, std=self.clip_std
        )
        with torch.no_grad():
            return torch.cat([self.clip(part.to(self.dtype)).image_embeds for part in small.split(self._batch)])

    @property
    def _batch(self) -> int:
        return 1 if self.device.type == "cpu" else BATCH
