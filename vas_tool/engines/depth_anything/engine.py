"""The DepthEstimator. What its depth means, and how to come back to the released normalisation: see the package."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.depth_anything.batching import batch_size
from vas_tool.engines.depth_anything.checkpoints import architecture_of, load_network
from vas_tool.engines.depth_anything.pictures import (
    PATCH,
    SHORT_SIDE,
    Colours,
    from_network,
    network_size,
    to_network,
)
from vas_tool.engines.depth_anything.positions import Positions
from vas_tool.engines.depth_anything.sizes import Architecture, Size, weights_of
from vas_tool.errors import EngineError
from vas_tool.types import Clip, Depth, Frame

NumberFormat = Literal["auto", "float16", "float32"]
"""Of the network. ``auto``: float16 on CUDA, float32 elsewhere."""

RANGE_FRAMES = 8
"""Frames, spread evenly over the clip, that tell its range."""
HEADROOM = 1.5
"""How much nearer than the nearest of those frames anything may come before it is clipped. Costs half a bit of 16."""
ROUNDING = 1e-2
"""A frame that is over its own range by less was computed in another batch or number format; that is no loss."""
WHAT = "depth"
"""The name of the work, for progress."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How the network is run. The defaults are what the released weights were trained and validated with."""

    positions: Positions = "reference"
    colours: Colours = "true"
    short_side: int = SHORT_SIDE
    """Least side of what the network sees, in pixels. Less is faster and coarser; the weights know 518."""
    number_format: NumberFormat = "auto"
    batch: int | None = None
    """Frames at once; None chooses by free memory."""

    def __post_init__(self) -> None:
        """Raises EngineError for a value that there is not."""
        choices = (("positions", Positions), ("colours", Colours), ("number_format", NumberFormat))
        for name, allowed in choices:
            if getattr(self, name) not in get_args(allowed):
                raise EngineError(f"{name} is one of {', '.join(get_args(allowed))}; got {getattr(self, name)!r}")
        if self.short_side < PATCH or (self.batch is not None and self.batch < 1):
            raise EngineError(f"short_side is at least {PATCH} and batch at least 1; got {self}")


def open_depth_anything(*, size: Size) -> DepthAnything:
    """A released model from the first place that has its weights, on the best device.

    Raises EngineError, naming the file and the command, when something is missing or the file does not fit.
    """
    weights = weights_of(size)
    path = next(filter(None, (w.find() for w in weights)), None)
    if path is None:
        raise EngineError(f"{'; '.join(w.lack() for w in weights)}; get it with: {weights[0].get}")
    return DepthAnything.from_weights(path, size=size)


class DepthAnything:
    """Depth Anything V2 (see ``base.DepthEstimator``)."""

    def __init__(self, network: Any, *, device: str, options: Options = Options()) -> None:
        """``network``: what ``load_network`` gives. ``device``: cuda, mps or cpu."""
        import torch

        half = options.number_format == "float16" or (options.number_format == "auto" and device.startswith("cuda"))
        self._format = torch.float16 if half else torch.float32
        self._network = network.to(device, self._format)
        self._architecture = architecture_of(network.config)
        self._device, self._options = device, options
        self._ranges: weakref.WeakKeyDictionary[Clip, float] = weakref.WeakKeyDictionary()

    @classmethod
    def from_weights(
        cls,
        path: Path,
        *,
        size: Size | None = None,
        architecture: Architecture | None = None,
        device: str | None = None,
        options: Options = Options(),
    ) -> DepthAnything:
        """From a file of the original or a folder of transformers (see ``load_network``). Raises EngineError."""
        try:
            network = load_network(path, size=size, architecture=architecture, positions=options.positions)
        except ImportError as error:
            raise EngineError(
                f"a package is missing ({error}); get it with: pip install torch transformers safetensors"
            ) from error
        return cls(network, device=device or _best_device(), options=options)

    def estimate(self, clip: Clip, frame_indices: range, *, progress: Progress = silent) -> Iterator[tuple[int, Depth]]:
        """(frame_index, (H, W) float32 in 0..1, 1 = nearest) in the order asked for. Raises Cancelled, EngineError."""
        total = len(frame_indices)
        ready: dict[int, Any] = {}
        if total and clip not in self._ranges:
            measured = self._measure_range(clip, progress=lambda: progress(0, total, WHAT))
            ready = {index: answer for index, answer in measured.items() if index in frame_indices}
        for done, index in enumerate(frame_indices):
            progress(done, total, WHAT)
            if index not in ready:
                missing = [i for i in frame_indices[done:] if i not in ready]
                ready.update(self._answers(clip, missing[: self._batch(clip)]))
            yield index, self._depth(clip, index, ready.pop(index))

    def _measure_range(self, clip: Clip, *, progress: Callable[[], None]) -> dict[int, Any]:
        """Find the clip's range; gives the answers it took, so that they need not be computed again."""
        sampled, batch = range_frames(len(clip)), self._batch(clip)
        answers: dict[int, Any] = {}
        for first in range(0, len(sampled), batch):
            progress()
            answers.update(self._answers(clip, sampled[first : first + batch]))
        self._ranges[clip] = range_of([float(x.max()) for x in answers.values()], num_frames=len(clip))
        return answers

    def disparities(self, frames: Sequence[Frame]) -> list[npt.NDArray[np.float32]]:
        """The network's own answers for frames of one size: (H, W) float32, >= 0, larger = nearer, unit unknown.

        What the original's ``infer_image`` gives (it takes BGR; here frames are RGB, as everywhere).
        """
        picture_hw = frames[0].shape[0], frames[0].shape[1]
        return [from_network(x, picture_hw).cpu().numpy() for x in self._network_answers(frames)]

    def _batch(self, clip: Clip) -> int:
        size_hw = network_size(clip.size_wh[::-1], short_side=self._options.short_side)
        bytes_a_number = self._format.itemsize
        return self._options.batch or batch_size(
            self._architecture, size_hw, device=self._device, bytes_a_number=bytes_a_number
        )

    def _answers(self, clip: Clip, frame_indices: Sequence[int]) -> dict[int, Any]:
        answers = self._network_answers([clip[i] for i in frame_indices])
        return dict(zip(frame_indices, answers, strict=True))

    def _network_answers(self, frames: Sequence[Frame]) -> list[Any]:
        """For each frame, (h, w) in the network's size, on its device. In halves when the GPU's memory is full."""
        import torch

        try:
            with torch.inference_mode():
                return self._through_network(frames)
        except torch.OutOfMemoryError as error:
            if len(frames) == 1:
                raise EngineError(
                    "the GPU's memory is full; close what else uses it, or choose a smaller depth model"
                ) from error
        torch.cuda.empty_cache()
        half = len(frames) // 2
        return [*self._network_answers(frames[:half]), *self._network_answers(frames[half:])]

    def _through_network(self, frames: Sequence[Frame]) -> list[Any]:
        import torch

        options = self._options
        size_hw = network_size((frames[0].shape[0], frames[0].shape[1]), short_side=options.short_side)
        pictures = [to_network(frame, size_hw, device=self._device, colours=options.colours) for frame in frames]
        answers = self._network(torch.stack(pictures).to(self._format)).predicted_depth  # (N, h, w)
        if not bool(torch.isfinite(answers).all()):
            raise EngineError(
                f"the depth network's answer is not a number (computed in {self._format}); its weights may be damaged, "
                "or need number_format float32"
            )
        return list(answers)

    def _depth(self, clip: Clip, frame_index: int, answer: Any) -> Depth:
        width, height = clip.size_wh
        relative = from_network(answer, (height, width)) / self._ranges[clip]
        nearest = float(relative.max())
        if nearest > 1 + ROUNDING:
            logger.warning(
                "frame %d: its nearest place is %.2f times nearer than the clip's range; clipped", frame_index, nearest
            )
        depth: Depth = relative.clamp_(0, 1).cpu().numpy()
        return depth


def range_frames(num_frames: int) -> list[int]:
    """The frames that tell a clip's range: all of a short clip, else RANGE_FRAMES spread evenly, ends included."""
    positions = np.linspace(0, num_frames - 1, min(num_frames, RANGE_FRAMES))
    return [int(position) for position in positions.round()]


def range_of(largest: Sequence[float], *, num_frames: int) -> float:
    """The number that a clip's answers are divided by, from the largest answer on each of ``range_frames``; > 0."""
    headroom = HEADROOM if num_frames > len(largest) else 1.0
    return max(largest) * headroom or 1.0  # a network that answers 0 everywhere sees everything far away


def _best_device() -> str:
    from sam_integration.presets import best_device

    return best_device()
