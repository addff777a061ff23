"""Collects the values in the mask pictures of a folder, and whether values between the extremes look like soft
edges.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.formats.mask_pixels import COLOUR, Pixels, Values, brightness, name_of

OBJECT_ABOVE = 128
"""Grey values above this are object, as in demo.py of Diffusion-VAS; for 16 bit, 257 times that."""

WHITE = 255
"""The value 255, which is a void border in some data sets and an object in others."""

ON_EDGES = 0.8
"""With soft edges, at least this share of the pixels between the extremes has darker and brighter pixels near it."""

MOST_VALUES = 2048
"""Most values that are counted in a folder. More values mean photographs."""

FINE = 32
"""Values in one picture above which they come from rounding, which also makes values near both extremes."""

NEAR_ENDS = 16
"""Values within this distance count as the extremes."""

NAMED = 12
"""Most values that a message names."""


@dataclass(frozen=True)
class PictureValues:
    """The values of one mask picture, kept to decide what they mean."""

    shown: frozenset[int]
    """Values of ``Pixels.shown``."""
    indices: frozenset[int]
    brightest: int
    most_opaque: int


@dataclass
class FolderValues:
    """The values in the pictures of a folder, over all pictures added so far."""

    shown: Counter[int] = field(default_factory=Counter)
    """Value of ``Pixels.shown`` -> number of pixels."""
    together: bool = False
    """Whether one picture holds 255 and another value other than 0."""
    num_between: int = 0
    """Number of pixels between a picture's darkest and brightest value."""
    num_on_edges: int = 0
    """Number of such pixels with darker and brighter pixels near them."""
    lossy: bool = False
    pictures: list[PictureValues] = field(default_factory=list)
    indexed: dict[int, set[int]] = field(default_factory=dict)
    """Palette index -> its visible values; several where palettes differ."""
    num_plain: int = 0
    """Number of pictures without a palette that are not all black."""
    alphas: set[int] = field(default_factory=set)
    num_alphas: int = 0
    alpha_is_shown: list[bool] = field(default_factory=lambda: [True, True])
    """Whether, in every picture, the opaque pixels are those that are not 0; and whether they are the bright ones."""

    @property
    def scale(self) -> int:
        """1 for 8 bit pictures, 257 for 16 bit pictures."""
        return 257 if any(255 < value < COLOUR for value in self.shown) else 1

    @property
    def is_empty(self) -> bool:
        """Whether all pictures are black."""
        return not any(self.shown) and len(self.alphas) < 2

    def add(self, pixels: Pixels) -> None:
        """Add the values of one picture."""
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
            PictureValues(
                frozenset(values[:MOST_VALUES].tolist()), frozenset(pixels.colour_of), int(bright.max()), opaque
            )
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
        """Whether the pixels between the extremes look like soft edges."""
        return bool(self.num_between) and self.num_on_edges >= ON_EDGES * self.num_between

    def words(self) -> str:
        """Return the values as text for a message."""
        values = sorted(self.shown, key=lambda value: (value >= COLOUR, value))
        more = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
        indices = f", by the indices {', '.join(map(str, sorted(self.indexed)[:NAMED]))}" if self.indexed else ""
        alpha = f"; alpha from {min(self.alphas)} to {max(self.alphas)}" if self.alphas else ""
        return f"{', '.join(map(name_of, values[:NAMED]))}{more}{indices}{alpha}"


def _counted(shown: Values) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the values that occur, ascending, and the number of pixels of each."""
    if shown.max(initial=0) >= COLOUR:
        return np.unique(shown, return_counts=True)
    counts = np.bincount(shown.ravel())  # ten times as fast as sorting
    values = np.flatnonzero(counts)
    return values, counts[values]
