"""Samples as the released loader reads them, and the pictures that a step trains on."""

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
    """One object on T frames, at the model's size."""

    modal: Masks
    """(T, H, W) masks."""
    amodal: Masks
    """(T, H, W) masks."""
    frames: Colours
    """(T, H, W, 3) RGB."""
    depth: Floats | None = None
    """(T, H, W) depth, larger is nearer, in any unit; None when a depth engine has to compute it."""
    weights: Floats | None = None
    """(T,) weights of the loss on each frame; None for 1."""


class SampleSource(Protocol):
    """A source of samples, by number."""

    def __len__(self) -> int: ...

    def video(self, index: int) -> str:
        """Return the name of a sample's video. Whole videos are held out."""
        ...

    def name(self, index: int) -> str:
        """Return the name of a sample for messages."""
        ...

    def mark(self) -> str:
        """Return a text that differs when the samples differ."""
        ...

    def seen(self, index: int) -> float:
        """Return the share of the object's area, 0..1, that is visible over the clip."""
        ...

    def sample(self, index: int) -> Sample:
        """Read a sample. Raises FormatError, which names it."""
        ...


@dataclass(frozen=True)
class Part:
    """Some samples of a source, by their numbers in it."""

    source: SampleSource
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def video(self, index: int) -> str:
        """Return the name of a sample's video."""
        return self.source.video(self.numbers[index])

    def name(self, index: int) -> str:
        """Return the name of a sample for messages."""
        return self.source.name(self.numbers[index])

    def mark(self) -> str:
        """Return a text that differs when the samples differ."""
        return f"{self.source.mark()} {self.numbers}"

    def seen(self, index: int) -> float:
        """Return the share of the object's area, 0..1, that is visible over the clip."""
        return self.source.seen(self.numbers[index])

    def sample(self, index: int) -> Sample:
        """Read a sample. Raises FormatError, which names it."""
        return self.source.sample(self.numbers[index])


def amodal_pictures(sample: Sample, depth: Floats) -> Pictures:
    """Return the pictures of the amodal stage: modal masks, depth, amodal masks. ``depth`` (T, H, W) is scaled over the
    clip to -1..1.

    The released scripts divide by zero where all of a clip is at one depth; here it is all far then.
    """
    low, high = float(depth.min()), float(depth.max())
    near = (depth - np.float32(low)) / np.float32(high - low) if high > low else np.zeros_like(depth)
    return Pictures(
        mask_picture(sample.modal), _three(near * 2 - 1), mask_picture(sample.amodal), weights=_frame_weights(sample)
    )


def content_pictures(sample: Sample, modal: Masks, *, known: Masks | None = None) -> Pictures:
    """Return the pictures of the content stage: the object's colours on ``modal`` (T, H, W), its amodal masks, all its
    colours.

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
    """Return (T, H, W) masks as (T, 3, H, W) pictures of -1 and 1."""
    return _three(np.where(masks, np.float32(1), np.float32(-1)))


def _on_white(colours: Tensor, masks: Masks) -> Tensor:
    """Return the colours on the masks and white (+1) elsewhere, summed in the order of the released code."""
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
    """Return (T, H, W) masks as (T, h, w), by torch's bilinear interpolation on integers, which rounds after each of
    its two passes.

    The released content script makes its occluders so; OpenCV's own, for all other masks, differs in up to a quarter
    of the pixels of noise.
    """
    whole = torch.from_numpy(masks.astype(np.uint8))[:, None]
    small = interpolate(whole, size=size_hw, mode="bilinear", align_corners=False)
    return np.asarray(small[:, 0].numpy() == 1)
