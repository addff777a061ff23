"""How windows are best made to agree: faded after decoding, or blended at every step of denoising.

    python benchmarks/diffusion_vas_windows.py [--frames 45] [--steps 25] [--threads 1]

Tiny random weights, a disk that moves, windows of 25 that share 5 frames. Told for each way, with the same noise on a
frame in all its windows and with noise of each window's own:
  apart   mean difference of two windows' pictures of the same frame, before they are made one (0..1)
  jump    mean change from frame to frame where windows meet, over that elsewhere: 1 is no seam
Random weights have no idea of objects: what is measured is how the two ways carry over from window to window.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from diffusers.utils.logging import set_verbosity_error
from diffusion_vas_random import SIZES, make_parts
from diffusion_vas_speed import Ours, Parts

from vas_tool.engines.diffusion_vas.conversions import three_channels
from vas_tool.engines.diffusion_vas.denoising import Noise, euler_step, guided, noise_levels
from vas_tool.engines.diffusion_vas.diffusion_pipeline import Conditions, DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.parameters import DiffusionVasParameters
from vas_tool.engines.diffusion_vas.window_noise import drawn, window_noise
from vas_tool.engines.diffusion_vas.window_plan import clip_windows, fade
from vas_tool.engines.diffusion_vas.window_runs import run_windows

Pictures = np.ndarray


def enliven(parts: Parts) -> None:
    """Weights under which differences do not die out."""
    torch.manual_seed(1)
    for part in (parts.unet, parts.vae, parts.image_encoder):
        for weight in part.parameters():  # type: ignore[attr-defined]
            if weight.ndim > 1:
                weight.data.normal_(0, 1.5 / weight[0].numel() ** 0.5)


def make_noise(windows: Sequence[range], size_hw: tuple[int, int], *, shared: bool) -> list[Noise]:
    if shared:
        return [window_noise(23, n, windows, length=25, size_hw=size_hw) for n in range(len(windows))]
    return [drawn(23, n, num_frames=25, size_hw=size_hw) for n in range(len(windows))]


@dataclass(frozen=True)
class Work:
    """A clip in windows, and what each starts from."""

    pipeline: DiffusionVasPipeline
    windows: Sequence[range]
    conditions: Sequence[Conditions]
    noises: Sequence[Noise]
    parameters: DiffusionVasParameters


def after(work: Work) -> list[Pictures]:
    """Each window by itself: its pictures."""
    latents = [
        work.pipeline.denoise(one, noise.latents[None], parameters=work.parameters)[0]
        for one, noise in zip(work.conditions, work.noises, strict=True)
    ]
    return [work.pipeline.decode(one, parameters=work.parameters) for one in latents]


def during(work: Work) -> list[Pictures]:
    """All windows step by step together, their latents blended where they overlap after each step: its pictures."""
    pipeline, parameters = work.pipeline, work.parameters
    levels = noise_levels(pipeline.parts.scheduler, parameters.num_steps)
    sigmas = levels.sigmas.tolist()
    latents = [noise.latents * levels.initial_sigma for noise in work.noises]
    for (sigma, following), timestep in zip(pairwise(sigmas), levels.timesteps, strict=True):
        with torch.inference_mode():
            for number, one in enumerate(work.conditions):
                said = pipeline.velocity(latents[number][None], one, timestep=timestep, sigma=sigma)
                velocity = guided(said, torch.tensor(parameters.guidance))[0]
                latents[number] = euler_step(latents[number], velocity, sigma=sigma, next_sigma=following)
        latents = blended(latents, work.windows)
    return [pipeline.decode(one, parameters=parameters) for one in latents]


def blended(latents: Sequence[torch.Tensor], windows: Sequence[range]) -> list[torch.Tensor]:
    out = [one.clone() for one in latents]
    for index in range(windows[-1].stop):
        members = [(n, index - w.start, fade(w, index)) for n, w in enumerate(windows) if index in w]
        total = sum(weight for _, _, weight in members)
        mean = sum(latents[n][position] * (weight / total) for n, position, weight in members)
        for n, position, _ in members:
            out[n][position] = mean
    return out


def apart(pictures: Sequence[Pictures], windows: Sequence[range]) -> float:
    neighbours = pairwise(zip(pictures, windows, strict=True))
    found = [
        np.abs(one[index - a.start] - other[index - b.start]).mean()
        for (one, a), (other, b) in neighbours
        for index in set(a) & set(b)
    ]
    return float(np.mean(found))


def jump(pictures: Sequence[Pictures], windows: Sequence[range]) -> float:
    answers = dict(run_windows(windows, range(windows[-1].stop), lambda n: pictures[n]))
    frames = np.stack([answers[index] for index in sorted(answers)])
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    chunk_borders = {w.start + edge - 1 for w in windows for edge in (8, 16, 24)}  # the decoder's own seams
    seams = {i for a, b in pairwise(windows) for i in range(b.start - 1, a.stop)}
    inside = [c for i, c in enumerate(changes) if i not in seams | chunk_borders]
    return float(np.mean([changes[i] for i in seams]) / np.mean(inside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=45)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    set_verbosity_error()
    size = SIZES["tiny"]
    parts = make_parts(size, torch.device("cpu"), torch.float32)
    enliven(parts)
    chosen = DiffusionVasParameters(num_steps=options.steps, height=size.height, width=size.width)
    pipeline = Ours(parts, chosen).pipeline
    windows = clip_windows(options.frames)
    y, x = np.mgrid[: size.height, : size.width]
    disks = [np.hypot(x - 20 - 2 * t, y - 32) < 18 for t in range(options.frames)]
    masks = three_channels(np.where(disks, 1, -1).astype(np.float32))
    depth = three_channels(np.stack([np.sin(x / 20 + t / 9) * 0.9 for t in range(options.frames)]).astype(np.float32))
    print(f"{len(windows)} windows, {options.steps} steps")
    for shared in (True, False):
        noises = make_noise(windows, chosen.size_hw, shared=shared)
        conditions = [
            pipeline.encode(masks[w.start : w.stop], depth[w.start : w.stop], noise=noise, parameters=chosen)
            for w, noise in zip(windows, noises, strict=True)
        ]
        kind = "shared noise" if shared else "own noise   "
        work = Work(pipeline, windows, conditions, noises, chosen)
        for way, pictures in (("after ", after(work)), ("during", during(work))):
            print(
                f"  {kind} {way}  apart {apart(pictures, windows):.4f}  jump {jump(pictures, windows):.3f}", flush=True
            )


if __name__ == "__main__":
    main()
