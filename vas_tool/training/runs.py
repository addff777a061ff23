"""The learning rate, checkpoints and log of all training runs."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

from accelerate import Accelerator
from safetensors import SafetensorError

from vas_tool.errors import InputError
from vas_tool.storage import write_atomically

CHECKPOINT = "checkpoint-"


def pace(step: int, *, steps: int, warmup: int) -> float:
    """Return the factor of the learning rate at a step: a rise, then half a cosine to a hundredth."""
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2


def checkpoints(out: Path) -> dict[int, Path]:
    """The whole checkpoints of a run, by the steps done; the last one last."""
    found = {path.name.removeprefix(CHECKPOINT): path for path in out.glob(f"{CHECKPOINT}*") if path.is_dir()}
    return {int(step): found[step] for step in sorted((s for s in found if s.isdigit()), key=int)}


def resumed(accelerator: Accelerator, out: Path) -> int:
    """Load the last checkpoint, if any, and return the number of finished steps."""
    found = checkpoints(out)
    if not found:
        return 0
    step = max(found)
    accelerator.load_state(str(found[step]))
    return step


def save(accelerator: Accelerator, out: Path, step: int, *, keep: int = 1) -> None:
    """Written beside, then renamed: whatever stops it, the checkpoint before is whole. The last ``keep`` stay.

    Raises InputError when it cannot be written, as on a full disk.
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
    """Add a line to ``out/curve.csv``, and print it."""
    path = out / "curve.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(line))
        if new:
            writer.writeheader()
        writer.writerow({k: v if isinstance(v, int) else round(v, 5) for k, v in line.items()})
    print(" ".join(f"{k} {v:.4g}" for k, v in line.items()), flush=True)


class Metrics:
    """``metrics.jsonl``: a line of numbers for every ``unit`` (step or epoch) of a run."""

    def __init__(self, out: Path, unit: str) -> None:
        self.file, self.unit = out / "metrics.jsonl", unit

    def lines(self) -> list[dict[str, float]]:
        """All so far; one that a kill cut short is left out."""
        found = []
        for line in self.file.read_text().splitlines() if self.file.exists() else []:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def forget_after(self, done: int) -> None:
        """Take out the lines of what comes again."""
        if self.file.exists():
            kept = [json.dumps(line) for line in self.lines() if line[self.unit] <= done]
            write_atomically(self.file, "".join(f"{line}\n" for line in kept).encode())

    def add(self, line: Mapping[str, float]) -> None:
        """Add a line of numbers to the log."""
        with self.file.open("a") as file:
            file.write(json.dumps({name: round(value, 8) for name, value in line.items()}) + "\n")
