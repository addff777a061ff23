"""A sample's pictures, as the released loader reads them, and the pictures that a step learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vas_tool.training.diffusion_vas.step_draws import SHRINKING
from vas_tool.training.diffusion_vas.training_step import Pictures

Masks = npt.NDArray[np.bool_]
Colours = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
HALF = 127.5


@dataclass(frozen=True)
class Sample:
    """One object over T frames, at the model's size."""

    modal: Masks
    """(T, H, W)."""
    amodal: Masks
    """(T, H, W)."""
    frames: Colours
    """(T, H, W, 3) red, green, blue."""
    depth: Floats | None = None
    """(T, H, W), larger = nearer, in any unit; None: to be made by a depth engine."""
    weights: Floats | None = None
    """(T,): of the loss on each frame; None: 1."""


class SampleSource(Protocol):
    """Samples by number."""

    def __len__(self) -> int: ...

    def video(self, index: int) -> str:
        """The video that a sample is of: what is held out is whole videos."""
        ...

    def name(self, index: int) -> str:
        """What to call it in a message."""
        ...

    def mark(self) -> str:
        """Another text for other samples."""
        ...

    def seen(self, index: int) -> float:
        """How much of the object is seen, over the whole clip: 0..1."""
        ...

    def sample(self, index: int) -> Sample:
        """Read it. Raises FormatError, naming it."""
        ...


@dataclass(frozen=True)
class Part:
    """Some samples of a source, by their numbers there."""

    source: SampleSource
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def video(self, index: int) -> str:
        """See ``SampleSource``."""
        return self.source.video(self.numbers[index])

    def name(self, index: int) -> str:
        """See ``SampleSource``."""
        return self.source.name(self.numbers[index])

    def mark(self) -> str:
        """See ``SampleSource``."""
        return f"{self.source.mark()} {self.numbers}"

    def seen(self, index: int) -> float:
        """See ``SampleSource``."""
        return self.source.seen(self.numbers[index])

    def sample(self, index: int) -> Sample:
        """See ``SampleSource``."""
        return self.source.sample(self.numbers[index])


def amodal_pictures(sample: Sample, depth: Floats) -> Pictures:
    """Modal masks and depth -> amodal masks. ``depth`` (T, H, W) is stretched over the clip to -1..1.

    The released scripts divide by zero where all of a clip is at one depth; here it is all far then.
    """
    low, high = float(depth.min()), float(depth.max())
    near = (depth - np.float32(low)) / np.float32(high - low) if high > low else np.zeros_like(depth)
    return Pictures(
        mask_picture(sample.modal), _three(near * 2 - 1), mask_picture(sample.amodal), weights=_frame_weights(sample)
    )


def content_pictures(sample: Sample, modal: Masks, *, known: Masks | None = None) -> Pictures:
    """The object's colours where ``modal`` (T, H, W) shows it, and its amodal masks -> all of its colours.

    ``known``: where the object's own colours are known at all; what is not known of it is not learned from.
    """
    colours = torch.from_numpy(np.ascontiguousarray(sample.frames.transpose(0, 3, 1, 2))).float() / HALF - 1
    weights = _frame_weights(sample)
    if known is not None:
        unknown = torch.from_numpy(sample.amodal & ~known).float()[:, None]
        seen = (torch.nn.functional.max_pool2d(unknown, SHRINKING) == 0).float()
        weights = seen if weights is None else weights * seen
    return Pictures(
        _on_white(colours, modal), mask_picture(sample.amodal), _on_white(colours, sample.amodal), weights=weights
    )


def mask_picture(masks: Masks) -> Tensor:
    """(T, H, W) -> (T, 3, H, W) of -1 and 1."""
    return _three(np.where(masks, np.float32(1), np.float32(-1)))


def _on_white(colours: Tensor, masks: Masks) -> Tensor:
    """White (+1) where the mask is not, in the order of the released sums."""
    inside = torch.from_numpy(masks).float()[:, None]
    return colours * inside + (1 - inside)


def _three(pictures: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures))[:, None].repeat(1, 3, 1, 1)


def _frame_weights(sample: Sample) -> Tensor | None:
    if sample.weights is None:
        return None
    height, width = sample.modal.shape[1] // SHRINKING, sample.modal.shape[2] // SHRINKING
    return torch.from_numpy(sample.weights)[:, None, None, None].expand(-1, 1, height, width).clone()


def resized_like_torch(masks: Masks, size_hw: tuple[int, int]) -> Masks:
    """(T, H, W) -> (T, h, w) with torch's bilinear on whole numbers, which rounds after each of its two passes.

    The released content script makes its occluders so; OpenCV's own, for all other masks, differs in up to a quarter
    of the pixels of noise.
    """
    whole = torch.from_numpy(masks.astype(np.uint8))[:, None]
    small = interpolate(whole, size=size_hw, mode="bilinear", align_corners=False)
    return np.asarray(small[:, 0].numpy() == 1)
