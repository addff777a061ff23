"""The loaded model: its parts, their number format and device, and the tuned weights of one object.

The amodal and the content stage share one model, which takes about 7 GB in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor

from vas_tool.engines.diffusion_vas.diffusion_pipeline import best_device
from vas_tool.engines.diffusion_vas.loading import found_folder
from vas_tool.engines.diffusion_vas.placement import BatchSize
from vas_tool.engines.fair_lock import FairLock
from vas_tool.engines.tabe import lora
from vas_tool.engines.tabe.canvas import ModelInput
from vas_tool.engines.tabe.generation import (
    SEED,
    ChunkInput,
    GenerationOptions,
    Painter,
    chunk_input,
    chunk_noise,
    prompt_tokens,
    round_noise,
)
from vas_tool.engines.tabe.latents import decoded
from vas_tool.engines.tabe.memory import SlicedAttention, memory_plan
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.recent import Recent
from vas_tool.engines.tabe.released import COCOCO, STABLE_DIFFUSION
from vas_tool.engines.tabe.released_parts import Parts, load_parts
from vas_tool.engines.tabe.settable import TabeOptions
from vas_tool.engines.tabe.tuned_weights import State
from vas_tool.engines.tabe.tuning import Tuner
from vas_tool.errors import EngineError
from vas_tool.run_warnings import warn

Latents = npt.NDArray[np.uint16]
"""(4, F, h, w) uint16: the bits of float16 numbers. A stored generation of 30 frames of 512 x 512 takes 1 MB."""
Pulse = Callable[[int], None]
"""Receives the number of finished steps of all seeds. May raise Cancelled."""
FULL = "the GPU's memory is full; close what else uses it, or run again: finished parts are kept"

_models: WeakValueDictionary[tuple[Path, Path], TabeModel] = WeakValueDictionary()
_opening = Lock()


def open_model() -> TabeModel:
    """Return the model with the weights that are found first. Raises EngineError when weights are missing."""
    folders = found_folder(STABLE_DIFFUSION), found_folder(COCOCO)
    with _opening:
        model = _models.get(folders)
        if model is None:
            parts = load_parts(*folders, dtype=torch.float32)
            mark = STABLE_DIFFUSION.mark() + COCOCO.mark()
            model = _models[folders] = TabeModel(parts, device=best_device(), mark=mark)
        return model


class TabeModel:
    """TABE's model on one device. Hold ``lock`` to use it: it has the tuned weights of one object at a time."""

    def __init__(self, parts: Parts, *, device: str | torch.device = "cpu", mark: str = "") -> None:
        """``parts`` are in float32. ``mark`` identifies the weights; by default they equal no others.

        Raises EngineError when too little memory is free.
        """
        self.parts, self.device, self.lock = parts, torch.device(device), FairLock()
        self.recent, self.memory = Recent(), memory_plan(self.device)
        lora.add_lora(parts.network.unet, lora.UNET_LAYERS)
        lora.add_lora(parts.text_encoder, lora.TEXT_LAYERS)
        parts.network.unet.set_attn_processor(SlicedAttention() if self.memory.slices else AttnProcessor2_0())
        self.batch = BatchSize(self.device)
        self.painted_dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        self.made_by = f"{mark or uuid4().hex} {self.device.type} {self.painted_dtype}"

    @contextmanager
    def tuning(self, quirks: Quirks, state: State | None) -> Iterator[Tuner]:
        """Yield a tuner in float32, at its start or at ``state``. Raises EngineError when the memory is full."""
        if self.memory.words:
            warn(self.memory.words)
        for part in self._all:
            _moved(part, self.device, torch.float32)
        for model in self._tuned:
            lora.reset(model, torch.Generator().manual_seed(SEED))
        self.parts.network.keep(all_of_it=self.memory.keeps_all)
        tuner = Tuner(self.parts, quirks=quirks)
        if state is not None:
            tuner.restore(state)
        try:
            yield tuner
        except torch.OutOfMemoryError as error:
            # The state is stored by now: the next run resumes from it, with gradient checkpointing.
            self.memory = replace(self.memory, keeps_all=False)
            raise EngineError(FULL) from error
        finally:
            tuner.optimizer.zero_grad(set_to_none=True)
            self.parts.network.keep(all_of_it=True)

    def paint(
        self, state: State, frames: Sequence[ModelInput], seeds: Sequence[int], *, options: TabeOptions, pulse: Pulse
    ) -> Iterator[tuple[int, Latents]]:
        """Yield (seed, latents) with the weights of ``state``. Seeds share a batch as the GPU's memory allows."""
        self._prepare(state)
        size_hw = (options.sizes.shown, options.sizes.shown)
        with self.at_work(self.parts.vae):
            shown = chunk_input(self.parts, frames, chunk_noise(len(frames), size_hw))
        noises = {seed: round_noise(seed, len(frames), size_hw) for seed in seeds}
        keeps_dropout = options.quirks.lora_dropout == "reference"
        waiting = list(seeds)
        while waiting:
            some = waiting[: 1 if keeps_dropout else self.batch.limit()]
            report = partial(_report, pulse, (len(seeds) - len(waiting)) * options.num_steps)
            with self.batch.learning(len(some)) as tried, self._dropout(some[0], on=keeps_dropout):
                found = self._painted(shown, [noises[seed] for seed in some], options=options, pulse=report)
            if tried.fitted:
                waiting = waiting[len(some) :]
                yield from zip(some, map(_bits, found), strict=True)

    def _painted(self, shown: ChunkInput, noises: list[Tensor], *, options: TabeOptions, pulse: Pulse) -> list[Tensor]:
        with self.at_work(self.parts.text_encoder):
            text = prompt_tokens(self.parts)
        with self.at_work(self.parts.network.unet):
            for at_once in (2 * len(noises), 1):
                chosen = GenerationOptions(options.num_steps, options.guidance, at_once)
                try:
                    return Painter(self.parts, text, chosen).painted(shown, noises, pulse)
                except torch.OutOfMemoryError as error:
                    if len(noises) > 1:  # fewer seeds are tried first
                        raise
                    if at_once == 1:
                        raise EngineError(FULL) from error
        raise AssertionError("one of the two returns or raises")

    def pictures(self, latents: Latents) -> npt.NDArray[np.uint8]:
        """Return the painted frames (F, H, W, 3) of latents (4, F, h, w). Raises EngineError for NaN or infinity."""
        numbers = torch.from_numpy(latents.view(np.float16))
        if not bool(torch.isfinite(numbers).all()):
            raise EngineError(
                f"the answer of TABE contains NaN (computed in {self.painted_dtype}); get its weights again"
            )
        _moved(self.parts.vae, torch.device("cpu") if self.memory.offloads else self.device, self.painted_dtype)
        with self.at_work(self.parts.vae) as vae:
            return decoded(vae, numbers.to(self.device))

    @contextmanager
    def at_work(self, part: Any) -> Iterator[Any]:
        """Yield the part on the device. With offloading it goes back to the computer's memory afterwards."""
        try:
            yield _moved(part, self.device, part.dtype)
        finally:
            if self.memory.offloads:
                _moved(part, torch.device("cpu"), part.dtype)

    def _prepare(self, state: State) -> None:
        """Convert all parts to the number format of painting and set the tuned weights."""
        home = torch.device("cpu") if self.memory.offloads else self.device
        for part in self._all:
            _moved(part, home, self.painted_dtype)
        for model, name in zip(self._tuned, ("unet", "text"), strict=True):
            lora.restore(model, state[name])

    @contextmanager
    def _dropout(self, seed: int, *, on: bool) -> Iterator[None]:
        """Switch on the dropout of the tuned layers as in the released code, with random numbers from the seed."""
        with torch.random.fork_rng() if on else nullcontext():
            if on:
                torch.manual_seed(SEED + seed)
            for model in self._tuned:
                lora.set_dropout(model, on=on)
            try:
                yield
            finally:
                for model in self._tuned:
                    lora.set_dropout(model, on=False)

    @property
    def _tuned(self) -> tuple[Any, Any]:
        return self.parts.network.unet, self.parts.text_encoder

    @property
    def _all(self) -> tuple[Any, Any, Any]:
        return *self._tuned, self.parts.vae


def _report(pulse: Pulse, before: int, num_done: int) -> None:
    pulse(before + num_done)


def _bits(latents: Tensor) -> Latents:
    found: Latents = latents.to("cpu", torch.float16).numpy().view(np.uint16)
    return found


def _moved(part: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the part itself. It moves by torch's method, because diffusers' ``to`` warns of every conversion."""
    if part.device.type != device.type or part.dtype != dtype:
        torch.nn.Module.to(part, device=device, dtype=dtype)
    return part
