"""The learning rate, checkpoints, log and result of all training runs, and the command lines of two of them."""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import cv2
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from vas_tool.errors import InputError
from vas_tool.storage import write_atomically

AnyPlan = TypeVar("AnyPlan")

CHECKPOINT = "checkpoint-"
"""Prefix of a checkpoint's folder; the number of finished steps follows."""


def plan_of_command_line(kind: type[AnyPlan], description: str | None) -> AnyPlan:
    """Return the plan, a dataclass, of the options on the command line: one for each number and path in its fields."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    hints = get_type_hints(kind)
    for field in fields(kind):  # type: ignore[arg-type]  # every plan is a dataclass
        value_type = (get_args(hints[field.name]) or (hints[field.name],))[0]
        if value_type is not bool:
            name, required = f"--{field.name.replace('_', '-')}", field.default is MISSING
            parser.add_argument(name, type=value_type, default=None if required else field.default, required=required)
    return kind(**vars(parser.parse_args()))


def one_thread(_: int) -> None:
    """Let a worker of a DataLoader use one thread."""
    cv2.setNumThreads(0)


def write_mean(mean: nn.Module, path: Path, *, half: bool = False) -> None:
    """Write the weights in a running mean (``AveragedModel``) as safetensors, in half precision if ``half``."""
    weights: dict[str, Any] = {k.removeprefix("module."): v for k, v in mean.state_dict().items() if k != "n_averaged"}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: (v.half() if half else v).contiguous().cpu() for k, v in weights.items()}, path)
    path.chmod(0o644)


def pace(step: int, *, steps: int, warmup: int) -> float:
    """Return the factor of the learning rate at a step: it rises linearly to 1 for ``warmup`` steps, then falls as half
    a cosine to 0.01.
    """
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2


def checkpoints(out: Path) -> dict[int, Path]:
    """Return number of finished steps -> folder, for the complete checkpoints of a run, ascending."""
    found = {path.name.removeprefix(CHECKPOINT): path for path in out.glob(f"{CHECKPOINT}*") if path.is_dir()}
    return {int(step): found[step] for step in sorted((s for s in found if s.isdigit()), key=int)}


def resumed(accelerator: Accelerator, out: Path) -> int:
    """Load the last checkpoint and return the number of finished steps; 0 if there is no checkpoint."""
    found = checkpoints(out)
    if not found:
        return 0
    step = max(found)
    accelerator.load_state(str(found[step]))
    return step


def save(accelerator: Accelerator, out: Path, step: int, *, keep: int = 1) -> None:
    """Write a checkpoint, and remove all but the last ``keep``.

    It is written beside its place and then renamed, so that the checkpoint before it stays complete if the process is
    killed. Raises InputError if it cannot be written, for example on a full disk.
    """
    new = out / f"{CHECKPOINT}{step}.new"
    try:
        accelerator.save_state(str(new))
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        last = max(checkpoints(out), default=None)
        kept = f"the checkpoint of step {last} is whole" if last is not None else "there is no checkpoint yet"
        raise InputError(
            f"the checkpoint of step {step} could not be written to {out} ({' '.join(str(error).split())[:200]}); "
            f"{kept}: make room on the disk and resume the run"
        ) from error
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        target = out / f"{CHECKPOINT}{step}"
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)
        for old in list(checkpoints(out).values())[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def note(out: Path, line: dict[str, float]) -> None:
    """Add a line of numbers to ``out/curve.csv``, and print it."""
    path = out / "curve.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(line))
        if new:
            writer.writeheader()
        writer.writerow({k: v if isinstance(v, int) else round(v, 5) for k, v in line.items()})
    print(" ".join(f"{k} {v:.4g}" for k, v in line.items()), flush=True)


class Metrics:
    """The file ``metrics.jsonl`` of a run: a line of numbers for each ``unit`` (``step`` or ``epoch``)."""

    def __init__(self, out: Path, unit: str) -> None:
        self.file, self.unit = out / "metrics.jsonl", unit

    def lines(self) -> list[dict[str, float]]:
        """Return all lines. An incomplete line, which a killed process left, is skipped."""
        found = []
        for line in self.file.read_text().splitlines() if self.file.exists() else []:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def forget_after(self, done: int) -> None:
        """Remove the lines after step or epoch ``done``, because the run repeats those."""
        if self.file.exists():
            kept = [json.dumps(line) for line in self.lines() if line[self.unit] <= done]
            write_atomically(self.file, "".join(f"{line}\n" for line in kept).encode())

    def add(self, line: Mapping[str, float]) -> None:
        """Add a line of numbers, rounded to eight decimals."""
        with self.file.open("a") as file:
            file.write(json.dumps({name: round(value, 8) for name, value in line.items()}) + "\n")
