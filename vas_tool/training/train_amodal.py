"""Train the learned amodal engine: ``accelerate launch -m vas_tool.training.train_amodal --out DIR``.

It runs on any device that accelerate finds. The data of a step depend only on the seed and the step's number: a run
that was stopped continues after its last checkpoint as if it had not stopped. ``curve.csv`` holds the loss, and the
hidden part's IoU on shapes that are not used for training. ``vas_tool/training/RECIPE.md`` says how the shipped weights
were made.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vas_tool.training.amodal_losses import hidden_iou, loss
from vas_tool.training.amodal_net import AmodalNet, mixed, num_parameters, probability
from vas_tool.training.runs import note, pace, resumed, save
from vas_tool.training.scenes import Sample, samples

Batch = tuple[Tensor, Tensor, Tensor]
"""((N, CHANNELS, R, R) pictures, (N, CANDIDATES, R, R) candidates, (N, R, R) truth)."""

LEARNED_FROM, HELD_OUT = 0, 1
"""Numbers of independent random streams."""


@dataclass(frozen=True)
class Plan:
    """The options of a run. The defaults made the shipped weights."""

    out: Path
    steps: int = 6_000
    batch: int = 40
    learning_rate: float = 2e-3
    warmup: int = 200
    seed: int = 0
    workers: int = 1
    every: int = 500
    """Steps between checkpoints and lines of the curve."""
    held_out: int = 6
    """Batches for measuring, the same for every seed."""
    decay: float = 0.999
    """Decay of the running mean of the weights, which is the result."""


class DrawnSteps(Dataset[Batch]):
    """Item ``k`` is the data of step ``k`` on one process, the same in every run with any number of workers."""

    def __init__(self, seed: int, batch: int, *, rank: int = 0, stream: int = LEARNED_FROM) -> None:
        self._seed, self._batch, self._rank, self._stream = seed, batch, rank, stream

    def __getitem__(self, step: int) -> Batch:
        drawn = _drawn(np.random.default_rng([self._seed, self._stream, step, self._rank]))
        found = list(islice(drawn, self._batch))
        pictures, candidates = [s.evidence.picture for s in found], [s.evidence.candidates for s in found]
        return _stacked(pictures), _stacked(candidates), _stacked([s.truth for s in found])


def _stacked(parts: list[npt.NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(parts))


def _drawn(random: np.random.Generator) -> Iterator[Sample]:
    while True:
        yield from samples(random)


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


def main() -> None:
    """The command line; each option is a field of ``Plan``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    for name in ("steps", "batch", "warmup", "seed", "workers", "every", "held_out"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Plan, name))
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate)
    train(Plan(**vars(parser.parse_args())))


def train(plan: Plan) -> Path:
    """Train and return the file of weights. Resumes after the last checkpoint in ``plan.out``."""
    accelerator = Accelerator()
    set_seed(plan.seed)
    net = AmodalNet()
    mean = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(plan.decay))
    mean.to(accelerator.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-3)
    net, optimizer = accelerator.prepare(net, optimizer)
    accelerator.register_for_checkpointing(mean)
    done = resumed(accelerator, plan.out)
    accelerator.print(f"{num_parameters(net)} numbers to learn, from step {done}, on {accelerator.device}")
    started, losses = time.monotonic(), list[float]()
    for step, batch in zip(range(done + 1, plan.steps + 1), _batches(plan, accelerator, done), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * pace(step - 1, steps=plan.steps, warmup=plan.warmup)
        losses.append(_step(net, batch, optimizer=optimizer, accelerator=accelerator))
        mean.update_parameters(accelerator.unwrap_model(net))
        if step % plan.every == 0 or step == plan.steps:
            save(accelerator, plan.out, step)
            line = {"step": step, "loss": float(np.mean(losses)), "seconds": time.monotonic() - started}
            losses.clear()
            if accelerator.is_main_process:
                note(plan.out, line | measured(mean, plan, accelerator.device))
    path = plan.out / "amodal.safetensors"
    if accelerator.is_main_process:
        _keep(mean, path)
    accelerator.wait_for_everyone()
    return path


def _batches(plan: Plan, accelerator: Accelerator, done: int) -> Iterator[Batch]:
    steps = DrawnSteps(plan.seed, plan.batch, rank=accelerator.process_index)
    order = range(done, plan.steps)
    loader: DataLoader[Batch] = DataLoader(
        steps, batch_size=None, sampler=order, num_workers=plan.workers, worker_init_fn=_one_thread
    )
    for batch in loader:
        pictures, candidates, truth = (part.to(accelerator.device) for part in batch)
        yield pictures, candidates, truth


def _step(net: AmodalNet, batch: Batch, *, optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> float:
    pictures, candidates, truth = batch
    with accelerator.autocast():
        found = probability(net, pictures, candidates)
    wrong = loss(found, truth, pictures[:, 0])
    accelerator.backward(wrong)
    accelerator.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return float(wrong.detach())


def measured(net: torch.nn.Module, plan: Plan, device: torch.device) -> dict[str, float]:
    """Return the hidden part's IoU on unused shapes: the network's, and that of the last or next known value."""
    overlaps: dict[str, list[Tensor]] = {"net": [], "known": []}
    held_out = DrawnSteps(0, plan.batch, stream=HELD_OUT)
    for step in range(plan.held_out):
        pictures, candidates, truth = (part.to(device) for part in held_out[step])
        with torch.no_grad():
            shares, paint = net(pictures)
        answers = {"net": mixed(shares, paint, candidates), "known": candidates[:, -2:].amax(1)}
        for name, answer in answers.items():
            overlap, counts = hidden_iou((answer > 0.5).float(), (truth > 0.5).float(), (pictures[:, 0] > 0.5).float())
            overlaps[name].append(overlap[counts > 0])
    return {name: float(torch.cat(parts).mean()) for name, parts in overlaps.items()}


def _keep(mean: torch.nn.Module, path: Path) -> None:
    """Write the running mean of the weights in half precision."""
    weights = {k.removeprefix("module."): v for k, v in mean.state_dict().items() if k != "n_averaged"}
    save_file({k: v.half().contiguous().cpu() for k, v in weights.items()}, path)
    path.chmod(0o644)


if __name__ == "__main__":
    main()
