"""Tunes the model on one object of one clip: 500 steps on windows with the whole object (TABE's RuntimeConfig)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor

from vas_tool.engines.tabe import lora
from vas_tool.engines.tabe.latents import DOWN, NO_PROMPT, PROMPT, as_signed, encoded, noise_levels, places_of
from vas_tool.engines.tabe.motion_unet import LATENT_CHANNELS
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.released_parts import Parts
from vas_tool.engines.tabe.tuning_samples import NUM_FRAMES, SIDE, Sample, TunedClip, draw_sample
from vas_tool.engines.tabe.window_order import epoch

UNET_RATE, TEXT_RATE = 2e-4, 4e-5
BETAS, DECAY, EPSILON = (0.9, 0.999), 0.01, 1e-8
LARGEST_GRADIENT = 1.0
"""Norm of all gradients above which they are clipped."""
NUM_STEPS = 500
SEED = 42
STEP_SEEDS = 1_000_003
"""Distance between the step seeds of two runs. Seeds of one run's steps are consecutive."""


@dataclass(frozen=True)
class Batch:
    """One window as tensors."""

    images: Tensor
    """(F, 3, H, W) in -1..1."""
    shown: Tensor
    """(F, 3, H, W) in -1..1, 0 (grey) where pixels are to be painted."""
    places: Tensor
    """(F, 1, H, W): 1 where pixels are to be painted."""
    weights: Tensor
    """(F,) weights of the loss: 1 where the object is whole, else 0."""
    ids: Tensor
    """(1, 77) int64 tokens of the prompt."""


@dataclass(frozen=True)
class StepNoise:
    """All random numbers of one step except the dropout's."""

    images: Tensor
    """(F, 4, h, w) noise for the images' latents."""
    shown: Tensor
    """(F, 4, h, w) noise for the shown pictures' latents."""
    target: Tensor
    """(1, 4, F, h, w) noise that the network predicts."""
    timestep: int


class Tuner:
    """The parts with their tuned parameters, and the optimiser. All numbers are float32."""

    def __init__(self, parts: Parts, *, quirks: Quirks) -> None:
        """``parts`` have their additions (``lora.add_lora``)."""
        self.parts, self.quirks, self.num_steps = parts, quirks, 0
        self._models = (parts.network.unet, parts.text_encoder)
        self._levels = noise_levels()
        self._tuned = [[parameter for _, parameter in lora.factors(model)] for model in self._models]
        groups = [{"params": some, "lr": rate} for some, rate in zip(self._tuned, (UNET_RATE, TEXT_RATE), strict=True)]
        self.optimizer = torch.optim.AdamW(groups, betas=BETAS, weight_decay=DECAY, eps=EPSILON)

    def predicted(self, batch: Batch, noise: StepNoise) -> Tensor:
        """Return the network's (1, 4, F, h, w) prediction of the noise in a window."""
        network, vae = self.parts.network, self.parts.vae
        latents = encoded(vae, batch.images, noise.images)
        shown = encoded(vae, batch.shown, noise.shown)
        device = latents.device
        timestep = torch.tensor([noise.timestep], device=device)
        noisy = self._levels.add_noise(latents, noise.target.to(device), timestep)
        places = places_of(batch.places, (latents.shape[3], latents.shape[4])).to(device)
        text = self.parts.text(batch.ids.to(device))
        return network(torch.cat([noisy, places, shown], 1), timestep, text)

    def loss(self, predicted: Tensor, batch: Batch, noise: StepNoise) -> Tensor:
        """Return the mean squared error on the frames with the whole object."""
        weights = batch.weights.to(predicted.device)[None, None, :, None, None]
        mean = (weights * (predicted - noise.target.to(predicted.device)) ** 2).mean()
        return mean if self.quirks.loss_mean == "reference" else mean / weights.mean().clamp(min=1 / len(batch.weights))

    def step(self, batch: Batch, noise: StepNoise) -> float:
        """Do one step and return the loss before it."""
        loss = self.loss(self.predicted(batch, noise), batch, noise)
        loss.backward()
        self.apply()
        return float(loss.detach())

    def apply(self) -> float:
        """Clip the gradients, update the weights, and return the norm before clipping."""
        norm = torch.nn.utils.clip_grad_norm_([p for some in self._tuned for p in some], LARGEST_GRADIENT)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.num_steps += 1
        return float(norm)

    def state(self) -> dict[str, Any]:
        """Return everything that is needed to resume: tensors, numbers, lists and dictionaries."""
        unet, text = (lora.state_of(model) for model in self._models)
        return {"num_steps": self.num_steps, "unet": unet, "text": text, "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Load a ``state``. Raises KeyError or ValueError when it is of another model."""
        for model, name in zip(self._models, ("unet", "text"), strict=True):
            lora.restore(model, state[name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.num_steps = int(state["num_steps"])


def drawn_steps(
    tuned: TunedClip,
    *,
    quirks: Quirks,
    seed: int = SEED,
    first: int = 0,
    side: int = SIDE,
    num_frames: int = NUM_FRAMES,
) -> Iterator[tuple[Sample, int]]:
    """Yield window and timestep of each step from ``first`` on, without end.

    They depend only on the seed and the number of the step. To resume, the earlier steps of the epoch are drawn again.
    """
    source, starts = torch.Generator().manual_seed(seed), tuned.starts
    for number in count():
        order, draws = epoch(len(starts), source)
        is_over = (number + 1) * len(starts) <= first
        for place, start in enumerate(order):
            # The streams of an epoch go on from window to window.
            sample = (
                None
                if is_over
                else draw_sample(tuned, starts[start], draws, side=side, num_frames=num_frames, quirks=quirks)
            )
            timestep = int(torch.randint(0, noise_levels().config.num_train_timesteps, (1,), generator=source))
            if sample is not None and number * len(starts) + place >= first:
                yield sample, timestep


def batch_of(sample: Sample, parts: Parts) -> Batch:
    """Return a window as the network's input."""
    images, places = as_signed(sample.images), torch.from_numpy(sample.places).float()
    return Batch(
        images,
        images * (places < 0.5),
        places,
        torch.from_numpy(sample.weights),
        parts.ids(NO_PROMPT if sample.drop_prompt else PROMPT),
    )


def step_noise(batch: Batch, timestep: int, random_state: torch.Generator) -> StepNoise:
    """Return the noise of a step, drawn in the reference's order."""
    num_frames, _, height, width = batch.images.shape
    size = (height // DOWN, width // DOWN)
    images, shown = (torch.randn(num_frames, LATENT_CHANNELS, *size, generator=random_state) for _ in range(2))
    target = torch.randn(1, LATENT_CHANNELS, num_frames, *size, generator=random_state)
    return StepNoise(images, shown, target, timestep)


def tune(
    tuner: Tuner,
    tuned: TunedClip,
    *,
    num_steps: int = NUM_STEPS,
    seed: int = SEED,
    side: int = SIDE,
    num_frames: int = NUM_FRAMES,
    on_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Tune up to ``num_steps``. ``on_step`` gets the number of finished steps, and may stop the tuning by raising.

    A resumed tuning gives the same result as an uninterrupted one on the same device.
    """
    steps = drawn_steps(tuned, quirks=tuner.quirks, seed=seed, first=tuner.num_steps, side=side, num_frames=num_frames)
    models = (tuner.parts.network.unet, tuner.parts.text_encoder)
    try:
        for model in models:
            lora.set_dropout(model, on=True)
        while tuner.num_steps < num_steps:
            on_step(tuner.num_steps)
            _tune_once(tuner, *next(steps), seed=seed * STEP_SEEDS + tuner.num_steps)
        on_step(tuner.num_steps)
    finally:
        for model in models:
            lora.set_dropout(model, on=False)


def _tune_once(tuner: Tuner, sample: Sample, timestep: int, *, seed: int) -> None:
    batch = batch_of(sample, tuner.parts)
    noise = step_noise(batch, timestep, torch.Generator().manual_seed(seed))
    with torch.random.fork_rng():  # the dropout draws from torch's own stream: nobody else's is moved
        torch.manual_seed(seed)
        tuner.step(batch, noise)
