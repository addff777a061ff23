"""What an engine of the amodal or the content stage is asked: one value for each stage, and where windows are kept.

All arrays are in clip pixels (see ``types``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vas_tool.engines.settings import Settings
from vas_tool.types import Canvas, Clip, Depth, Mask

WindowAnswer = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(T, ...): what an engine's model answered for the T frames of a window, in numbers that only the engine reads."""


@dataclass(frozen=True)
class WindowKey:
    """What tells one answer of a window from all others."""

    window: range
    seed: int
    made_from: str
    """A digest of all that the answer depends on, in letters and digits."""


class WindowStore(Protocol):
    """Where an engine with windows keeps its model's answers, so that no window is computed twice.

    A kept answer counts as if it had just been computed: the frames that two windows share are the same to the bit.
    """

    def read(self, key: WindowKey) -> WindowAnswer | None:
        """The answer that was kept under the key; None when there is none, or none any more."""
        ...

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        """Keep an answer. The store may drop it later."""
        ...


@dataclass(frozen=True)
class AmodalWork:
    """What an engine of the amodal stage is asked."""

    clip: Clip
    modal: Mapping[int, Mask]
    """frame_index -> (H, W) bool. It may hold more frames than are asked for. A frame that it lacks was never looked
    at; an empty mask means that nothing of the object is seen there."""
    depth: Mapping[int, Depth]
    """frame_index -> (H, W) float32 in 0..1, 1 = nearest. Frames may be missing."""
    canvas: Canvas
    frame_indices: range
    """The frames to answer, in this order."""
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    store: WindowStore | None = None
    """Where an engine with windows reads and keeps finished ones; None: nowhere. Other engines ignore it."""


@dataclass(frozen=True)
class ContentWork:
    """What an engine of the content stage is asked."""

    clip: Clip
    modal: Mapping[int, Mask]
    """frame_index -> (H, W) bool. Frames may be missing."""
    amodal: Mapping[int, Mask]
    """frame_index -> (canvas H, W) bool. A frame that it lacks gets empty content."""
    canvas: Canvas
    frame_indices: range
    """The frames to answer, in this order."""
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    store: WindowStore | None = None
    """Where an engine with windows reads and keeps finished ones; None: nowhere. Other engines ignore it."""
