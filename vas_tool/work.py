"""The inputs of engines of the stages ``amodal`` and ``content``, and the store of their windows.

All arrays are in clip pixels (see ``types``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vas_tool.engines.settings import Settings
from vas_tool.types import Canvas, Clip, Depth, Mask

WindowAnswer = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(T, ...): the model's result for the T frames of a window, in a form that only the engine reads."""


def windows_with(frames: Collection[int], windows: Sequence[range]) -> list[int]:
    """Return the indices, ascending, of the windows that hold any of the frames."""
    ascending = sorted(frames)
    before = [(bisect_left(ascending, w.start), bisect_left(ascending, w.stop)) for w in windows]
    return [number for number, (at_start, at_stop) in enumerate(before) if at_start < at_stop]


@dataclass(frozen=True)
class WindowKey:
    """The key of a window's result."""

    window: range
    seed: int
    made_from: str
    """A digest of everything that the result depends on, in letters and digits."""


class WindowStore(Protocol):
    """Stores the model's results of windows, so that no window is computed twice.

    A stored result equals a computed one bit for bit, so that frames that two windows share do not change.
    """

    def read(self, key: WindowKey) -> WindowAnswer | None:
        """Return the result stored under the key; None when there is none."""
        ...

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        """Store a result. The store may drop it later."""
        ...


@dataclass(frozen=True)
class AmodalWork:
    """The input of an engine of the stage ``amodal``."""

    clip: Clip
    modal: Mapping[int, Mask]
    """frame_index -> (H, W) bool. It may hold more frames than are requested. A missing frame was never segmented; an
    empty mask means that nothing of the object is seen there."""
    depth: Mapping[int, Depth]
    """frame_index -> (H, W) float32 in 0..1, 1 = nearest. Frames may be missing."""
    canvas: Canvas
    frame_indices: range
    """The requested frames, in this order."""
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    store: WindowStore | None = None
    """Store of finished windows for engines with windows; None for no store. Other engines ignore it."""


@dataclass(frozen=True)
class ContentWork:
    """The input of an engine of the stage ``content``."""

    clip: Clip
    modal: Mapping[int, Mask]
    """frame_index -> (H, W) bool. Frames may be missing."""
    amodal: Mapping[int, Mask]
    """frame_index -> (canvas H, W) bool. A missing frame gets empty content."""
    canvas: Canvas
    frame_indices: range
    """The requested frames, in this order."""
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    store: WindowStore | None = None
    """Store of finished windows for engines with windows; None for no store. Other engines ignore it."""
    depth: Mapping[int, Depth] = field(default_factory=dict)
    """frame_index -> (H, W) float32, as ``AmodalWork.depth``."""
    amodal_settings: Settings = field(default_factory=dict)
    """Settings of the amodal engine of the same name. With them and with ``depth``, an engine of both stages finds the
    results of its amodal stage."""
    hypotheses: Mapping[int, int] = field(default_factory=dict)
    """frame_index -> seed of the hypothesis that the amodal mask follows from. Other frames use ``seed``."""
