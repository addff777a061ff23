"""Runs the model on the windows of a clip: noise, cached conditions, progress in windows and steps."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from vas_tool.engines.base import Progress
from vas_tool.engines.diffusion_vas.conversions import three_channels
from vas_tool.engines.diffusion_vas.denoising import Noise
from vas_tool.engines.diffusion_vas.diffusion_pipeline import Conditions, DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.parameters import DEMO_SEED, DiffusionVasParameters
from vas_tool.engines.diffusion_vas.window_noise import window_noise

Floats = npt.NDArray[np.float32]
Key = tuple[object, ...]

ONLY_AFTERWARDS = ("threshold", "union_with_modal", "padding_depth", "mask_edges")
"""Parameters that affect only post-processing, or that already show in the conditions."""
CACHED = {"second": 128, "first": 16, "tokens": 16, "start": 64}
"""Number of cached encodings of each kind, last used. The second condition of the amodal stage is depth, which is the
same for all objects: 128 windows are 2565 frames. One encoding takes 0.4 MB (25 frames at 256 x 512 in float16), a
seed's initial latents 0.8 MB."""


@dataclass(frozen=True)
class WindowInput:
    """The conditions of a window. Three equal channels are stored as one without a channel axis."""

    first: Floats
    """(T, h, w) or (T, 3, h, w) in -1..1."""
    second: Floats
    """(T, h, w) in -1..1."""

    @cached_property
    def digests(self) -> tuple[bytes, bytes]:
        """Digests of both conditions, computed once: they have 13 or 39 MB each at 256 x 512."""
        return _digest(self.first), _digest(self.second)


class WindowNoise:
    """The noise of one window and seed, drawn when it is needed."""

    def __init__(self, key: Key, draw: Callable[[], Noise]) -> None:
        self.key, self._draw = key, draw

    @cached_property
    def drawn(self) -> Noise:
        """Return the noise (see ``window_noise``)."""
        return self._draw()


class Encodings:
    """A cache of encoded conditions, by content, so that depth is encoded once for all objects and seeds.

    It also caches the initial latents of seeds, because drawing them needs all noise before them, 20 million numbers.
    """

    def __init__(self, pipeline: DiffusionVasPipeline) -> None:
        self.pipeline = pipeline
        self._kept: dict[str, OrderedDict[Key, torch.Tensor]] = {kind: OrderedDict() for kind in CACHED}

    def conditions(
        self, window_input: WindowInput, noise: WindowNoise, *, parameters: DiffusionVasParameters
    ) -> Conditions:
        """Return the encoded conditions of the UNet."""
        first, second = window_input.digests
        tokens = self._once(
            "tokens",
            (first, parameters.clip_layout, parameters.guidance > 1),
            lambda: self.pipeline.tokens(_coloured(window_input.first), parameters=parameters),
        )
        augmentation = (noise.key, parameters.noise_augmentation, parameters.guess_range)

        def encode(which: Literal["first", "second"]) -> torch.Tensor:
            pictures, drawn = getattr(window_input, which), getattr(noise.drawn, which)
            return self.pipeline.condition_latents(_coloured(pictures), drawn, parameters=parameters)

        latents = (
            self._once("first", (first, *augmentation), lambda: encode("first")),
            self._once("second", (second, *augmentation), lambda: encode("second")),
        )
        return self.pipeline.conditions(tokens, *latents, parameters=parameters)

    def start(self, noise: WindowNoise) -> torch.Tensor:
        """Return the latents (T, 4, h, w) of a window's noise."""
        return self._once("start", noise.key, lambda: noise.drawn.latents)

    def _once(self, kind: str, key: Key, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        kept = self._kept[kind]
        if key not in kept:
            kept[key] = make()
            while len(kept) > CACHED[kind]:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def _digest(pictures: Floats) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pictures).data, digest_size=16).digest()


def _coloured(pictures: Floats) -> Floats:
    return three_channels(pictures) if pictures.ndim == 3 else pictures


class WindowProgress:
    """Reports progress in windows and steps. Skipped windows count as done."""

    def __init__(self, progress: Progress, what: str, *, num_windows: int, num_steps: int) -> None:
        """``num_steps`` is the number of steps of one window for all seeds together."""
        self._progress, self._what = progress, what
        self._num_windows, self._num_steps = num_windows, num_steps
        self._window = self._step = 0

    def next_window(self) -> None:
        """Report the start of a window. Raises Cancelled."""
        self._window, self._step = self._window + 1, 0
        self._report()

    def steps(self, count: int) -> None:
        """Report ``count`` more steps. Raises Cancelled."""
        self._step += count
        self._report()

    def _report(self) -> None:
        done = (self._window - 1) * self._num_steps + self._step
        what = f"{self._what}, window {self._window} of {self._num_windows}"
        self._progress(done, self._num_windows * self._num_steps, what)


@dataclass(frozen=True)
class WindowModel:
    """One run of the model on the windows of a clip."""

    encodings: Encodings
    windows: Sequence[range]
    parameters: DiffusionVasParameters
    progress: WindowProgress
    is_second_stage: bool = False
    """Whether this is the content stage, whose noise continues after that of the amodal stage."""

    def made_from(self, number: int, window_input: WindowInput, seed: int) -> str:
        """Return a digest of everything that ``frames`` depends on: weights, conditions, noise, parameters, number
        format.
        """
        pipeline = self.encodings.pipeline
        chosen = {name: value for name, value in asdict(self.parameters).items() if name not in ONLY_AFTERWARDS}
        augmentation = (pipeline.weights_mark, pipeline.device.type, str(pipeline.dtype), sorted(chosen.items()))
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((augmentation, self._noise(number, seed).key)).encode())
        digest.update(b"".join(window_input.digests))
        return digest.hexdigest()

    def frames(self, number: int, window_input: WindowInput, seeds: Sequence[int]) -> list[Floats]:
        """Return (T, h, w, 3) frames in 0..1 of a window for each seed. Raises Cancelled between steps."""
        if self.parameters.condition_noise == "shared":
            return self._frames(number, window_input, seeds, condition_seed=DEMO_SEED)
        return [self._frames(number, window_input, (seed,), condition_seed=seed)[0] for seed in seeds]

    def _frames(
        self, number: int, window_input: WindowInput, seeds: Sequence[int], *, condition_seed: int
    ) -> list[Floats]:
        pipeline, parameters = self.encodings.pipeline, self.parameters
        noises = {seed: self._noise(number, seed) for seed in (condition_seed, *seeds)}
        conditions = self.encodings.conditions(window_input, noises[condition_seed], parameters=parameters)
        start = torch.stack([self.encodings.start(noises[seed]) for seed in seeds])
        noises.clear()  # a window's noise takes 79 MB per seed

        def report_step(_num_done: int, _latents: torch.Tensor) -> None:
            self.progress.steps(len(seeds))

        latents = pipeline.denoise(conditions, start, parameters=parameters, on_step=report_step)
        return [pipeline.decode(one, parameters=parameters) for one in latents]

    def _noise(self, number: int, seed: int) -> WindowNoise:
        length, size_hw = self.parameters.window_length, self.parameters.size_hw
        layout = (number, self.windows[-1].stop, length, self.parameters.window_overlap)
        key = (seed, *layout, size_hw, self.is_second_stage)

        def draw() -> Noise:
            return window_noise(
                seed, number, self.windows, length=length, size_hw=size_hw, is_second_stage=self.is_second_stage
            )

        return WindowNoise(key, draw)
