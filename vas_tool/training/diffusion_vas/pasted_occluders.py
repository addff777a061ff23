"""Content stage: masks of other objects hide an object, so the colours of the hidden part are known.

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
"""Occluders are added until the mean IoU of modal and amodal masks is below this."""


class OccluderSource(Protocol):
    """A source of amodal masks of other objects, by number."""

    def __len__(self) -> int: ...

    def mark(self) -> str:
        """Return a text that differs when the masks differ."""
        ...

    def occluder(self, index: int) -> Masks:
        """Return the (T, H, W) masks of one occluder, at any size."""
        ...


@dataclass(frozen=True)
class OccludedObject:
    """An object under pasted occluders."""

    modal: Masks
    """(T, H, W) the part that is still visible."""
    choices: tuple[int, ...]
    """The number of the occluder of each round."""
    ious: tuple[float, ...]
    """Mean IoU of modal and amodal masks after each round. It is NaN, and never enough, when a frame has no part of the
    object."""


def paste_occluders(
    modal: Masks, amodal: Masks, source: OccluderSource, *, random: Random, how: Occluders = "reference"
) -> OccludedObject:
    """Paste occluders in up to five rounds. ``reference`` leaves each occluder at its place; it may miss the object or
    cover all of it.

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
    """Return the (T, H, W) occluder shifted as a whole onto the target; unchanged when no frame has both."""
    both = [t for t in range(len(over)) if over[t].any() and target[t].any()]
    if not both:
        return over
    frame = random.choice(both)
    ys, xs = np.nonzero(target[frame])
    at = random.randrange(len(ys))
    middle_y, middle_x = (int(np.mean(axis)) for axis in np.nonzero(over[frame]))
    return _shifted(over, int(ys[at]) - middle_y, int(xs[at]) - middle_x)


def _shifted(masks: Masks, down: int, right: int) -> Masks:
    """Return the masks shifted by pixels; False where the source lies outside."""
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
