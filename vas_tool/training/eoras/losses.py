"""EoRaS's loss: the focal loss of the full masks and of the visible masks, on probabilities.

Source: the reference's ``utils/loss.py`` and training scripts. Nothing is clamped: 1e-6 is added inside the log.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

GAMMA, EPSILON = 2.0, 1e-6


@dataclass(frozen=True)
class Losses:
    """The losses of a batch of clips, as scalars."""

    full: Tensor
    visible: Tensor
    total: Tensor
    """``full + visible_weight * visible``."""


def focal(probability: Tensor, truth: Tensor) -> Tensor:
    """Return the mean of -(1 - q)^2 log(q + 1e-6), where q is the probability of the true value. Both have one shape;
    truth is 0 or 1.

    NaN where there is nothing to take the mean of.
    """
    given = probability * truth + (1 - probability) * (1 - truth)
    return (-((1 - given) ** GAMMA) * (given + EPSILON).log()).mean()


def eoras_losses(
    masks: dict[str, Tensor], *, full: Tensor, visible: Tensor, labelled: Tensor, visible_weight: float = 1.0
) -> Losses:
    """Return the losses of masks by decoder, all (B, T, 1, 121, 121). The full term counts only frames that are
    ``labelled``, (B, T) bool.
    """
    whole = focal(masks["fm"][labelled], full[labelled])
    seen = focal(masks["vm"], visible) if "vm" in masks else whole.new_zeros(())
    return Losses(whole, seen, whole + visible_weight * seen)
