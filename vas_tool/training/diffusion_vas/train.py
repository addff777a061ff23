"""Fine-tunes a stage of Diffusion-VAS (``vas-tool train amodal`` and ``vas-tool train content``).

Each process takes one clip at a time. The data of a step depend only on the seed and the step's number, so that a
resumed run ends with the same bits on a CPU. ``metrics.jsonl`` and ``run.html`` show the progress. A run resumes from
``checkpoint-N/`` (``unet/`` in the released layout); the result is ``final/``.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch import Tensor

from vas_tool import __version__
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.diffusion_vas.diffusion_pipeline import best_device
from vas_tool.engines.diffusion_vas.loading import DIFFUSERS_FILE, read_config, weights_file
from vas_tool.engines.tensors import read_tensors
from vas_tool.engines.tuned import register
from vas_tool.errors import EngineError, InputError
from vas_tool.training.diffusion_vas.data_sources import split_of
from vas_tool.training.diffusion_vas.fresh_examples import Examples
from vas_tool.training.diffusion_vas.frozen_encoders import Encoders
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.result_folder import digest_of, require_start, write_final, write_unet
from vas_tool.training.diffusion_vas.run_examples import examples_of
from vas_tool.training.diffusion_vas.run_page import RunPage
from vas_tool.training.diffusion_vas.step_draws import DropoutDraws, draws_of
from vas_tool.training.diffusion_vas.trained_unet import TrainedUnet, load_network
from vas_tool.training.diffusion_vas.training_step import loss_of, to_device, unet_input, velocity_of
from vas_tool.training.diffusion_vas.tuning_plan import Plan, begin
from vas_tool.training.diffusion_vas.validation_clips import Validation
from vas_tool.training.runs import Metrics, checkpoints, resumed, save

PATIENCE = 12 * 3600.0
"""The longest, in seconds, that other processes wait while the first one runs the validation clips."""
FULL = (
    "the GPU's memory is full; try gradient_checkpointing, frozen_half or use_8bit_adam, or compute latents and "
    "tokens before with vas-tool train prepare"
)

OnStep = Callable[[int, TrainedUnet], None]
"""A function that is called after each step with its number and the network; for tests."""


def train(plan: Plan, *, progress: Progress = silent, on_step: OnStep | None = None) -> Path:
    """Train and return the folder of the result. With ``plan.resume``, the run continues after its last checkpoint.

    Raises InputError when there is nothing to learn from, the plan does not go on, the loss is not a number, or
    the disk is full; EngineError for weights that do not fit and when memory is full; Cancelled from ``progress``.
    """
    require_start(plan.start)
    if plan.recipe.frozen_half and precision_of(plan.recipe) == "no":
        raise InputError("frozen_half needs mixed_precision bf16 or fp16: float32 and float16 do not multiply")
    accelerator = _accelerator(plan.recipe)
    if accelerator.is_main_process:
        begin(plan)
        split_of(plan.data, plan.recipe)  # samples of projects are written once, before the others read them
    accelerator.wait_for_everyone()
    try:
        return _Run(plan, accelerator).whole(progress, on_step)
    except torch.OutOfMemoryError as error:
        last = max(checkpoints(plan.out), default=0)
        raise EngineError(f"{FULL}; then resume from step {last} with --resume") from error
    finally:
        accelerator.end_training()


def precision_of(recipe: Recipe) -> str:
    """Return the precision of a run: ``fp16``, ``bf16`` or ``no``."""
    if recipe.mixed_precision == "auto":
        return "fp16" if torch.cuda.is_available() else "no"
    return recipe.mixed_precision


def dtype_of(recipe: Recipe) -> torch.dtype:
    """Return the number format of the frozen networks."""
    return {"fp16": torch.float16, "bf16": torch.bfloat16, "no": torch.float32}[precision_of(recipe)]


def _accelerator(recipe: Recipe) -> Accelerator:
    from datetime import timedelta

    torch.backends.cuda.matmul.allow_tf32 = recipe.allow_tf32
    patient = InitProcessGroupKwargs(timeout=timedelta(seconds=PATIENCE))
    # Without this several processes on CPUs would not find each other, whichever way they were launched.
    only_cpu = best_device() == "cpu"
    return Accelerator(cpu=only_cpu, mixed_precision=precision_of(recipe), kwargs_handlers=[patient])


@dataclass(frozen=True)
class StepClip:
    """One clip of one step on one process."""

    index: int
    """Number of the sample."""
    position: int
    """Position of its draws (``step_draws.draws_of``)."""


class Order:
    """The order of the samples. Each epoch has another random order."""

    def __init__(self, num_samples: int, recipe: Recipe, *, num_processes: int) -> None:
        self.num_samples, self.recipe, self.num_processes = num_samples, recipe, num_processes
        self.at_once = recipe.gradient_accumulation_steps * num_processes
        self.steps_an_epoch = -(-num_samples // self.at_once)

    @property
    def num_steps(self) -> int:
        """Number of steps of the run."""
        return self.recipe.max_train_steps or self.recipe.num_train_epochs * self.steps_an_epoch

    def clips_of(self, step: int, process: int) -> Iterator[StepClip]:
        """Yield the clips of a step (from 0) on a process. When the last step of an epoch is not full, the first
        samples are repeated.

        With ``noise=own``, N processes with one clip each have the turns of one process with N clips.
        """
        epoch, place = divmod(step, self.steps_an_epoch)
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(self.num_samples)
        for number in range(self.recipe.gradient_accumulation_steps):
            slot = place * self.at_once + number * self.num_processes + process
            own = step * self.at_once + number * self.num_processes + process
            same = step * self.recipe.gradient_accumulation_steps + number
            yield StepClip(int(order[slot % self.num_samples]), own if self.recipe.noise == "own" else same)


class _Run:
    """The state of a run."""

    def __init__(self, plan: Plan, accelerator: Accelerator) -> None:
        recipe = plan.recipe
        self.plan, self.recipe, self.accelerator = plan, recipe, accelerator
        split = split_of(plan.data, recipe)
        self.examples: Examples = examples_of(plan, split, dtype=dtype_of(recipe), device=accelerator.device)
        self.order = Order(len(self.examples), recipe, num_processes=accelerator.num_processes)
        self.dropout = DropoutDraws(recipe.seed)
        self.network = load_network(plan.start, recipe)
        learning = list(self.network.learning().values())
        self.optimiser = _optimiser(learning, recipe)
        self.schedule = get_scheduler(
            recipe.lr_scheduler,
            self.optimiser,
            num_warmup_steps=recipe.lr_warmup_steps,
            num_training_steps=self.order.num_steps,
        )
        self.mean = EMAModel(learning, decay=recipe.ema_decay) if recipe.use_ema else None
        self.validation = Validation(split.held_out, recipe, encoders=self._encoders, depth_engine=plan.depth_engine)
        self.metrics, self.page = Metrics(plan.out, "step"), RunPage(plan.out, plan.json())

    def whole(self, progress: Progress, on_step: OnStep | None) -> Path:
        """Run all steps and return the folder of the result."""
        done = self._prepared()
        started, first = time.monotonic(), done
        for step in range(done, self.order.num_steps):
            progress(step, self.order.num_steps, "training")
            line = {"step": step + 1, "loss": self._step(step), "learning_rate": self.schedule.get_last_lr()[0]}
            self.schedule.step()
            pace = (time.monotonic() - started) / (step + 1 - first)
            line |= {"seconds": pace, "seconds_left": pace * (self.order.num_steps - step - 1)}
            if on_step is not None:
                on_step(step + 1, self.network)
            self._look_and_keep(step + 1, line)
        progress(self.order.num_steps, self.order.num_steps, "training")
        return self._finished()

    def _prepared(self) -> int:
        """Move the networks to the device, load the last checkpoint of a resumed run, and return the number of finished
        steps.
        """
        accelerator = self.accelerator
        self.wrapped, self.optimiser = accelerator.prepare(self.network, self.optimiser)
        accelerator.register_for_checkpointing(self.schedule)
        if self.mean is not None:
            self.mean.to(accelerator.device)
            accelerator.register_for_checkpointing(self.mean)
        accelerator.register_save_state_pre_hook(self._save_unet)
        accelerator.register_load_state_pre_hook(self._load_unet)
        done = resumed(accelerator, self.plan.out) if self.plan.resume else 0
        if accelerator.is_main_process:
            self.metrics.forget_after(done)
        count = sum(p.numel() for p in self.network.learning().values())
        accelerator.print(f"{count} numbers learn, from step {done} of {self.order.num_steps}, on {accelerator.device}")
        return done

    def _step(self, step: int) -> float:
        """Train one step and return the mean loss over all processes. Raises InputError when it is not a number."""
        step_clips, losses = list(self.order.clips_of(step, self.accelerator.process_index)), list[Tensor]()
        for number, step_clip in enumerate(step_clips):
            is_last = number == len(step_clips) - 1
            with nullcontext() if is_last else self.accelerator.no_sync(self.wrapped):
                loss = self._loss(step_clip)
                self.accelerator.backward(loss / len(step_clips))
            losses.append(loss.detach())
        mean = float(self.accelerator.reduce(torch.stack(losses).mean(), "mean"))
        if not math.isfinite(mean):
            last = max(checkpoints(self.plan.out), default=0)
            raise InputError(
                f"the loss of step {step + 1} is not a number; the checkpoint of step {last} is complete: resume from "
                "it with --resume and a smaller learning_rate, max_grad_norm 1.0, or mixed_precision bf16"
            )
        if self.recipe.max_grad_norm:
            self.accelerator.clip_grad_norm_(self.network.learning().values(), self.recipe.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.mean is not None:
            self.mean.step(self.network.learning().values())
        return mean

    def _loss(self, step_clip: StepClip) -> Tensor:
        draws = draws_of(self.recipe, step_clip.position, dropout=self.dropout[step_clip.position])
        random = Random(f"{self.recipe.seed}/{step_clip.position}")
        clip = to_device(self.examples.encoded(step_clip.index, draws, random), self.accelerator.device)
        shown = unet_input(clip, draws, self.recipe)
        with self.accelerator.autocast():
            velocity = velocity_of(self.wrapped, shown)
        return loss_of(velocity, shown, clip)

    def _look_and_keep(self, step: int, line: dict[str, float]) -> None:
        """Write checkpoint, validation clips and log at the steps that the recipe names."""
        recipe, is_last = self.recipe, step == self.order.num_steps
        if step % recipe.checkpointing_steps == 0 or is_last:
            save(self.accelerator, self.plan.out, step, keep=recipe.checkpoints_total_limit)
        is_time = recipe.validation_steps and (step == 1 or step % recipe.validation_steps == 0 or is_last)
        if self.accelerator.is_main_process:
            if is_time:
                with self.accelerator.autocast(), self._mean_weights():
                    seen = self.validation.look(self.network, self.plan.out / "validation", step)
                line |= seen.numbers
                self.page.show(step, seen.pictures)
            self.metrics.add(line)
            self.page.add(line)
            if is_time or is_last:
                self.page.write(self.metrics.lines())
        if is_time:
            self.accelerator.wait_for_everyone()

    def _finished(self) -> Path:
        accelerator, final = self.accelerator, self.plan.out / "final"
        if accelerator.is_main_process:
            with self._mean_weights():
                card = self.plan.json() | {
                    "engine": "diffusion-vas",
                    "stage": self.recipe.stage,
                    "revision": digest_of(self.network.learning()),
                    "steps": self.order.num_steps,
                    "vas_tool": __version__,
                }
                write_final(self.plan.out, self.network.released_state(), start=self.plan.start, card=card)
            self.page.close()
            if self.recipe.conditions == "both":
                accelerator.print(f"the engine is called {register(final, self.plan.out.resolve().name)}")
        accelerator.wait_for_everyone()
        return final

    def _mean_weights(self) -> Any:
        """Within it, the network has the running mean of its weights, if there is one."""
        return nullcontext() if self.mean is None else _MeanWeights(self.mean, self.network)

    def _encoders(self) -> Encoders:
        held = getattr(self.examples, "encoders", None)
        if held is not None:
            return cast(Encoders, held)
        return Encoders.load(self.plan.start, dtype=dtype_of(self.recipe), device=self.accelerator.device)

    def _save_unet(self, models: list[Any], weights: list[Any], folder: str) -> None:
        """Write the weights in the released layout instead of accelerate's file."""
        weights.clear()
        if self.accelerator.is_main_process:
            config = read_config(self.plan.start / "unet" / "config.json")
            write_unet(Path(folder) / "unet", self.network.released_state(), config, half=False)

    def _load_unet(self, models: list[Any], folder: str) -> None:
        models.clear()
        path = weights_file(Path(folder) / "unet", DIFFUSERS_FILE, dtype=torch.float32)
        self.network.load_released(read_tensors(path))


class _MeanWeights:
    def __init__(self, mean: EMAModel, network: TrainedUnet) -> None:
        self._mean, self._learning = mean, list(network.learning().values())

    def __enter__(self) -> None:
        self._mean.store(self._learning)
        self._mean.copy_to(self._learning)

    def __exit__(self, *_: object) -> None:
        self._mean.restore(self._learning)


def _optimiser(learning: list[Any], recipe: Recipe) -> torch.optim.Optimizer:
    make: Any = torch.optim.AdamW
    if recipe.use_8bit_adam:
        try:
            make = importlib.import_module("bitsandbytes.optim").AdamW8bit
        except ImportError as error:
            raise InputError("use_8bit_adam needs bitsandbytes: pip install bitsandbytes") from error
    betas = (recipe.adam_beta1, recipe.adam_beta2)
    optimiser: torch.optim.Optimizer = make(
        learning, lr=recipe.learning_rate, betas=betas, weight_decay=recipe.adam_weight_decay, eps=recipe.adam_epsilon
    )
    return optimiser
