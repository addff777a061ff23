"""EoRaS's loss: focal on probabilities, the full masks' and the visible masks'.

Source: the reference's ``utils/loss.py`` and training scripts. Nothing is clamped: 1e-6 is added inside the log.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

GAMMA, EPSILON = 2.0, 1e-6


@dataclass(frozen=True)
class Losses:
    """Of a batch of clips, scalars."""

    full: Tensor
    visible: Tensor
    total: Tensor
    """``full + visible_weight * visible``."""


def focal(probability: Tensor, truth: Tensor) -> Tensor:
    """Mean of -(1 - q)^2 log(q + 1e-6), where q is the probability given to what is true; equal shapes, truth 0 or 1.

    NaN where there is nothing to take the mean of.
    """
    given = probability * truth + (1 - probability) * (1 - truth)
    return (-((1 - given) ** GAMMA) * (given + EPSILON).log()).mean()


def eoras_losses(
    masks: dict[str, Tensor], *, full: Tensor, visible: Tensor, labelled: Tensor, visible_weight: float = 1.0
) -> Losses:
    """Masks by decoder and truth, (B, T, 1, 121, 121); the full term counts where ``labelled`` (B, T) bool alone."""
    whole = focal(masks["fm"][labelled], full[labelled])
    seen = focal(masks["vm"], visible) if "vm" in masks else whole.new_zeros(())
    return Losses(whole, seen, whole + visible_weight * seen)
