"""What the network is asked for: the right probability a pixel, and a hidden part that overlaps the true one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

OVERLAP_WEIGHT = 0.5
LEAST_SIZE = 30.0
"""Pixels of the object's area that its cross entropy is at least divided by."""

LEAST_HIDDEN_PIXELS = 6.0
"""Pixels of hidden object from which its overlap is asked for."""


def loss(found: Tensor, truth: Tensor, modal: Tensor) -> Tensor:
    """A number: cross entropy where the object is not seen, and 1 - soft IoU of the hidden part.

    All three are (N, R, R) in 0..1; ``found`` in (0, 1).
    """
    unseen = 1 - modal
    entropy = (functional.binary_cross_entropy(found, truth, reduction="none") * unseen).sum(dim=(1, 2))
    size = truth.sum(dim=(1, 2)).clamp(min=LEAST_SIZE)  # small objects count as much as large ones
    overlap, counts = hidden_iou(found, truth, modal)
    missed = ((1 - overlap) * counts).sum() / counts.sum().clamp(min=1)
    return (entropy / size).mean() + OVERLAP_WEIGHT * missed


def hidden_iou(found: Tensor, truth: Tensor, modal: Tensor) -> tuple[Tensor, Tensor]:
    """((N,) soft IoU of the hidden part, (N,) 1 where anything is hidden)."""
    wanted, given = truth * (1 - modal), found * (1 - modal)
    both = (wanted * given).sum(dim=(1, 2))
    either = (wanted + given - wanted * given).sum(dim=(1, 2))
    return both / either.clamp(min=1), (wanted.sum(dim=(1, 2)) >= LEAST_HIDDEN_PIXELS).to(torch.float32)
