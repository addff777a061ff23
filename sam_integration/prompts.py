"""What is said about one object on one frame, and the order in which the model hears it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
"""(H, W) bool of the frame's size."""
Logits = npt.NDArray[np.float32]
"""(H, W) float32 of the frame's size: > 0 on the object."""


@dataclass(frozen=True)
class Point:
    """A click in the frame's pixels; x to the right, y down."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True)
class Step:
    """What the model is asked at once: a mask to take as it is, or a box and points that correct what it said last."""

    points: tuple[Point, ...] = ()
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: Mask | None = None


@dataclass(frozen=True)
class FramePrompt:
    """Everything said about one object on one frame."""

    points: tuple[Point, ...] = ()
    """In the order they were made."""
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: Mask | None = None
    """(H, W) bool: taken as it is where there is nothing else, else the start that box and points correct."""

    def __post_init__(self) -> None:
        if not self.points and self.box_xyxy is None and self.mask is None:
            raise ValueError("a prompt needs a point, a box or a mask")

    def steps(self) -> Iterator[Step]:
        """As a person works with the package: the mask, the box, then one point after the other.

        Every step repeats the points so far, and the model sees its last answer with it.
        """
        if self.mask is not None:
            yield Step(mask=self.mask)
        if self.box_xyxy is not None:
            yield Step(box_xyxy=self.box_xyxy)
        for count in range(1, len(self.points) + 1):
            yield Step(self.points[:count], self.box_xyxy)


@dataclass(frozen=True)
class Answer:
    """The model's mask on one frame, and what it thinks of it."""

    frame_index: int
    logits: Logits
    object_score: float
    """Logit: > 0 when the model sees the object on the frame. -10 or 10 for a mask that was given."""
    predicted_iou: float
    """0..1: how well the model believes the mask to fit; 1 for a mask that was given."""

    @property
    def mask(self) -> Mask:
        """(H, W) bool."""
        found: Mask = self.logits > 0
        return found

    @property
    def certainty(self) -> float:
        """0..1: the chance that the object is where the mask says; that it is hidden, when the mask is empty."""
        present = 1.0 / (1.0 + float(np.exp(-self.object_score)))
        return present * min(1.0, max(0.0, self.predicted_iou)) if self.object_score > 0 else 1.0 - present
