"""Paints the hidden part of the object: 50 DDIM steps from noise, with strong guidance by the prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vas_tool.engines.tabe.canvas import ModelInput
from vas_tool.engines.tabe.latents import DOWN, NO_PROMPT, PROMPT, as_signed, decoded, encoded, noise_levels, places_of
from vas_tool.engines.tabe.motion_unet import LATENT_CHANNELS
from vas_tool.engines.tabe.released_parts import Parts

NUM_STEPS = 50
GUIDANCE = 20.0
NUM_ROUNDS = 5
"""Number of generations of the reference, which share one stream of noise."""
SEED = 42

Pulse = Callable[[int], None]
"""Called with the number of samples and steps done, before each step. May raise Cancelled."""


@dataclass(frozen=True)
class GenerationOptions:
    """Options for painting a chunk. The defaults are the reference's, except for the batch."""

    num_steps: int = NUM_STEPS
    guidance: float = GUIDANCE
    at_once: int = 2
    """Samples per call of the network. Each generation needs two. More are faster and take more memory."""


@dataclass(frozen=True)
class ChunkInput:
    """The network's input for a chunk."""

    latents: Tensor
    """(1, 4, F, h, w) latents of the object on white, grey where pixels are to be painted."""
    places: Tensor
    """(1, 1, F, h, w) the pixels to paint."""


def chunk_input(parts: Parts, frames: Sequence[ModelInput], noise: Tensor) -> ChunkInput:
    """Return the network's input for a chunk. ``noise`` is (F, 4, h, w), for the latents."""
    masks = np.stack([frame.mask for frame in frames])[:, None]
    pictures = as_signed(np.stack([frame.image for frame in frames]).transpose(0, 3, 1, 2))
    latents = encoded(parts.vae, pictures * torch.from_numpy(~masks), noise)
    return ChunkInput(latents, places_of(masks, (latents.shape[3], latents.shape[4])).to(latents))


def chunk_noise(num_frames: int, size_hw: tuple[int, int]) -> Tensor:
    """Return (F, 4, h, w) noise for the input's latents. The reference's depends on everything that it drew before."""
    size = (num_frames, LATENT_CHANNELS, size_hw[0] // DOWN, size_hw[1] // DOWN)
    return torch.randn(size, generator=torch.Generator().manual_seed(SEED))


def round_noise(seed: int, num_frames: int, size_hw: tuple[int, int]) -> Tensor:
    """Return (1, 4, F, h, w) float32, the initial noise of a generation.

    Seeds 0 to 4 are the reference's five generations, drawn in turn from the stream of seed 42; the next five are those
    of 43. Noise is drawn on the CPU, so that it is equal on all devices; the reference draws on the device.
    """
    stream = torch.Generator().manual_seed(SEED + seed // NUM_ROUNDS)
    size = (1, LATENT_CHANNELS, num_frames, size_hw[0] // DOWN, size_hw[1] // DOWN)
    for _ in range(seed % NUM_ROUNDS):
        torch.randn(size, generator=stream)
    return torch.randn(size, generator=stream)


def prompt_tokens(parts: Parts) -> Tensor:
    """Return (2, 77, D) tokens without and with the prompt. They are computed once; the reference repeats it every
    generation.
    """
    ids = torch.cat([parts.ids(NO_PROMPT), parts.ids(PROMPT)]).to(parts.text_encoder.device)
    with torch.no_grad():
        return parts.text(ids)


@dataclass(frozen=True)
class Painter:
    """Paints with the tuned parts."""

    parts: Parts
    text: Tensor
    """(2, 77, D) tokens of ``prompt_tokens``."""
    options: GenerationOptions = GenerationOptions()

    def painted(self, shown: ChunkInput, noises: Sequence[Tensor], pulse: Pulse = lambda _: None) -> list[Tensor]:
        """Return (4, F, h, w) latents for each noise (1, 4, F, h, w). As many as fit run together."""
        num_together = max(self.options.at_once // 2, 1)
        found: list[Tensor] = []
        for first in range(0, len(noises), num_together):
            some = torch.cat(list(noises[first : first + num_together])).to(shown.latents)
            report = partial(_report, pulse, done=first * self.options.num_steps, num_together=len(some))
            found += self._sampled(shown, some, report).unbind(0)
        return found

    def frames(self, latents: Tensor) -> npt.NDArray[np.uint8]:
        """Return (4, F, h, w) latents as (F, H, W, 3) frames."""
        return decoded(self.parts.vae, latents)

    def guided(self, noisy: Tensor, timestep: Tensor, shown: ChunkInput) -> Tensor:
        """Return the guided noise in (R, 4, F, h, w) latents."""
        without, with_prompt = self.both(noisy, timestep, shown)
        return without + self.options.guidance * (with_prompt - without)

    def both(self, noisy: Tensor, timestep: Tensor, shown: ChunkInput) -> tuple[Tensor, Tensor]:
        """Return the noise without and with the prompt, in one or two calls of the network."""
        num = len(noisy)
        beside = torch.cat([shown.places, shown.latents], 1).expand(num, -1, -1, -1, -1)
        seen = torch.cat([noisy, beside], 1)
        without, with_prompt = (row.expand(num, -1, -1) for row in self.text.split(1))
        network = self.parts.network
        if self.options.at_once < 2:
            return network(seen, timestep, without), network(seen, timestep, with_prompt)
        halves = network(torch.cat([seen, seen]), timestep, torch.cat([without, with_prompt]))
        return halves[:num], halves[num:]

    def _sampled(self, shown: ChunkInput, noise: Tensor, pulse: Pulse) -> Tensor:
        levels = noise_levels()
        levels.set_timesteps(self.options.num_steps, device=noise.device)
        latents = noise * levels.init_noise_sigma
        for number, timestep in enumerate(levels.timesteps):
            pulse(number)
            with torch.no_grad():
                guided = self.guided(latents, timestep, shown)
            latents = levels.step(guided, timestep, latents, eta=0.0).prev_sample
        return latents


def _report(pulse: Pulse, step: int, *, done: int, num_together: int) -> None:
    pulse(done + step * num_together)
