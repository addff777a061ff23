"""Hypotheses of one hidden part: their combination, and how far they differ. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from vas_tool.errors import PromptError
from vas_tool.masks import iou
from vas_tool.types import Mask

How = Literal["seed", "majority", "union"]
"""``seed``: one hypothesis. ``majority``: the pixels of more than half of several. ``union``: the pixels of any."""

WAYS: tuple[How, ...] = get_args(How)


@dataclass(frozen=True)
class Recipe:
    """How an amodal mask is made from hypotheses."""

    how: How
    seeds: tuple[int, ...]
    """Seeds, ascending: one for ``seed``, at least two for the others."""

    def __post_init__(self) -> None:
        if self.how not in WAYS:
            raise PromptError(f"a hypothesis is chosen by {', '.join(WAYS)}; got {self.how!r}")
        if list(self.seeds) != sorted(set(self.seeds)) or min(self.seeds, default=-1) < 0:
            raise PromptError(f"seeds are different whole numbers from 0, ascending; got {list(self.seeds)}")
        if (len(self.seeds) == 1) != (self.how == "seed"):
            raise PromptError(f"{self.how} needs {'one seed' if self.how == 'seed' else 'two seeds or more'}")

    @classmethod
    def of_seed(cls, seed: int) -> Recipe:
        """Return the recipe of one seed."""
        return cls("seed", (seed,))

    @property
    def words(self) -> str:
        """Return the recipe in words: ``seed 3``, ``majority of seeds 0, 1, 2``."""
        if self.how == "seed":
            return f"seed {self.seeds[0]}"
        return f"{self.how} of seeds {', '.join(map(str, self.seeds))}"

    def mask(self, masks: Sequence[Mask]) -> Mask:
        """Return the (H, W) bool mask made from the masks of ``seeds``, in their order."""
        if self.how == "seed":
            return masks[0]
        votes = covering(masks)
        return votes > (0.5 if self.how == "majority" else 0)


def covering(masks: Sequence[Mask]) -> npt.NDArray[np.float64]:
    """Return (H, W) the share of the masks, 0..1, that has each pixel. Needs at least one mask."""
    part: npt.NDArray[np.float64] = np.mean(np.stack(masks), axis=0, dtype=np.float64)
    return part


def disagreement(masks: Sequence[Mask]) -> float:
    """Return 1 - the mean IoU over all pairs: 0 when all masks are equal, 1 when no two of them overlap.

    Two empty masks are equal. A single mask gives 0.
    """
    pairs = [iou(a, b) for a, b in combinations(masks, 2)]
    return 1 - sum(pairs) / len(pairs) if pairs else 0.0


def heat(masks: Sequence[Mask]) -> npt.NDArray[np.float64]:
    """Return (H, W) four times the variance at each pixel: 0 where all masks agree, 1 where half of them differ."""
    part = covering(masks)
    return 4 * part * (1 - part)
