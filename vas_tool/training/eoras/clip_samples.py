"""One object over some frames of a clip, as EoRaS's network and its losses take it."""

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
    """(H, W)."""
    amodal: Mask
    """(H, W); empty where a data set does not label the frame."""
    box: tuple[int, int, int, int]
    """Of what is seen: row_min, row_max, column_min, column_max, as the data set says it."""

    @cached_property
    def window(self) -> Window:
        """What the network looks at."""
        return window_around(self.box, self.modal.shape)

    @property
    def labelled(self) -> bool:
        """Whether anything of the amodal mask lies inside the window: other frames are not learned from."""
        return bool(self.window.cut(self.amodal).any())


@dataclass(frozen=True)
class Sample:
    """An object's frames, in the order of time; a short clip repeats its last one."""

    name: str
    frames: tuple[ObjectFrame, ...]
    intrinsics: Floats
    """(3, 3)."""
    frame_indices: tuple[int, ...]
    """Where they lie in the clip."""

    @property
    def patches(self) -> Floats:
        """(T, 3, 128, 128) in [0, 1]."""
        return np.stack([patch_of(f.frame, f.window) for f in self.frames])

    @property
    def full(self) -> npt.NDArray[np.bool_]:
        """(T, 121, 121): the amodal masks in the windows."""
        return np.stack([mask_patch_of(f.amodal, f.window) for f in self.frames])

    @property
    def visible(self) -> npt.NDArray[np.bool_]:
        """(T, 121, 121): the modal masks in the windows."""
        return np.stack([mask_patch_of(f.modal, f.window) for f in self.frames])

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """(T,): frames with an amodal label."""
        return np.array([f.labelled for f in self.frames])


class SampleSource(Protocol):
    """A split of a data set: objects by number."""

    def __len__(self) -> int: ...

    def sample(self, index: int, random: np.random.RandomState) -> Sample:
        """The object's frames; in training a part of them that ``random`` chooses. Raises FormatError."""
        ...


def training_part(num_frames: int, length: int, random: np.random.RandomState) -> Sequence[int]:
    """Positions of ``length`` frames in a row; of a shorter clip all, and the last one again.

    Draws one number as the reference does, with numpy's old generator.
    """
    first = int(random.randint(0, num_frames - length + 1)) if num_frames >= length else 0
    return padded(range(first, min(num_frames, first + length)), length)


def padded(positions: range, length: int) -> Sequence[int]:
    """At least ``length`` of them: the last one is repeated."""
    return [*positions, *[positions[-1]] * (length - len(positions))]
