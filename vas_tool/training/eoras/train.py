"""Train EoRaS as its released scripts do.

    accelerate launch -m vas_tool.training.eoras.train --data movi ROOT --out RUN

One clip of one object a process and step; the network goes through it frame by frame. Checkpoints are in the released
format (``checkpoint-%04d.pth.gz``): the reference's ``test_*.py`` read ours, and this reads theirs. A run that is there
goes on behind its last checkpoint; what a step learns from follows from the seed, the epoch and its number.
``metrics.jsonl`` holds the losses and the totals of the test loop.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import Dataset

from vas_tool.engines.eoras.checkpoints import PREFIX, model_tensors
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.eoras.options import EorasOptions, Positions, Tilt
from vas_tool.engines.tensors import read_pickled
from vas_tool.errors import InputError
from vas_tool.training.eoras.kitti import KittiSamples
from vas_tool.training.eoras.losses import eoras_losses
from vas_tool.training.eoras.measuring import measured, network_answer, strict_hidden_iou
from vas_tool.training.eoras.movi import MoviSamples
from vas_tool.training.eoras.samples import Sample, SampleSource

Data = Literal["movi", "kitti"]

WEIGHT_DECAY = 5e-4
DEFAULTS: dict[Data, dict[str, float]] = {
    "movi": {"learning_rate": 1e-5, "gamma": 1.0, "length": 12, "epochs": 50, "every": 10},
    "kitti": {"learning_rate": 1e-4, "gamma": 0.95, "length": 12, "epochs": 51, "every": 5},
}
"""What the two released scripts do when nothing is said. The paper names gamma 0.95 for both."""


@dataclass(frozen=True)
class Plan:
    """How a run goes."""

    data: Data
    root: Path
    out: Path
    epochs: int
    learning_rate: float
    gamma: float
    """Of the exponential decay of the learning rate, an epoch."""
    length: int
    """Frames of a clip."""
    every: int
    """Epochs between checkpoints, and between test loops."""
    options: EorasOptions
    visible_weight: float = 1.0
    seed: int = 123
    start: Path | None = None
    """A checkpoint to begin with, or torchvision's ResNet-50."""

    def source(self, split: Literal["train", "test"]) -> SampleSource:
        """A split of the data. MOVi's and KITTI's test clips are whole."""
        if self.data == "movi":
            return MoviSamples(self.root, split, self.length)
        return KittiSamples(self.root, split, self.length if split == "train" else 8)


class Clips(Dataset[dict[str, Tensor]]):
    """The clips of one epoch, in an order of their own; each process takes every n-th."""

    def __init__(self, source: SampleSource, plan: Plan, epoch: int) -> None:
        self._source, self._plan, self._epoch = source, plan, epoch
        self._order = np.random.default_rng([plan.seed, epoch]).permutation(len(source))

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        random = np.random.RandomState([self._plan.seed, self._epoch, number])
        return tensors_of(self._source.sample(int(self._order[number]), random))


def tensors_of(sample: Sample) -> dict[str, Tensor]:
    """A batch of one: crops, intrinsics, full, visible (1, T, ...) float32 and labelled (1, T) bool."""
    masks = {"full": sample.full[:, None], "visible": sample.visible[:, None]}
    return {
        "crops": torch.from_numpy(sample.patches)[None],
        "intrinsics": torch.from_numpy(sample.intrinsics).repeat(len(sample.frames), 1, 1)[None],
        **{name: torch.from_numpy(mask.astype(np.float32))[None] for name, mask in masks.items()},
        "labelled": torch.from_numpy(sample.labelled)[None],
    }


def train(plan: Plan) -> Path:
    """Train, and give the last checkpoint. Goes on behind the last one in ``plan.out``."""
    accelerator = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
    set_seed(plan.seed)
    network = EorasNetwork(plan.options)
    if plan.start is not None:
        begin_with(network, plan.start)
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    run = _Run(plan, accelerator, network)
    done = run.resumed()
    run.prepare()
    for epoch in range(done + 1, plan.epochs + 1):
        run.epoch(epoch)
    return last_checkpoint(plan.out) or plan.out


class _Run:
    """What a run carries from epoch to epoch."""

    def __init__(self, plan: Plan, accelerator: Accelerator, network: Any) -> None:
        self.plan, self.accelerator, self.network, self.iterations = plan, accelerator, network, 0
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=WEIGHT_DECAY)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimiser, plan.gamma)

    def prepare(self) -> None:
        self.network, self.optimiser = self.accelerator.prepare(self.network, self.optimiser)

    def epoch(self, epoch: int) -> None:
        started, told = time.monotonic(), list[tuple[float, float]]()
        self.network.train()
        torch.manual_seed(
            int(np.random.default_rng([self.plan.seed, epoch, self.accelerator.process_index]).integers(1 << 31))
        )
        for clip in self._clips(epoch):
            if clip["labelled"].any():  # the reference skips clips without any label
                told.append(self._step(clip))
                self.iterations += 1
        self.scheduler.step()
        line = {"epoch": epoch, "iterations": self.iterations, "seconds": time.monotonic() - started}
        line |= dict(zip(("full", "visible"), np.mean(told, axis=0).tolist(), strict=True)) if told else {}
        if epoch % self.plan.every == 0 or epoch == self.plan.epochs:
            line |= self._measured()
            self._save(epoch)
        self._note(line)

    def _clips(self, epoch: int) -> Iterator[dict[str, Tensor]]:
        clips = Clips(self.plan.source("train"), self.plan, epoch)
        count = len(clips) // self.accelerator.num_processes * self.accelerator.num_processes or len(clips)
        for number in range(self.accelerator.process_index, count, self.accelerator.num_processes):
            yield {name: part.to(self.accelerator.device) for name, part in clips[number].items()}

    def _step(self, clip: dict[str, Tensor]) -> tuple[float, float]:
        masks = self.network(clip["crops"], clip["intrinsics"])
        truth = {name: clip[name] for name in ("full", "visible", "labelled")}
        losses = eoras_losses(masks, **truth, visible_weight=self.plan.visible_weight)
        self.optimiser.zero_grad()
        self.accelerator.backward(losses.total)
        self.optimiser.step()
        return float(losses.full.detach()), float(losses.visible.detach())

    def _measured(self) -> dict[str, float]:
        network, test = self.accelerator.unwrap_model(self.network), self.plan.source("test")
        if not self.accelerator.is_main_process:
            return {}
        answer = network_answer(network)
        return asdict(measured(test, answer)) | {"strict_hidden_iou": strict_hidden_iou(test, answer)}

    def _save(self, epoch: int) -> None:
        """In the released format; written beside, then renamed."""
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
        """The epochs that are done."""
        self.plan.out.mkdir(parents=True, exist_ok=True)
        path = last_checkpoint(self.plan.out)
        if path is None:
            return 0
        content = read_pickled(path)
        self.network.load_state_dict(dict(model_tensors(content, path)))
        assert isinstance(content, dict)
        self.optimiser.load_state_dict(content["optim"])
        self.scheduler.load_state_dict(content["scheduler"])
        self.iterations = int(content["iters"])
        return int(content["epoch"])

    def _note(self, line: dict[str, float]) -> None:
        if self.accelerator.is_main_process:
            with (self.plan.out / "metrics.jsonl").open("a") as file:
                file.write(json.dumps({name: round(value, 6) for name, value in line.items()}) + "\n")
            self.accelerator.print(" ".join(f"{name} {value:.4g}" for name, value in line.items()), flush=True)


def last_checkpoint(folder: Path) -> Path | None:
    """The last by name, as the reference resumes; None when there is none."""
    return max(folder.glob("*.pth.gz"), default=None, key=lambda path: path.name)


def begin_with(network: EorasNetwork, path: Path) -> None:
    """Take a checkpoint's weights, or those of torchvision's ResNet-50 into the backbone wherever names match.

    Group norms take the weight and bias of the batch norms, as in the reference. Raises EngineError or InputError.
    """
    content = read_pickled(path)
    if isinstance(content, dict) and "model" in content:
        network.load_state_dict(dict(model_tensors(content, path)))
        return
    own = network.feature_extractor.state_dict()
    known = {name: t for name, t in dict(content).items() if name in own and own[name].shape == t.shape}
    if not known:
        raise InputError(f"{path} is neither a checkpoint of EoRaS nor torchvision's resnet50; name one of them")
    network.feature_extractor.load_state_dict(own | known)


def plan_of(arguments: argparse.Namespace) -> Plan:
    """A plan from the command line; what was not said is the released script's."""
    data, root = arguments.data
    if data not in DEFAULTS:
        raise InputError(f"--data needs movi or kitti and a folder, got {data!r}")
    chosen = {name: getattr(arguments, name) for name in ("epochs", "learning_rate", "gamma", "length", "every")}
    values: dict[str, Any] = {name: DEFAULTS[data][name] if value is None else value for name, value in chosen.items()}
    options = EorasOptions(
        d_model=arguments.d_model,
        num_slots=arguments.num_slots,
        num_layers=arguments.num_layers,
        feature_channels=arguments.feature_channels,
        blocks=tuple(arguments.blocks),
        positions=arguments.positions,
        tilt=arguments.tilt,
    )
    return Plan(data, Path(root), arguments.out, options=options, seed=arguments.seed, start=arguments.start, **values)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of ``vas-tool train eoras`` and of this module's own command line."""
    parser.add_argument("--data", nargs=2, required=True, metavar=("movi|kitti", "ROOT"))
    parser.add_argument("--out", type=Path, required=True, help="the folder of the run; a run that is there goes on")
    parser.add_argument("--from", dest="start", type=Path, help="a checkpoint, or torchvision's resnet50 weights")
    for name, kind, told in (
        ("epochs", int, "movi 50, kitti 51"),
        ("learning-rate", float, "movi 1e-5, kitti 1e-4"),
        ("gamma", float, "decay of the learning rate an epoch: movi 1.0 (the paper: 0.95), kitti 0.95"),
        ("length", int, "frames of a clip: 12"),
        ("every", int, "epochs between checkpoints: movi 10, kitti 5"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=f"default: {told}")
    sizes = EorasOptions()
    for name in ("d_model", "num_slots", "num_layers", "feature_channels"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(sizes, name))
    parser.add_argument("--blocks", type=int, nargs=4, default=sizes.blocks, help="of the backbone's four layers")
    parser.add_argument("--positions", choices=Positions.__args__, default="sincos")
    parser.add_argument("--tilt", choices=Tilt.__args__, default="none", help="of the voxel grid; movid for MOVi-D")
    parser.add_argument("--seed", type=int, default=Plan.seed)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    train(plan_of(parser.parse_args()))


if __name__ == "__main__":
    main()
