"""Content: an object is hidden by others' masks, so that what was hidden is known.

Source: ``train/train_diffusion_vas_content_comp.py`` of Kaihua-Chen/diffusion-vas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np

from vas_tool.training.diffusion_vas.object_samples import Masks, resized_like_torch
from vas_tool.training.diffusion_vas.recipe import Occluders

MOST_ROUNDS = 5
ENOUGH = 0.7
"""Occluders are added until the mean IoU of modal and amodal masks is below."""


class OccluderSource(Protocol):
    """Others' amodal masks, by number."""

    def __len__(self) -> int: ...

    def mark(self) -> str:
        """Another text for other masks."""
        ...

    def occluder(self, index: int) -> Masks:
        """(T, H, W), at any size."""
        ...


@dataclass(frozen=True)
class OccludedObject:
    """An object after others were pasted over it."""

    modal: Masks
    """(T, H, W): what is left to be seen."""
    choices: tuple[int, ...]
    """The occluder of each round."""
    ious: tuple[float, ...]
    """After each round; NaN where a frame has nothing of the object, which never is enough."""


def paste_occluders(
    modal: Masks, amodal: Masks, source: OccluderSource, *, random: Random, how: Occluders = "reference"
) -> OccludedObject:
    """Up to five rounds. ``reference``: where the occluder happens to be; it may miss, and may cover everything.

    ``moved``: shifted by one step for the whole clip, so that on some frame its middle lies on the object; its own way
    through the picture stays, and its edges stay hard.
    """
    left, choices, ious = modal.copy(), list[int](), list[float]()
    numbers: Sequence[int] = range(len(source))
    for _ in range(MOST_ROUNDS):
        number = random.choice(numbers)
        over = resized_like_torch(source.occluder(number), modal.shape[1:])
        if how == "moved":
            over = moved_onto(over, amodal, random)
        left &= ~over
        choices.append(number)
        ious.append(_mean_iou(left, amodal))
        if ious[-1] < ENOUGH:
            break
    return OccludedObject(left, tuple(choices), tuple(ious))


def moved_onto(over: Masks, target: Masks, random: Random) -> Masks:
    """The occluder (T, H, W), shifted as a whole; unchanged where it or the target is never there on the same frame."""
    both = [t for t in range(len(over)) if over[t].any() and target[t].any()]
    if not both:
        return over
    frame = random.choice(both)
    ys, xs = np.nonzero(target[frame])
    at = random.randrange(len(ys))
    middle_y, middle_x = (int(np.mean(axis)) for axis in np.nonzero(over[frame]))
    return _shifted(over, int(ys[at]) - middle_y, int(xs[at]) - middle_x)


def _shifted(masks: Masks, down: int, right: int) -> Masks:
    """False where nothing came from."""
    height, width = masks.shape[1:]
    out = np.zeros_like(masks)
    rows, columns = max(0, height - abs(down)), max(0, width - abs(right))
    y, x = max(0, down), max(0, right)
    from_y, from_x = max(0, -down), max(0, -right)
    out[:, y : y + rows, x : x + columns] = masks[:, from_y : from_y + rows, from_x : from_x + columns]
    return out


def _mean_iou(modal: Masks, amodal: Masks) -> float:
    both, either = (modal & amodal).sum((1, 2)), (modal | amodal).sum((1, 2))
    if not either.all():
        return math.nan
    return float((both / either).mean())
