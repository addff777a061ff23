"""Learn what a click means: ``python -m vas_tool.training.clicks --out FILE FOLDER [FOLDER ...]``.

Each FOLDER has ``rgbs/`` and the true ``masks/`` of a clip, or holds such folders. The bench's puppets are learned
from, too, and shapes pasted over these pictures (or those of ``--textures``). How the shipped numbers were made:
``vas_tool/training/CLICKS.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

from vas_tool.engines.builtin.choosing import QUESTIONS, scaled
from vas_tool.engines.builtin.region_graph import Floats
from vas_tool.evaluation.occlusion import views_in
from vas_tool.evaluation.silhouettes import silhouettes
from vas_tool.training.pasted import pasted
from vas_tool.training.pictures import LabelledPicture, frames_of, textures_in
from vas_tool.training.simulated_clicks import Lesson, lessons

HIDDEN = 32
NETWORKS = 4
"""Whose answers are averaged."""

EPOCHS, BATCH = 30, 64
LEARNING_RATE, WEIGHT_DECAY = 5e-3, 1e-2
LOSS_WEIGHT = 3.0
"""How much worse it is to lose overlap than good to gain it."""

LEAST_GAIN, WORST = 0.004, -3.0
"""Gains are told relative to the best candidate's, which is taken to be at least so much; and cut there."""

SHARPNESS = 0.15
"""Of how likely each candidate should be, by its gain."""

PUPPETS_EVERY = 12
"""Of a puppet's frames, one in so many is learned from."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=4, help="learn from one in so many frames of a clip")
    parser.add_argument("--textures", type=Path, help="a folder of pictures that shapes are pasted from and over")
    parser.add_argument("--pasted", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3, help="simulated people a picture")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    taught: list[Lesson] = []
    for number, picture in enumerate(_pictures(options)):
        for one in range(options.rounds):
            taught += lessons(picture, np.random.default_rng([options.seed, number, one]))
        print(f"{picture.name}: {len(taught)} clicks", flush=True)
    save_file(learned(taught, seed=options.seed), options.out)


def _pictures(options: argparse.Namespace) -> list[LabelledPicture]:
    views = [view for folder in options.folders for view in views_in(folder)]
    found = [picture for view in views for picture in frames_of(view, every=options.every)]
    textures = [p.frame for p in found] if options.textures is None else textures_in(options.textures)
    found += [picture for view in silhouettes() for picture in frames_of(view, every=PUPPETS_EVERY)]
    return found + [pasted(textures, seed) for seed in range(options.pasted)]


def learned(taught: Sequence[Lesson], *, seed: int = 0, epochs: int = EPOCHS) -> dict[str, Floats]:
    """The numbers of NETWORKS networks side by side, as ``choosing.likelihoods`` reads them."""
    traits = np.concatenate([lesson.traits for lesson in taught])
    mean, spread = traits.mean(axis=0), traits.std(axis=0) + 1e-3
    data = _padded(taught, (mean, spread))
    nets = [_trained(data, seed=seed + k, epochs=epochs) for k in range(NETWORKS)]
    layers = {"first": 0, "second": 2, "last": 4}
    out = {name: np.stack([_numbers(net, layer, "weight") for net in nets]) for name, layer in layers.items()}
    out |= {f"{name}_shift": np.stack([_numbers(net, layers[name], "bias") for net in nets]) for name in layers}
    del out["last_shift"]  # the same for all candidates: it says nothing
    out["last"] = np.ascontiguousarray(out["last"][:, 0])
    return out | {"mean": mean.astype(np.float32), "spread": spread.astype(np.float32)}


def _numbers(net: nn.Sequential, layer: int, name: str) -> Floats:
    tensor: Tensor = getattr(net[layer], name)
    return np.asarray(tensor.detach().numpy(), np.float32)


def _padded(taught: Sequence[Lesson], scale: tuple[Floats, Floats]) -> tuple[Tensor, Tensor]:
    """((lessons, most candidates, traits + questions) inputs, (lessons, most candidates) gains, NaN where none is)."""
    most, count = max(len(lesson.gains) for lesson in taught), len(scale[0])
    inputs = np.zeros((len(taught), most, count + len(QUESTIONS)), np.float32)
    gains = np.full((len(taught), most), np.nan, np.float32)
    for row, (lesson, size) in enumerate((lesson, len(lesson.gains)) for lesson in taught):
        inputs[row, :size, :count] = scaled(lesson.traits, scale)
        inputs[row, :size, count + QUESTIONS.index(lesson.question)] = 1
        gains[row, :size] = lesson.gains
    return torch.from_numpy(inputs), torch.from_numpy(gains)


def _trained(data: tuple[Tensor, Tensor], *, seed: int, epochs: int) -> nn.Sequential:
    torch.manual_seed(seed)
    inputs, gains = data
    first, second = nn.Linear(inputs.shape[2], HIDDEN), nn.Linear(HIDDEN, HIDDEN)
    net = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), nn.Linear(HIDDEN, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * -(-len(inputs) // BATCH)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=max(steps, 2))
    for _ in range(epochs):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            loss = click_loss(net(inputs[chosen])[..., 0], gains[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            pace.step()
    return net.eval()


def click_loss(said: Tensor, gains: Tensor) -> Tensor:
    """How far the (N, n) answers are from how likely each candidate should be, less twice what they would gain."""
    there = ~gains.isnan()
    best = gains.nan_to_num(0).amax(dim=1, keepdim=True).clamp_min(LEAST_GAIN)
    worth = (torch.where(gains < 0, LOSS_WEIGHT * gains, gains) / best).clamp(WORST, 1)
    wanted = (worth / SHARPNESS).masked_fill(~there, -1e9).softmax(dim=1)
    logits = said.masked_fill(~there, -1e9)
    apart = -(wanted * logits.log_softmax(dim=1).clamp_min(-30)).sum(dim=1)
    gained = (logits.softmax(dim=1) * worth.masked_fill(~there, 0)).sum(dim=1)
    return (apart - 2 * gained).mean()


if __name__ == "__main__":
    main()
