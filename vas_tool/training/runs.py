"""What every run of training needs: pace, checkpoints, and the log."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

from accelerate import Accelerator


def pace(step: int, *, steps: int, warmup: int) -> float:
    """The part of the learning rate at a step: a rise, then half a cosine to a hundredth."""
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2


def resumed(accelerator: Accelerator, out: Path) -> int:
    """Load the last checkpoint, if any; the steps done so far."""
    state = out / "checkpoint"
    if not state.is_dir():
        return 0
    accelerator.load_state(str(state))
    return int((state / "step").read_text())


def save(accelerator: Accelerator, out: Path, step: int) -> None:
    """Written beside, then swapped: a run that is killed meanwhile finds the checkpoint before."""
    new, old = out / "checkpoint.new", out / "checkpoint"
    accelerator.save_state(str(new))
    if accelerator.is_main_process:
        (new / "step").write_text(str(step))
        shutil.rmtree(old, ignore_errors=True)
        new.rename(old)
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
