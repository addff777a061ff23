"""Seconds and memory of a step of fine-tuning Diffusion-VAS: as the released script does it, and with each saving.

    python benchmarks/training_speed.py [--size tiny] [--steps 3] [--precision bf16]

Random weights; 25 frames of 128 x 256, as released. Each row adds to the one above: the plain loop (depth, five
encodings of which two serve nothing, CLIP, UNet, AdamW); without those two; depth from a cache; the target's latents
and the tokens from a cache; kept draws of the conditions, so that VAE and CLIP are not in memory; gradient
checkpointing; frozen weights in half precision with autocast. Every row runs in a process of its own. Seconds are
processor time on a CPU, else time on the GPU; memory is the largest resident set (GPU: allocated). ``--size full``: the
released sizes, which need a GPU of 40 GB or more; nobody has run that yet.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusion_vas_random import NUM_FRAMES, SIZES, make_clip, make_depth_network, make_disks, make_parts

from vas_tool.engines.depth_anything.engine import DepthAnything
from vas_tool.training.diffusion_vas.frozen_encoders import Encoders
from vas_tool.training.diffusion_vas.object_samples import Sample, amodal_pictures
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.step_draws import Draws, draws_of
from vas_tool.training.diffusion_vas.trained_unet import TrainedUnet, halve_frozen
from vas_tool.training.diffusion_vas.training_step import (
    CONDITION_LEVELS,
    Encoded,
    Gaussian,
    encode,
    encoded,
    log_normal,
    loss_of,
    noisy_conditions,
    to_device,
    unet_input,
    velocity_of,
)

ROWS = (
    "plain",
    "no useless encodings",
    "depth cached",
    "latents and tokens cached",
    "kept draws",
    "checkpointing",
    "half",
)
HEIGHT, WIDTH = 128, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--steps", type=int, default=3, help="measured, after one that is not")
    parser.add_argument("--precision", choices=("bf16", "fp16"), default="bf16", help="of the last row")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(measured(options)))
        return
    print(f"{'':28} {'s a step':>10} {'share':>7} {'MiB':>8}")
    first = 0.0
    for row in ROWS:
        told = [*sys.argv, "--row", row]
        done = subprocess.run([sys.executable, *told], capture_output=True, text=True, check=True)
        seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
        first = first or seconds
        print(f"{row:28} {seconds:10.2f} {seconds / first:7.2f} {megabytes:8.0f}", flush=True)


def measured(options: argparse.Namespace) -> tuple[float, float]:
    """Seconds a step, and MiB."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    place = ROWS.index(options.row)
    recipe = Recipe(gradient_checkpointing=place >= ROWS.index("checkpointing"), frozen_half=options.row == "half")
    step = Step(options, recipe, place, device=device)
    took = []
    for number in range(options.steps + 1):
        began = _now(device)
        step(number)
        took.append(_now(device) - began)
    if device.type == "cuda":
        return float(np.mean(took[1:])), torch.cuda.max_memory_allocated() / 2**20
    return float(np.mean(took[1:])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _now(device: torch.device) -> float:
    if device.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


class Step:
    """One row of the table: what is computed at every step, and what was computed before."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe, place: int, *, device: torch.device) -> None:
        size = replace(SIZES[options.size], height=HEIGHT, width=WIDTH)
        self.recipe, self.place, self.device = recipe, place, device
        parts = make_parts(size, device, torch.float32)  # type: ignore[arg-type]
        stock: Any = parts.unet
        if recipe.frozen_half:
            halve_frozen(stock)
        self.network = TrainedUnet(stock.train(), {}, recipe)
        self.optimiser = torch.optim.AdamW(self.network.learning().values(), lr=3e-5)
        self.encoders = Encoders(
            parts.vae, parts.image_encoder, folder=Path(), mean_std=(parts.clip_mean, parts.clip_std)
        )
        engine = DepthAnything(lambda: make_depth_network(size, torch.device("cpu")), device=device.type)
        short = {"short_side": size.depth_short_side, "number_format": "float32"}
        self.depth: Callable[..., Any] = lambda frames: np.stack(engine.disparities(list(frames), settings=short))
        amodal = np.stack(make_disks(size, 0, 1))
        self.sample = Sample(amodal, amodal, make_clip(size).frames)
        self.precision = getattr(torch, {"bf16": "bfloat16", "fp16": "float16"}[options.precision])
        self._cache()

    def _cache(self) -> None:
        """Compute what the row has before the first step, and let go what it does not need."""
        if self.place >= ROWS.index("depth cached"):
            self.known_depth = self.depth(self.sample.frames)
            self.depth = lambda _: self.known_depth
        if self.place >= ROWS.index("latents and tokens cached"):
            pictures = amodal_pictures(self.sample, self.known_depth)
            self.target, self.tokens = self.encoders.gaussian(pictures.target), self.encoders.embeddings(pictures.first)
        if self.place >= ROWS.index("kept draws"):
            draws = self._draws(0)
            self.sigma = log_normal(draws.condition_level, *CONDITION_LEVELS)
            self.kept = noisy_conditions(pictures, draws, sigma=self.sigma, encoders=self.encoders)
            self.scale = self.encoders.scale
            del self.encoders
            self.depth = lambda _: None

    def __call__(self, number: int) -> None:
        """One step."""
        clip, draws = self._encoded(number), self._draws(number)
        shown = unet_input(to_device(clip, self.device), draws, self.recipe)
        with torch.autocast(self.device.type, self.precision, enabled=self.recipe.frozen_half):
            velocity = velocity_of(self.network, shown)
        loss_of(velocity, shown, clip).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()

    def _draws(self, number: int) -> Draws:
        return draws_of(self.recipe, number, dropout=1.0)

    def _encoded(self, number: int) -> Encoded:
        draws = self._draws(number)
        if self.place >= ROWS.index("kept draws"):
            samples = [g.sample(n) for g, n in zip(self.kept, (draws.first, draws.second), strict=True)]
            target = self.target.sample(draws.target) * self.scale
            return encoded(target, samples, tokens=self.tokens, sigma=self.sigma, scale=self.scale)
        pictures = amodal_pictures(self.sample, self.depth(self.sample.frames))
        if self.place == 0:
            for unused in (pictures.first, pictures.second):
                self.encoders.gaussian(unused)
        known: dict[str, Gaussian | torch.Tensor] = {}
        if self.place >= ROWS.index("latents and tokens cached"):
            known = {"target": self.target, "tokens": self.tokens}
        return encode(pictures, draws, encoders=self.encoders, **known)  # type: ignore[arg-type]


if __name__ == "__main__":
    assert Recipe.num_frames == NUM_FRAMES
    main()
