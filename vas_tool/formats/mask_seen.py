"""What was seen in the mask pictures of a folder: the values, and whether those between look like edges."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.formats.mask_pixels import COLOUR, Pixels, Values, brightness, name_of

OBJECT_ABOVE = 128
"""Grey values above this are object, as the demo of Diffusion-VAS has it; of 65535, 257 times that."""

WHITE = 255
"""A border in some data sets, an object in others."""

ON_EDGES = 0.8
"""Of the pixels between, at least, have something darker and something brighter near them where edges are soft."""

MOST_VALUES = 2048
"""Counted of a folder: more are those of pictures."""

FINE = 32
"""Values in one picture; more come from rounding, which makes some near both ends, too."""

NEAR_ENDS = 16
"""Such values count as the ends."""

NAMED = 12
"""Values that are named in a message."""


@dataclass(frozen=True)
class Glance:
    """What is kept of one picture."""

    shown: frozenset[int]
    """Of ``Pixels.shown``."""
    indices: frozenset[int]
    brightest: int
    most_opaque: int


@dataclass
class Found:
    """What was seen in a folder's pictures so far."""

    shown: Counter[int] = field(default_factory=Counter)
    """Value of ``Pixels.shown`` -> pixels."""
    together: bool = False
    """Whether a picture has 255 and another value that is not 0."""
    num_between: int = 0
    """Pixels between a picture's darkest and brightest value."""
    num_on_edges: int = 0
    """Of these: pixels with darker and brighter ones near them."""
    lossy: bool = False
    pictures: list[Glance] = field(default_factory=list)
    indexed: dict[int, set[int]] = field(default_factory=dict)
    """Index -> what it shows: several, where palettes differ."""
    num_plain: int = 0
    """Pictures without a palette that are not all black."""
    alphas: set[int] = field(default_factory=set)
    num_alphas: int = 0
    alpha_is_shown: list[bool] = field(default_factory=lambda: [True, True])
    """Whether what is opaque is what is not 0 in every picture; and whether it is what is bright."""

    @property
    def scale(self) -> int:
        """1 for 8 bit, 257 for 16."""
        return 257 if any(255 < value < COLOUR for value in self.shown) else 1

    @property
    def is_empty(self) -> bool:
        """Whether all of it is black."""
        return not any(self.shown) and len(self.alphas) < 2

    def add(self, pixels: Pixels) -> None:
        """Take one more picture into account."""
        values, counts = _counted(pixels.shown)
        if len(self.shown) < MOST_VALUES:
            self.shown.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        self.together |= WHITE in values and len(set(values.tolist()) - {0, WHITE}) > 0
        self.lossy |= pixels.lossy
        self.num_plain += pixels.index is None and bool(values.any())
        for index, shown in pixels.colour_of.items():
            self.indexed.setdefault(index, set()).add(shown)
        bright = brightness(pixels.shown)
        if len(values) > 2:
            self._add_between(bright, fine=pixels.lossy or len(values) > FINE)
        opaque = 0 if pixels.alpha is None else int(pixels.alpha.max())
        self.pictures.append(
            Glance(frozenset(values[:MOST_VALUES].tolist()), frozenset(pixels.colour_of), int(bright.max()), opaque)
        )
        if pixels.alpha is not None:
            self._add_alpha(pixels.alpha, bright)

    def _add_alpha(self, alpha: npt.NDArray[np.uint8], bright: Values) -> None:
        self.num_alphas += 1
        self.alphas |= set(np.flatnonzero(np.bincount(alpha.ravel())).tolist())
        opaque = alpha > OBJECT_ABOVE
        for place, seen in enumerate((bright > 0, bright > OBJECT_ABOVE)):
            self.alpha_is_shown[place] &= bool(np.array_equal(opaque, seen))

    def _add_between(self, values: Values, *, fine: bool) -> None:
        near = NEAR_ENDS if fine else 0
        grey = values.astype(np.uint16)
        around = np.ones((5, 5), np.uint8)
        between = (grey > int(grey.min()) + near) & (grey < int(grey.max()) - near)
        edges = between & (cv2.dilate(grey, around) > grey) & (cv2.erode(grey, around) < grey)
        self.num_between += int(np.count_nonzero(between))
        self.num_on_edges += int(np.count_nonzero(edges))

    @property
    def is_soft(self) -> bool:
        """Whether the pixels between the ends look like edges."""
        return bool(self.num_between) and self.num_on_edges >= ON_EDGES * self.num_between

    def words(self) -> str:
        """The values, for a message."""
        values = sorted(self.shown, key=lambda value: (value >= COLOUR, value))
        more = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
        indices = f", by the indices {', '.join(map(str, sorted(self.indexed)[:NAMED]))}" if self.indexed else ""
        alpha = f"; alpha from {min(self.alphas)} to {max(self.alphas)}" if self.alphas else ""
        return f"{', '.join(map(name_of, values[:NAMED]))}{more}{indices}{alpha}"


def _counted(shown: Values) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The values that occur, ascending, and how often each."""
    if shown.max(initial=0) >= COLOUR:
        return np.unique(shown, return_counts=True)
    counts = np.bincount(shown.ravel())  # ten times as quick as sorting
    values = np.flatnonzero(counts)
    return values, counts[values]
