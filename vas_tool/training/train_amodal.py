"""Train the learned amodal engine: ``accelerate launch -m vas_tool.training.train_amodal --out DIR``.

It runs on any device that accelerate finds. The data of a step depend only on the seed and the step's number: a run
that was stopped continues after its last checkpoint as if it had not stopped. ``curve.csv`` holds the loss, and the
hidden part's IoU on shapes that are not used for training. ``vas_tool/training/RECIPE.md`` says how the shipped weights
were made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vas_tool.training.amodal_losses import hidden_iou, loss
from vas_tool.training.amodal_net import AmodalNet, mixed, num_parameters, probability
from vas_tool.training.runs import note, one_thread, pace, plan_of_command_line, resumed, save, write_mean
from vas_tool.training.scenes import Sample, samples

Batch = tuple[Tensor, Tensor, Tensor]
"""((N, CHANNELS, R, R) pictures, (N, CANDIDATES, R, R) candidates, (N, R, R) truth)."""

LEARNED_FROM, HELD_OUT = 0, 1
"""Numbers of the random streams for training and for measuring."""


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
    """Number of batches for measuring, which are the same for every seed."""
    decay: float = 0.999
    """Decay of the running mean of the weights, which is the result."""


class DrawnSteps(Dataset[Batch]):
    """The batches of a run. Item ``k`` is that of step ``k`` in one process; it is the same in every run, whatever the
    number of workers.
    """

    def __init__(self, seed: int, batch: int, *, rank: int = 0, stream: int = LEARNED_FROM) -> None:
        self._seed, self._batch, self._rank, self._stream = seed, batch, rank, stream

    def __getitem__(self, step: int) -> Batch:
        drawn = _drawn(np.random.default_rng([self._seed, self._stream, step, self._rank]))
        return batch_of(list(islice(drawn, self._batch)))


def batch_of(found: Sequence[Sample]) -> Batch:
    """Return samples as one batch."""
    parts = (s.evidence.picture for s in found), (s.evidence.candidates for s in found), (s.truth for s in found)
    pictures, candidates, truth = (torch.from_numpy(np.stack(list(part))) for part in parts)
    return pictures, candidates, truth


def _drawn(random: np.random.Generator) -> Iterator[Sample]:
    while True:
        yield from samples(random)


def main() -> None:
    """Train as the options of the command line say. Each is a field of ``Plan``."""
    train(plan_of_command_line(Plan, __doc__))


def train(plan: Plan) -> Path:
    """Train and return the path of the weights. Resumes after the last checkpoint in ``plan.out``.

    Raises InputError if a checkpoint cannot be written.
    """
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
        write_mean(mean, path, half=True)
    accelerator.wait_for_everyone()
    return path


def _batches(plan: Plan, accelerator: Accelerator, done: int) -> Iterator[Batch]:
    steps = DrawnSteps(plan.seed, plan.batch, rank=accelerator.process_index)
    order = range(done, plan.steps)
    loader: DataLoader[Batch] = DataLoader(
        steps, batch_size=None, sampler=order, num_workers=plan.workers, worker_init_fn=one_thread
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
    """Return the mean IoU (0..1) of the hidden part on held-out shapes: of the network (``net``), and of the last or
    next known outline (``known``).
    """
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


if __name__ == "__main__":
    main()
