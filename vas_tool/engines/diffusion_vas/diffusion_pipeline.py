"""The model for one window: latents and frames from two conditions. Both stages use the same class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import torch

from vas_tool.engines.diffusion_vas import conditioning
from vas_tool.engines.diffusion_vas.denoising import (
    Noise,
    draw_noise,
    euler_step,
    frame_guidance,
    guided,
    model_input,
    noise_levels,
)
from vas_tool.engines.diffusion_vas.loading import Parts, load_parts
from vas_tool.engines.diffusion_vas.parameters import SamplingParameters
from vas_tool.engines.diffusion_vas.placement import BatchSize, Placement, exact_convolutions
from vas_tool.engines.diffusion_vas.time_convolutions import use_2d_kernels
from vas_tool.engines.weights import folder_mark
from vas_tool.errors import EngineError

Pictures: TypeAlias = npt.NDArray[np.float32] | torch.Tensor
"""(T, 3, H, W) float32 in -1..1."""

OnStep = Callable[[int, torch.Tensor], None]
"""A function: (number of finished steps, latents (N, T, 4, h, w)) -> None. It may raise to stop."""


def ignore_step(num_done: int, latents: torch.Tensor) -> None:
    """Do nothing: the default of ``OnStep``."""


@dataclass(frozen=True)
class Conditions:
    """The encoded conditions of a window, the same for all seeds."""

    tokens: torch.Tensor
    """(2, T, K, D), unconditional and conditional; (1, T, K, D) without guidance."""
    latents: torch.Tensor
    """(2, T, 8, h, w), of both conditions; zeros for the unconditional sample."""
    added_time_ids: torch.Tensor
    """(2, 3)"""


@dataclass(frozen=True)
class SamplingResult:
    """The result of sampling."""

    latents: torch.Tensor
    """(T, 4, H / 8, W / 8) latents that are decoded."""
    frames: npt.NDArray[np.float32]
    """(T, H, W, 3) frames in 0..1."""


class DiffusionVasPipeline:
    """The model. It reproduces the released code by default; every deviation is a field of ``SamplingParameters``."""

    def __init__(
        self, parts: Parts, *, device: str | torch.device = "cpu", weights_mark: str = "", borrowed: bool = False
    ) -> None:
        """``weights_mark`` identifies these weights; by default they equal no others.

        ``borrowed``: the parts are being trained: they stay on their device, and are not changed.
        """
        self.parts, self.device = parts, torch.device(device)
        self.weights_mark = weights_mark or uuid4().hex
        lent = () if borrowed else (parts.unet.stock, parts.vae, parts.image_encoder)
        self.placement = Placement(lent, self.device)
        self.batch = BatchSize(self.device)
        if self.device.type == "cpu" and not borrowed:
            use_2d_kernels(parts.vae)

    @classmethod
    def load(
        cls, folder: str | Path, *, device: str | None = None, dtype: torch.dtype | None = None
    ) -> DiffusionVasPipeline:
        """Return the model of a released checkpoint's folder.

        ``device`` defaults to the best one, ``dtype`` to float16 on CUDA and float32 elsewhere. Raises EngineError that
        names the file that is missing, damaged or of another model.
        """
        chosen = torch.device(device or best_device())
        dtype = dtype or (torch.float16 if chosen.type == "cuda" else torch.float32)
        parts = load_parts(Path(folder), dtype=dtype)
        return cls(parts, device=chosen, weights_mark=folder_mark(Path(folder)))

    def __call__(
        self,
        first: Pictures,
        second: Pictures,
        *,
        parameters: SamplingParameters | None = None,
        generator: torch.Generator | None = None,
        seed: int = 23,
        on_step: OnStep = ignore_step,
        **changed: Any,
    ) -> SamplingResult:
        """Return one result for a window.

        ``first`` and ``second`` are (T, 3, H, W) in -1..1: modal mask and depth for the amodal stage, modal colours and
        amodal mask for the content stage. ``generator`` is a CPU generator, by default a new one with ``seed``; the
        demo uses one with seed 23 for both stages in turn. ``changed`` names fields of ``SamplingParameters``.
        """
        chosen = replace(parameters or SamplingParameters(), **changed)
        one, other = _pictures(first), _pictures(second)
        if one.shape != other.shape:
            raise EngineError(f"the two conditions differ in shape: {tuple(one.shape)} and {tuple(other.shape)}")
        generator = generator or torch.Generator("cpu").manual_seed(seed)
        noise = draw_noise(generator, num_frames=len(one), size_hw=(one.shape[2], one.shape[3]))
        conditions = self.encode(one, other, noise=noise, parameters=chosen)
        latents = self.denoise(conditions, noise.latents[None], parameters=chosen, on_step=on_step)[0]
        return SamplingResult(latents, self.decode(latents, parameters=chosen))

    def encode(self, first: Pictures, second: Pictures, *, noise: Noise, parameters: SamplingParameters) -> Conditions:
        """Return the encoded conditions of the UNet. CLIP sees the first condition without noise."""
        tokens = self.tokens(first, parameters=parameters)
        latents = [
            self.condition_latents(pictures, drawn, parameters=parameters)
            for pictures, drawn in ((first, noise.first), (second, noise.second))
        ]
        return self.conditions(tokens, *latents, parameters=parameters)

    def conditions(
        self, tokens: torch.Tensor, first: torch.Tensor, second: torch.Tensor, *, parameters: SamplingParameters
    ) -> Conditions:
        """Return ``tokens`` (B, T, K, D) and the latents (T, 4, h, w) of both conditions, combined for B samples."""
        conditional = torch.cat([first, second], dim=1)[None]
        is_guided = len(tokens) > 1
        latents = torch.cat([torch.zeros_like(conditional), conditional]) if is_guided else conditional
        fps = parameters.fps - 1 if parameters.fps_minus_one else parameters.fps
        ids = conditioning.added_time_ids(fps, parameters.motion_bucket, parameters.noise_augmentation)
        return Conditions(tokens, latents, ids.to(latents).expand(len(tokens), -1))

    def tokens(self, first: Pictures, *, parameters: SamplingParameters) -> torch.Tensor:
        """Return the CLIP tokens of each frame of each sample, (2, T, K, D); (1, T, K, D) without guidance."""
        mean, std = self.parts.clip_mean, self.parts.clip_std
        with torch.inference_mode(), self.placement.at_work(self.parts.image_encoder) as encoder:
            pictures = conditioning.clip_pictures(_pictures(first).to(self.device), mean=mean, std=std)
            embeddings = conditioning.clip_embeddings(encoder, pictures)
            layout, is_guided = parameters.clip_layout, parameters.guidance > 1
            return conditioning.tokens(embeddings.to(self.dtype), layout=layout, is_guided=is_guided)

    def condition_latents(
        self, pictures: Pictures, noise: torch.Tensor, *, parameters: SamplingParameters
    ) -> torch.Tensor:
        """Return the latents (T, 4, h, w) of a condition with noise. They are encoded in float32, which the VAE
        requires.
        """
        shown = _pictures(pictures)
        if parameters.guess_range:
            shown = conditioning.guessed_range(shown)
        noisy = shown + parameters.noise_augmentation * noise
        upcast = bool(self.parts.vae.config.force_upcast)
        with torch.inference_mode(), self.placement.at_work(self.parts.vae, upcast=upcast) as vae, exact_convolutions():
            return conditioning.condition_latents(vae, noisy.to(self.device)).to(self.dtype)

    def denoise(
        self,
        conditions: Conditions,
        noise: torch.Tensor,
        *,
        parameters: SamplingParameters,
        on_step: OnStep = ignore_step,
    ) -> torch.Tensor:
        """Return the latents (N, T, 4, h, w) of N results from ``noise`` (N, T, 4, h, w), standard normal."""
        levels = noise_levels(self.parts.scheduler, parameters.num_steps)
        sigmas = levels.sigmas.tolist()
        latents = noise.to(self.device, self.dtype) * levels.initial_sigma
        guidance = frame_guidance(parameters.min_guidance, parameters.guidance, latents.shape[1]).to(latents)
        with self.placement.at_work(self.parts.unet.stock):
            for step, timestep in enumerate(levels.timesteps.to(self.device)):
                with torch.inference_mode():
                    velocity = self.velocity(latents, conditions, timestep=timestep, sigma=sigmas[step])
                    velocity = guided(velocity, guidance) if velocity.shape[1] > 1 else velocity[:, 0]
                    latents = euler_step(latents, velocity, sigma=sigmas[step], next_sigma=sigmas[step + 1])
                on_step(step + 1, latents)
        return latents

    def velocity(
        self, latents: torch.Tensor, conditions: Conditions, *, timestep: torch.Tensor, sigma: float
    ) -> torch.Tensor:
        """Return the UNet's (N, 2, T, 4, h, w) velocity, unconditional and conditional, of ``latents`` (N, T, 4, h, w).

        As many results run together as fit into the GPU's memory; after a memory error, half as many.
        """
        done: list[torch.Tensor] = []
        num_done = 0
        while num_done < len(latents):
            batch = latents[num_done : num_done + self.batch.limit()]
            with self.batch.learning(len(batch)) as attempt:
                done.append(self._velocity(batch, conditions, timestep=timestep, sigma=sigma))
            num_done += len(batch) if attempt.fitted else 0
        return torch.cat(done)

    def _velocity(
        self, latents: torch.Tensor, conditions: Conditions, *, timestep: torch.Tensor, sigma: float
    ) -> torch.Tensor:
        num, num_samples = len(latents), len(conditions.latents)
        sample = model_input(
            latents.repeat_interleave(num_samples, dim=0), conditions.latents.repeat(num, 1, 1, 1, 1), sigma
        )
        velocity = self.parts.unet(
            sample,
            timestep,
            tokens=conditions.tokens.repeat(num, 1, 1, 1),
            added_time_ids=conditions.added_time_ids.repeat(num, 1),
        )
        return velocity.unflatten(0, (num, num_samples))

    def decode(self, latents: torch.Tensor, *, parameters: SamplingParameters) -> npt.NDArray[np.float32]:
        """Return (T, 4, h, w) latents as (T, H, W, 3) float32 frames in 0..1. Raises EngineError when a value is
        not finite.
        """
        with torch.inference_mode(), self.placement.at_work(self.parts.vae) as vae:
            frames = conditioning.decoded(vae, latents, chunk=parameters.decode_chunk)
        if not bool(torch.isfinite(frames).all()):  # it would count as black, an empty mask
            raise EngineError(
                f"the answer of Diffusion-VAS is not a number (computed in {self.dtype}); get its weights again, or "
                "run it without a GPU, in float32"
            )
        pictures: npt.NDArray[np.float32] = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return pictures

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the UNet, and of the latents between its steps."""
        return self.parts.unet.dtype


def best_device() -> str:
    """Return the best device: a GPU when there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _pictures(given: Pictures) -> torch.Tensor:
    """Return pictures as (T, 3, H, W) float32 on the CPU. Raises EngineError for another shape."""
    pictures = torch.as_tensor(given).to("cpu", torch.float32)
    if (
        pictures.ndim != 4
        or pictures.shape[1] != 3
        or not len(pictures)
        or any(s % 8 or not s for s in pictures.shape[2:])
    ):
        raise EngineError(f"a condition must be (T, 3, H, W), sides multiples of 8; got {tuple(pictures.shape)}")
    return pictures


__all__: Sequence[str] = ["Conditions", "DiffusionVasPipeline", "SamplingResult"]
