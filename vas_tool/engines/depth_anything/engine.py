"""The engine. The package's docstring explains its depth, and how to get the released normalisation."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_integration.presets import best_device
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.depth_anything.batching import batch_size
from vas_tool.engines.depth_anything.checkpoints import architecture_of, load_network
from vas_tool.engines.depth_anything.positions import use_positions
from vas_tool.engines.depth_anything.released import Architecture, Size, weights_of
from vas_tool.engines.depth_anything.resizing import from_network, network_size, to_network
from vas_tool.engines.depth_anything.settable import Options, options_of
from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.errors import EngineError
from vas_tool.run_warnings import warn
from vas_tool.types import Clip, Depth, Frame

RANGE_FRAMES = 8
"""Number of frames, spread evenly over the clip, that determine its range."""
HEADROOM = 1.5
"""Factor by which a value may exceed the largest value on those frames before it is clipped. It costs 0.6 of the 16
stored bits."""
ROUNDING = 1e-2
"""A smaller excess over the range comes from another batch or number format; nothing is lost."""
WHAT = "depth"
"""Name of the work in progress reports."""

CLIPPED = "what is nearest is nearer than the clip's range of depth goes, so its depth is clipped"


def open_depth_anything(*, size: Size) -> DepthAnything:
    """Return the engine of a released model, with weights from the first place that has them, on the best device.

    Raises EngineError that names the file and the command when something is missing or the file does not fit.
    """
    weights = weights_of(size)
    path = next(filter(None, (w.find() for w in weights)), None)
    if path is None:
        raise EngineError(f"{'; '.join(w.lack() for w in weights)}; get it with: {weights[0].get}")
    return DepthAnything.from_weights(path, size=size)


class DepthAnything:
    """Depth Anything V2 (see ``base.DepthEstimator``)."""

    def __init__(self, load: Callable[[], Any], *, device: str, batch: int | None = None) -> None:
        """``load`` returns the network on the CPU (``load_network``). It is called again for another number format.

        ``device`` is cuda, mps or cpu. ``batch`` is the number of frames per batch; None chooses it by free memory.
        """
        self._load, self.device, self._chosen_batch = load, device, batch
        self._network = load()
        self._architecture = architecture_of(self._network.config)
        self._format: Any = None
        self._prepare(Options())
        self._ranges: weakref.WeakKeyDictionary[Clip, dict[Options, float]] = weakref.WeakKeyDictionary()

    @classmethod
    def from_weights(
        cls,
        path: Path,
        *,
        size: Size | None = None,
        architecture: Architecture | None = None,
        device: str | None = None,
        batch: int | None = None,
    ) -> DepthAnything:
        """Return an engine from an original file or a folder of transformers (see ``load_network``). Raises
        EngineError.
        """
        return cls(
            lambda: load_network(path, size=size, architecture=architecture),
            device=device or best_device(),
            batch=batch,
        )

    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        """Yield (frame_index, (H, W) float32 in 0..1, 1 = nearest) in the requested order. Raises Cancelled,
        EngineError.
        """
        options, total = options_of(settings), len(frame_indices)
        ranges = self._ranges.setdefault(clip, {})
        ready: dict[int, Any] = {}
        if total and options not in ranges:
            measured = self._measured(clip, options, progress=lambda: progress(0, total, WHAT))
            ranges[options] = range_of([float(x.max()) for x in measured.values()], num_frames=len(clip))
            ready = {index: answer for index, answer in measured.items() if index in frame_indices}
        for done, index in enumerate(frame_indices):
            progress(done, total, WHAT)
            if index not in ready:
                missing = [i for i in frame_indices[done:] if i not in ready]
                ready.update(self._answers(clip, missing[: self._batch(clip, options)], options=options))
            yield index, _depth(ready.pop(index), clip, reach=ranges[options], frame_index=index)

    def disparities(
        self, frames: Sequence[Frame], *, settings: Settings = NO_SETTINGS
    ) -> list[npt.NDArray[np.float32]]:
        """Return the network's output for frames of one size: (H, W) float32, >= 0, larger = nearer, unknown unit.

        It equals the original's ``infer_image``, which takes BGR; frames here are RGB.
        """
        answers = self._network_answers(frames, options_of(settings))
        return [from_network(answer, _size_hw(frames[0])).cpu().numpy() for answer in answers]

    def _measured(self, clip: Clip, options: Options, *, progress: Callable[[], None]) -> dict[int, Any]:
        """Return the output for the frames that determine the clip's range."""
        sampled, batch = range_frames(len(clip)), self._batch(clip, options)
        answers: dict[int, Any] = {}
        for first in range(0, len(sampled), batch):
            progress()
            answers.update(self._answers(clip, sampled[first : first + batch], options=options))
        return answers

    def _answers(self, clip: Clip, frame_indices: Sequence[int], *, options: Options) -> dict[int, Any]:
        answers = self._network_answers([clip[i] for i in frame_indices], options)
        return dict(zip(frame_indices, answers, strict=True))

    def _batch(self, clip: Clip, options: Options) -> int:
        if self._chosen_batch is not None:
            return self._chosen_batch
        self._prepare(options)
        size_hw = network_size(clip.size_wh[::-1], short_side=options.short_side)
        return batch_size(self._architecture, size_hw, device=self.device, bytes_a_number=self._format.itemsize)

    def _prepare(self, options: Options) -> None:
        """Set the number format and the positions of the network, which the last call may have changed."""
        import torch

        half = options.number_format == "float16" or (
            options.number_format == "auto" and self.device.startswith("cuda")
        )
        wanted = torch.float16 if half else torch.float32
        if self._format not in (None, wanted):
            self._network = self._load()  # weights that were rounded to float16 cannot be restored
        if self._format != wanted:
            self._network = self._network.to(self.device, wanted)
            self._format = wanted
        use_positions(self._network, options.positions)

    def _network_answers(self, frames: Sequence[Frame], options: Options) -> list[Any]:
        """Return (h, w) for each frame, in the network's size, on its device. After a memory error the batch is
        halved.
        """
        import torch

        self._prepare(options)
        try:
            with torch.inference_mode():
                return self._through_network(frames, options)
        except torch.OutOfMemoryError as error:
            if len(frames) == 1:
                raise EngineError(
                    "the GPU's memory is full; close what else uses it, or choose a smaller depth model"
                ) from error
        torch.cuda.empty_cache()
        half = len(frames) // 2
        return [*self._network_answers(frames[:half], options), *self._network_answers(frames[half:], options)]

    def _through_network(self, frames: Sequence[Frame], options: Options) -> list[Any]:
        import torch

        size_hw = network_size(_size_hw(frames[0]), short_side=options.short_side)
        pictures = [to_network(frame, size_hw, device=self.device, colours=options.colours) for frame in frames]
        answers = self._network(torch.stack(pictures).to(self._format)).predicted_depth  # (N, h, w)
        if not bool(torch.isfinite(answers).all()):
            raise EngineError(
                f"the depth network's answer is not a number (computed in {self._format}); set number_format to "
                "float32, and if that does not help, get its weights again"
            )
        return list(answers)


def range_frames(num_frames: int) -> list[int]:
    """Return the frames that determine a clip's range: all of a short clip, else RANGE_FRAMES spread evenly, with
    both ends.
    """
    positions = np.linspace(0, num_frames - 1, min(num_frames, RANGE_FRAMES))
    return [int(position) for position in positions.round()]


def range_of(largest: Sequence[float], *, num_frames: int) -> float:
    """Return the divisor of a clip's output, above 0, from the largest output on each of ``range_frames``."""
    headroom = HEADROOM if num_frames > len(largest) else 1.0
    return max(largest) * headroom or 1.0  # output of 0 everywhere means that everything is far


def _depth(answer: Any, clip: Clip, *, reach: float, frame_index: int) -> Depth:
    relative = from_network(answer, clip.size_wh[::-1]) / reach
    nearest = float(relative.max())
    if nearest > 1 + ROUNDING:
        warn(CLIPPED, frame_index=frame_index, detail=f"{nearest:.2f} times as near as the clip's range goes")
    depth: Depth = relative.clamp_(0, 1).cpu().numpy()
    return depth


def _size_hw(frame: Frame) -> tuple[int, int]:
    return frame.shape[0], frame.shape[1]
