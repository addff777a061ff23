"""The frames of one object in the form that EoRaS's network and losses take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vas_tool.engines.eoras.patches import Floats, Window, mask_patch_of, patch_of, window_around
from vas_tool.types import Frame, Mask


@dataclass(frozen=True)
class ObjectFrame:
    """One object on one frame."""

    frame: Frame
    modal: Mask
    """(H, W) modal mask."""
    amodal: Mask
    """(H, W) amodal mask; empty when the data set does not label the frame."""
    box: tuple[int, int, int, int]
    """Box of the modal mask in the data set: row_min, row_max, column_min, column_max."""

    @cached_property
    def window(self) -> Window:
        """The window around the box, which the network takes."""
        return window_around(self.box, self.modal.shape)

    @property
    def labelled(self) -> bool:
        """Whether a pixel of the amodal mask lies inside the window. Training skips the other frames."""
        return bool(self.window.cut(self.amodal).any())


@dataclass(frozen=True)
class Sample:
    """An object's frames in the order of time. A short clip repeats its last frame."""

    name: str
    frames: tuple[ObjectFrame, ...]
    intrinsics: Floats
    """(3, 3) camera matrix."""
    frame_indices: tuple[int, ...]
    """The index of each frame in the clip."""

    @property
    def patches(self) -> Floats:
        """Return the network's input (T, 3, 128, 128) in 0..1."""
        return np.stack([patch_of(f.frame, f.window) for f in self.frames])

    @property
    def full(self) -> npt.NDArray[np.bool_]:
        """Return (T, 121, 121) bool: the amodal masks in the windows."""
        return np.stack([mask_patch_of(f.amodal, f.window) for f in self.frames])

    @property
    def visible(self) -> npt.NDArray[np.bool_]:
        """Return (T, 121, 121) bool: the modal masks in the windows."""
        return np.stack([mask_patch_of(f.modal, f.window) for f in self.frames])

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Return (T,) bool: whether the frame has an amodal label."""
        return np.array([f.labelled for f in self.frames])


class SampleSource(Protocol):
    """A split of a data set: its objects by number."""

    def __len__(self) -> int: ...

    def sample(self, index: int, random: np.random.RandomState) -> Sample:
        """Return an object's frames; in training, consecutive frames that ``random`` chooses. Raises FormatError."""
        ...


def training_part(num_frames: int, length: int, random: np.random.RandomState) -> Sequence[int]:
    """Return the positions of ``length`` consecutive frames. A shorter clip gives all its frames and repeats the last
    one.

    Draws one number as the reference does, with numpy's old generator.
    """
    first = int(random.randint(0, num_frames - length + 1)) if num_frames >= length else 0
    return padded(range(first, min(num_frames, first + length)), length)


def padded(positions: range, length: int) -> Sequence[int]:
    """Return the positions, with the last one repeated until there are ``length``."""
    return [*positions, *[positions[-1]] * (length - len(positions))]
