"""Fine-tunes the learned amodal engine on accepted frames (``vas-tool train learned``).

Half of each step is drawn shapes, as in the training of the shipped weights (``train_amodal``), because from a few
accepted tracks alone the network would forget the rest. A run takes minutes on a CPU. A resumed run ends with the same
bits. The result is an engine in ``final/`` (``engines.tuned``), with the scores on the held-out frames before and
after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from vas_tool import __version__
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.learned.engine import WEIGHTS, LearnedAmodal
from vas_tool.engines.tuned import CARD, LEARNED_PART, register
from vas_tool.errors import InputError
from vas_tool.files import write_atomically
from vas_tool.training.accepted_frames import AcceptedObject, Score, held_out, samples_of, score_of
from vas_tool.training.amodal_losses import loss
from vas_tool.training.amodal_net import AmodalNet, probability
from vas_tool.training.export_amodal import export
from vas_tool.training.onnx_files import weights_in
from vas_tool.training.runs import Metrics, checkpoints, pace, resumed, save
from vas_tool.training.scenes import Sample, samples
from vas_tool.training.train_amodal import Batch, batch_of

LEAST_SAMPLES = 8
"""Least number of frames to learn from."""


@dataclass(frozen=True)
class Plan:
    """The options of a run. Raises InputError for values out of range."""

    out: Path
    start: Path = WEIGHTS
    """An ONNX file of the network: the shipped one, or that of an earlier result."""
    steps: int = 150
    batch: int = 24
    learning_rate: float = 3e-4
    """A seventh of the rate with which the shipped weights were trained."""
    warmup: int = 20
    drawn: float = 0.5
    """Share of a step's samples, 0..1, that are drawn shapes."""
    variants: int = 3
    """Number of windows of each accepted frame."""
    hold_out: float = 0.25
    """Share of the videos, 0..1, that are held out for measuring."""
    decay: float = 0.98
    """Decay of the running mean of the weights, which is the result."""
    every: int = 100
    """Steps between checkpoints."""
    seed: int = 0
    resume: bool = False

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.variants, self.every) < 1 or self.learning_rate <= 0:
            raise InputError("steps, batch, variants and every must be 1 or more, and the learning rate above 0")
        if not (0 <= self.drawn < 1 and 0 <= self.hold_out < 1 and 0 < self.decay < 1):
            raise InputError("drawn, hold_out and decay are shares between 0 and 1")


@dataclass(frozen=True)
class TuningResult:
    """The result of a run."""

    folder: Path
    name: str
    """Name of the new engine."""
    before: tuple[Score, ...]
    """Scores of the initial weights on the held-out objects; empty when all objects are of one video."""
    after: tuple[Score, ...]


def tune(plan: Plan, objects: Sequence[AcceptedObject], *, progress: Progress = silent) -> TuningResult:
    """Train on accepted objects and write the engine.

    Raises InputError if there is too little to learn from, if ``plan.out`` holds a run and ``plan.resume`` is False, or
    if a checkpoint cannot be written; Cancelled if ``progress`` does.
    """
    if checkpoints(plan.out) and not plan.resume:
        raise InputError(f"{plan.out} holds a run already; resume it with --resume, or choose another --out")
    learned, out = held_out(objects, plan.hold_out, plan.seed)
    random = np.random.default_rng([plan.seed, 1])
    real = [s for obj in learned for s in samples_of(obj, random, variants=plan.variants)]
    if len(real) < LEAST_SAMPLES * plan.variants:
        raise InputError(
            f"{len(real) // plan.variants} accepted frames hide a part of their object, and {LEAST_SAMPLES} are the "
            "least to learn from; accept more frames with an amodal mask"
        )
    before = _scores(plan.start, out)
    plan.out.mkdir(parents=True, exist_ok=True)
    mean = _trained(plan, real, progress=progress)
    (plan.out / "final").mkdir(exist_ok=True)
    weights = plan.out / "final" / LEARNED_PART
    export(mean, weights)
    tuned = TuningResult(plan.out / "final", "", before, _scores(weights, out))
    _write_card(plan, tuned, [obj.name for obj in learned])
    return TuningResult(tuned.folder, register(tuned.folder, plan.out.resolve().name), before, tuned.after)


def _scores(weights: Path, objects: Sequence[AcceptedObject]) -> tuple[Score, ...]:
    engine = LearnedAmodal(weights)
    return tuple(score for obj in objects if (score := score_of(engine, obj)) is not None)


def _trained(plan: Plan, real: list[Sample], *, progress: Progress) -> AmodalNet:
    """Return the running mean of the weights after all steps."""
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    set_seed(plan.seed)
    net = AmodalNet()
    held = weights_in(plan.start)
    net.load_state_dict({name: held[name] for name in net.state_dict()})
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(plan.decay)
    mean = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=average).to(accelerator.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-3)
    net, optimizer = accelerator.prepare(net, optimizer)
    accelerator.register_for_checkpointing(mean)
    done = resumed(accelerator, plan.out)
    metrics, started = Metrics(plan.out, "step"), time.monotonic()
    metrics.forget_after(done)
    for step in range(done, plan.steps):
        progress(step, plan.steps, "training")
        rate = plan.learning_rate * pace(step, steps=plan.steps, warmup=plan.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        pictures, candidates, truth = (part.to(accelerator.device) for part in _batch(plan, real, step))
        wrong = loss(probability(net, pictures, candidates), truth, pictures[:, 0])
        accelerator.backward(wrong)
        accelerator.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean.update_parameters(accelerator.unwrap_model(net))
        seconds = (time.monotonic() - started) / (step + 1 - done)
        metrics.add({"step": step + 1, "loss": float(wrong.detach()), "learning_rate": rate, "seconds": seconds})
        if (step + 1) % plan.every == 0 or step + 1 == plan.steps:
            save(accelerator, plan.out, step + 1)
    progress(plan.steps, plan.steps, "training")
    kept: AmodalNet = mean.module.cpu()
    return kept


def _batch(plan: Plan, real: list[Sample], step: int) -> Batch:
    """Return the batch of a step. It depends only on the seed and the step's number."""
    random = np.random.default_rng([plan.seed, 2, step])
    num_real = plan.batch - round(plan.drawn * plan.batch)
    found = [_mirrored(real[int(k)], random) for k in random.integers(0, len(real), num_real)]
    while len(found) < plan.batch:
        found += islice(samples(random), plan.batch - len(found))
    return batch_of(found)


def _mirrored(sample: Sample, random: np.random.Generator) -> Sample:
    """Return the sample mirrored with probability 0.5."""
    if random.random() < 0.5:
        return sample
    turned = type(sample.evidence)(
        np.ascontiguousarray(sample.evidence.picture[..., ::-1]),
        np.ascontiguousarray(sample.evidence.candidates[..., ::-1]),
    )
    return Sample(turned, np.ascontiguousarray(sample.truth[..., ::-1]))


def _write_card(plan: Plan, tuned: TuningResult, data: list[str]) -> None:
    import hashlib

    weights = (tuned.folder / LEARNED_PART).read_bytes()
    card: dict[str, Any] = {
        "engine": "learned",
        "stage": "amodal",
        "revision": hashlib.blake2b(weights, digest_size=4).hexdigest(),
        "steps": plan.steps,
        "data": data,
        "from": str(plan.start),
        "before": [asdict(score) for score in tuned.before],
        "after": [asdict(score) for score in tuned.after],
        "vas_tool": __version__,
    }
    write_atomically(tuned.folder / CARD, json.dumps(card, indent=2).encode())
