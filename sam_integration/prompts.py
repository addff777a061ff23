"""The prompts for one object on one frame, and the order in which the model gets them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sam_integration.preprocessing import Logits, Mask


@dataclass(frozen=True)
class Point:
    """A click in pixels of the frame, x to the right, y down."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True)
class Step:
    """The prompts of one step: a mask that is used unchanged, or a box and points that correct the last result."""

    points: tuple[Point, ...] = ()
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: Mask | None = None


@dataclass(frozen=True)
class FramePrompt:
    """All prompts for one object on one frame."""

    points: tuple[Point, ...] = ()
    """Clicks in the order in which they were made."""
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: Mask | None = None
    """(H, W) bool mask. It is used unchanged if there is no other prompt; otherwise the box and points correct it."""

    def __post_init__(self) -> None:
        if not self.points and self.box_xyxy is None and self.mask is None:
            raise ValueError("a prompt needs a point, a box or a mask")

    def steps(self) -> Iterator[Step]:
        """Yield the steps: the mask, the box, then one point after the other.

        Every step repeats the earlier points, and the model gets its last result with it.
        """
        if self.mask is not None:
            yield Step(mask=self.mask)
        if self.box_xyxy is not None:
            yield Step(box_xyxy=self.box_xyxy)
        for count in range(1, len(self.points) + 1):
            yield Step(self.points[:count], self.box_xyxy)

    def joined_steps(self) -> Iterator[Step]:
        """Yield the mask, then the box and all points in one step."""
        if self.mask is not None:
            yield Step(mask=self.mask)
        if self.points or self.box_xyxy is not None:
            yield Step(self.points, self.box_xyxy)


@dataclass(frozen=True)
class Answer:
    """The model's mask on one frame, with its scores."""

    frame_index: int
    logits: Logits
    object_score: float
    """Logit, above 0 when the model sees the object on the frame; -10 or 10 for a given mask."""
    predicted_iou: float
    """The model's estimate of the mask's IoU, 0..1; 1 for a given mask."""

    @property
    def mask(self) -> Mask:
        """The (H, W) bool mask."""
        found: Mask = self.logits > 0
        return found

    @property
    def certainty(self) -> float:
        """Probability, 0..1, that the object is where the mask is; for an empty mask, that it is hidden."""
        present = 1.0 / (1.0 + float(np.exp(-self.object_score)))
        return present * min(1.0, max(0.0, self.predicted_iou)) if self.object_score > 0 else 1.0 - present
