"""EoRaS learns from a miniature MOVi set made by code: what training for minutes on a CPU adds to what is seen.

    python benchmarks/eoras_training.py RUN [--epochs 30] [--report]

Writes the set and the run below RUN (a run that is there goes on), then prints a table: IoU of the hidden part (strict:
frames on which something is hidden, a miss counts as 0) and of the whole, as means over frames of test scenes, for the
modal mask, its hull, and the network, whose answer is united with the modal mask as the engine does it. The curve is
written to RUN/curve.csv. ``--report`` trains no further. The network is a small one: see SMALL.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vas_tool.engines.eoras.checkpoints import load_network
from vas_tool.engines.eoras.options import EorasOptions
from vas_tool.engines.eoras.patches import pasted
from vas_tool.evaluation.baselines import convex_hull
from vas_tool.masks import iou
from vas_tool.training.eoras.clip_samples import Sample, SampleSource
from vas_tool.training.eoras.made_movi import write_made_movi
from vas_tool.training.eoras.movi_samples import MoviSamples
from vas_tool.training.eoras.split_totals import hidden_overlap, network_answer
from vas_tool.training.eoras.train import last_checkpoint, train
from vas_tool.training.eoras.training_plan import Plan, Schedule
from vas_tool.types import Mask

SMALL = EorasOptions(
    d_model=64,
    num_layers=1,
    num_slots=4,
    feedforward=256,
    feature_channels=32,
    blocks=(1, 1, 1, 1),
    decoder_channels=(128, 64),
)
SCHEDULE = Schedule(epochs=30, learning_rate=5e-4, gamma=0.95, every=1, length=4)
NUM_TRAIN, NUM_TEST, NUM_FRAMES = 60, 6, 8
"""Videos, and frames of each."""

Masks = Callable[[Sample], list[Mask]]
COLUMNS = ("epoch", "iterations", "seconds", "full", "visible", "loss", "iou_full", "strict_hidden")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--epochs", type=int, default=SCHEDULE.epochs)
    parser.add_argument("--videos", type=int, default=NUM_TRAIN)
    parser.add_argument("--learning-rate", type=float, default=SCHEDULE.learning_rate)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data, out = options.run / "made_movi", options.run / "run"
    if not (data / "test" / "instance_list.npy").exists():
        write_made_movi(data, num_train=options.videos, num_test=NUM_TEST, num_frames=NUM_FRAMES)
    if not options.report:
        schedule = replace(SCHEDULE, epochs=options.epochs, learning_rate=options.learning_rate)
        train(Plan("movi", data, out, schedule, SMALL))
    write_curve(out / "metrics.jsonl", options.run / "curve.csv")
    print_table(MoviSamples(data, "test"), out)


def write_curve(metrics: Path, curve: Path) -> None:
    """A line an epoch; seconds from the start of the run."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    spent = np.cumsum([line["seconds"] for line in lines])
    with curve.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for line, seconds in zip(lines, spent, strict=True):
            writer.writerow(
                [line.get(name, "") for name in COLUMNS[:2]]
                + [round(seconds)]
                + [line.get(name, "") for name in COLUMNS[3:]]
            )


def print_table(test: SampleSource, out: Path) -> None:
    rows: dict[str, Masks] = {
        "modal": lambda sample: [frame.modal for frame in sample.frames],
        "hull": lambda sample: [convex_hull(frame.modal) for frame in sample.frames],
    }
    path = last_checkpoint(out)
    if path is not None:
        answer = network_answer(load_network(path))
        rows[f"EoRaS, {path.name.partition('.')[0]}"] = lambda sample: [
            pasted(probability, frame.window, frame.modal.shape) | frame.modal
            for frame, probability in zip(sample.frames, answer(sample), strict=True)
        ]
    print(f"{'':28s} hidden  whole  frames")
    for name, masks in rows.items():
        hidden, whole = scores(test, masks)
        print(f"{name:28s} {np.mean(hidden):6.3f} {np.mean(whole):6.3f}  {len(hidden)} of {len(whole)}")


def scores(test: SampleSource, masks: Masks) -> tuple[list[float], list[float]]:
    """IoU of the hidden part, where there is one, and of the whole."""
    hidden, whole = list[float](), list[float]()
    for index in range(len(test)):
        sample = test.sample(index, np.random.RandomState(index))
        for frame, mask in zip(sample.frames, masks(sample), strict=True):
            overlap = hidden_overlap(frame, mask)
            hidden += [] if overlap is None else [overlap]
            whole.append(iou(frame.amodal, mask))
    return hidden, whole


if __name__ == "__main__":
    main()
