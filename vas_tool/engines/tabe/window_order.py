"""The order of the windows and their random numbers, as from torch's loader with one worker in the reference.

All random streams are private.
"""

from __future__ import annotations

import random

import numpy as np
import torch


class LoaderDraws:
    """The random streams of one epoch's worker (``tuning_samples.Draws``)."""

    def __init__(self, base_seed: int) -> None:
        self._python = random.Random(base_seed)
        self._numpy = np.random.RandomState(worker_state(base_seed))
        self._torch = torch.Generator().manual_seed(base_seed)

    def chance(self) -> float:
        """Return a random number in 0..1."""
        return self._python.random()

    def whole(self, low: int, high: int) -> int:
        """Return a random integer from ``low`` to ``high`` - 1, for boxes."""
        return int(self._numpy.randint(low, high))

    def crop(self, low: int, high: int) -> int:
        """Return a random integer from ``low`` to ``high`` - 1, for sizes and corners of the picture."""
        return int(torch.randint(low, high, (1,), generator=self._torch))


def worker_state(base_seed: int) -> list[int]:
    """Return four 32 bit numbers with which the reference's worker seeds numpy."""
    from torch.utils.data._utils.worker import _generate_state  # numpy's SeedSequence by hand: torch's own

    return list(_generate_state(base_seed, 0))


def epoch(num_samples: int, random_state: torch.Generator) -> tuple[list[int], LoaderDraws]:
    """Return the samples in the order of one epoch, and its streams. It draws two numbers from ``random_state``."""
    base_seed, sampler_seed = (_seed(random_state) for _ in range(2))
    order = torch.randperm(num_samples, generator=torch.Generator().manual_seed(sampler_seed))
    return order.tolist(), LoaderDraws(base_seed)


def _seed(random_state: torch.Generator) -> int:
    return int(torch.empty((), dtype=torch.int64).random_(generator=random_state))
