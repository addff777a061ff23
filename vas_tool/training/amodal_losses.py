"""The loss of the learned engine: cross entropy of each pixel, and overlap of the hidden part with the true one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

OVERLAP_WEIGHT = 0.5
LEAST_SIZE = 30.0
"""Least divisor of the cross entropy, in pixels. The divisor is the object's area."""

LEAST_HIDDEN_PIXELS = 6.0
"""Least pixels of the hidden part whose overlap counts."""


def loss(found: Tensor, truth: Tensor, modal: Tensor) -> Tensor:
    """Return the loss: cross entropy outside the modal mask, and 1 - soft IoU of the hidden part.

    All three are (N, R, R) in 0..1; ``found`` in (0, 1).
    """
    unseen = 1 - modal
    entropy = (functional.binary_cross_entropy(found, truth, reduction="none") * unseen).sum(dim=(1, 2))
    size = truth.sum(dim=(1, 2)).clamp(min=LEAST_SIZE)  # small objects count as much as large ones
    overlap, counts = hidden_iou(found, truth, modal)
    missed = ((1 - overlap) * counts).sum() / counts.sum().clamp(min=1)
    return (entropy / size).mean() + OVERLAP_WEIGHT * missed


def hidden_iou(found: Tensor, truth: Tensor, modal: Tensor) -> tuple[Tensor, Tensor]:
    """Return ((N,) soft IoU of the hidden part, (N,) 1 where anything is hidden)."""
    wanted, given = truth * (1 - modal), found * (1 - modal)
    both = (wanted * given).sum(dim=(1, 2))
    either = (wanted + given - wanted * given).sum(dim=(1, 2))
    return both / either.clamp(min=1), (wanted.sum(dim=(1, 2)) >= LEAST_HIDDEN_PIXELS).to(torch.float32)
