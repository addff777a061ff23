"""Train EoRaS as its released scripts do; ``vas-tool train eoras``.

Each process takes one clip of one object per step; the network goes through it frame by frame. Checkpoints are in the
released format (``checkpoint-%04d.pth.gz``): the reference's ``test_*.py`` read ours, and this reads theirs. An
existing run resumes after its last checkpoint. The data of a step depend only on the seed, the epoch and its number, so
that a resumed run ends with the same bits on a CPU. ``metrics.jsonl`` holds the losses and the test loop's totals.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import set_seed
from torch import Tensor, nn

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.eoras.checkpoints import PREFIX, model_tensors
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.tensors import read_pickled
from vas_tool.errors import InputError
from vas_tool.training.eoras.clip_samples import Sample, SampleSource
from vas_tool.training.eoras.losses import eoras_losses
from vas_tool.training.eoras.split_totals import measured, network_answer
from vas_tool.training.eoras.training_plan import Plan
from vas_tool.training.runs import Metrics

WEIGHT_DECAY = 5e-4

PATIENCE = timedelta(hours=12)
"""The longest that other processes wait while the first one runs the test split."""


def train(plan: Plan, *, progress: Progress = silent) -> Path:
    """Train and return the last checkpoint. Resumes after the last one in ``plan.out``.

    Raises InputError when there is no training data, FormatError and EngineError for unreadable files.
    """
    patient = InitProcessGroupKwargs(timeout=PATIENCE)
    accelerator = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True), patient])
    set_seed(plan.seed)
    network = EorasNetwork(plan.options)
    if plan.start is not None:
        begin_with(network, plan.start)
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    run = _Run(plan, accelerator, network)
    done = run.resumed()
    run.prepare()
    for epoch in range(done + 1, plan.schedule.epochs + 1):
        run.epoch(epoch, progress=progress)
    accelerator.end_training()
    return last_checkpoint(plan.out) or plan.out


class EpochClips:
    """The clips of one pass of an epoch, in random order."""

    def __init__(self, source: SampleSource, *, seed: int, epoch: int, number: int) -> None:
        """``number`` is the number of the pass."""
        self._source, self._key = source, [seed, epoch, number]
        self._order = np.random.default_rng(self._key).permutation(len(source))

    def share(self, process: int, num_processes: int) -> Iterator[Sample]:
        """Yield every ``num_processes``-th clip. The first clips are repeated if the last round is not full."""
        for number in range(process, -(-len(self._order) // num_processes) * num_processes, num_processes):
            number %= len(self._order)
            yield self._source.sample(int(self._order[number]), np.random.RandomState([*self._key, number]))


def tensors_of(sample: Sample) -> dict[str, Tensor]:
    """Return a batch of one clip: crops, intrinsics, full and visible, (1, T, ...) float32, and labelled, (1, T)
    bool.
    """
    masks = {"full": sample.full[:, None], "visible": sample.visible[:, None]}
    return {
        "crops": torch.from_numpy(sample.patches)[None],
        "intrinsics": torch.from_numpy(sample.intrinsics).repeat(len(sample.frames), 1, 1)[None],
        **{name: torch.from_numpy(mask.astype(np.float32))[None] for name, mask in masks.items()},
        "labelled": torch.from_numpy(sample.labelled)[None],
    }


class _Run:
    """The state of a run."""

    def __init__(self, plan: Plan, accelerator: Accelerator, network: Any) -> None:
        self.plan, self.accelerator, self.network, self.iterations = plan, accelerator, network, 0
        self.source, schedule, self.metrics = plan.source("train"), plan.schedule, Metrics(plan.out, "epoch")
        if not len(self.source):
            raise InputError(f"{plan.root} has no clips to train on; name the root of the data")
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=WEIGHT_DECAY)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimiser, schedule.gamma)

    def prepare(self) -> None:
        """Move the network to the device, and wrap it if there are several processes."""
        self.network, self.optimiser = self.accelerator.prepare(self.network, self.optimiser)

    def epoch(self, epoch: int, *, progress: Progress) -> None:
        """Train on every clip. Then test and save at the epochs that the plan names."""
        started, scores, schedule = time.monotonic(), list[tuple[float, float]](), self.plan.schedule
        self.network.train()
        for number in range(schedule.passes):
            scores += self._passed(epoch, number, progress=progress)
        self.scheduler.step()
        line = {"epoch": epoch, "iterations": self.iterations, "seconds": time.monotonic() - started}
        line |= dict(zip(("full", "visible"), np.nanmean(scores, axis=0).tolist(), strict=True)) if scores else {}
        if epoch % schedule.every == 0 or epoch == schedule.epochs:
            line |= self._measured(progress)
            self._save(epoch)
        self._note(line)

    def _passed(self, epoch: int, number: int, *, progress: Progress) -> Iterator[tuple[float, float]]:
        """Yield the losses of each step of a pass."""
        accelerator, seed = self.accelerator, self.plan.seed
        own = np.random.default_rng([seed, epoch, number, accelerator.process_index])
        torch.manual_seed(int(own.integers(1 << 31)))  # of dropout
        clips = EpochClips(self.source, seed=seed, epoch=epoch, number=number)
        for position, sample in enumerate(clips.share(accelerator.process_index, accelerator.num_processes)):
            progress(position * accelerator.num_processes, len(self.source), f"epoch {epoch}")
            clip = {name: part.to(accelerator.device) for name, part in tensors_of(sample).items()}
            if self._anything_labelled(clip["labelled"]):
                yield self._step(clip)
                self.iterations += 1

    def _anything_labelled(self, labelled: Tensor) -> bool:
        """Return whether any process has a label. The reference skips clips without one, and all processes must step
        together.
        """
        own = labelled.any().float().reshape(1)
        return bool(self.accelerator.reduce(own, "sum").item() > 0)

    def _step(self, clip: Mapping[str, Tensor]) -> tuple[float, float]:
        masks = self.network(clip["crops"], clip["intrinsics"])
        truth = {name: clip[name] for name in ("full", "visible", "labelled")}
        losses = eoras_losses(masks, **truth, visible_weight=self.plan.visible_weight)
        # Without a label there is no loss, but other processes wait for the gradient, so it is zero.
        total = losses.total if clip["labelled"].any() else 0 * sum(mask.sum() for mask in masks.values())
        self.optimiser.zero_grad()
        self.accelerator.backward(total)
        self.optimiser.step()
        return float(losses.full.detach()), float(losses.visible.detach())

    def _measured(self, progress: Progress) -> dict[str, float]:
        """Run the test loop in the first process, so that the totals are those of one process."""
        if not self.accelerator.is_main_process:
            return {}
        answer = network_answer(self.accelerator.unwrap_model(self.network))
        return asdict(measured(self.plan.source("test"), answer, progress=progress))

    def _save(self, epoch: int) -> None:
        """Write a checkpoint in the released format, beside its place, then rename it."""
        if self.accelerator.is_main_process:
            model = self.accelerator.unwrap_model(self.network).state_dict()
            content = {
                "epoch": epoch,
                "model": {f"{PREFIX}{name}": tensor.cpu() for name, tensor in model.items()},
                "optim": self.optimiser.state_dict(),
                "scheduler": self.scheduler.state_dict(),
                "iters": self.iterations,
            }
            path = self.plan.out / f"checkpoint-{epoch:04d}.pth.gz"
            torch.save(content, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        self.accelerator.wait_for_everyone()

    def resumed(self) -> int:
        """Load the last checkpoint and return the number of finished epochs."""
        self.plan.out.mkdir(parents=True, exist_ok=True)
        path = last_checkpoint(self.plan.out)
        if path is None:
            return 0
        content = read_pickled(path)
        tensors = dict(model_tensors(content, path))
        try:
            assert isinstance(content, Mapping)
            self.network.load_state_dict(tensors)
            self.optimiser.load_state_dict(content["optim"])
            self.scheduler.load_state_dict(content["scheduler"])
            self.iterations, done = int(content["iters"]), int(content["epoch"])
        except (RuntimeError, LookupError, ValueError, TypeError) as error:
            raise InputError(
                f"{path} cannot be resumed with these sizes ({' '.join(str(error).split())[:200]}); give the same "
                "sizes as before, or another --out"
            ) from error
        if self.accelerator.is_main_process:
            self.metrics.forget_after(done)
        return done

    def _note(self, line: Mapping[str, float]) -> None:
        if self.accelerator.is_main_process:
            self.metrics.add(line)
            self.accelerator.print(" ".join(f"{name} {value:.4g}" for name, value in line.items()), flush=True)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the last checkpoint by name, as the reference does; None when there is none."""
    return max(folder.glob("*.pth.gz"), default=None, key=lambda path: path.name)


def begin_with(network: EorasNetwork, path: Path) -> None:
    """Take a checkpoint's weights, or those of torchvision's ResNet-50 into the backbone wherever names match.

    Group norms take the weight and bias of the batch norms, as in the reference. Raises EngineError or InputError.
    """
    content = read_pickled(path)
    if isinstance(content, Mapping) and "model" in content:
        try:
            network.load_state_dict(dict(model_tensors(content, path)))
        except RuntimeError as error:
            words = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} does not fit the given sizes ({words}); give the sizes of its training"
            ) from error
        return
    own = network.feature_extractor.state_dict()
    there = content if isinstance(content, Mapping) else {}
    known = {name: t for name, t in there.items() if name in own and own[name].shape == getattr(t, "shape", None)}
    if not known:
        raise InputError(f"{path} is neither a checkpoint of EoRaS nor torchvision's resnet50; name one of them")
    network.feature_extractor.load_state_dict(own | known)
