"""The background where objects leave their place, frame by frame, by a content engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np

from vas_tool.engines.base import ContentCompleter, Progress
from vas_tool.scene.composing import grown
from vas_tool.types import Canvas, Clip, Frame, Mask
from vas_tool.work import ContentWork

CONTEXT = 24
"""Pixels around what is filled that the engine sees, to match colours."""

MASKS_KEPT = 64
"""Masks in memory."""


class _MaskOnDemand(Mapping[int, Mask]):
    """frame_index -> mask of a function, for every frame of a clip."""

    def __init__(self, make: Callable[[int], Mask], num_frames: int) -> None:
        self._make, self._num_frames = lru_cache(MASKS_KEPT)(make), num_frames

    def __getitem__(self, frame_index: int) -> Mask:
        if frame_index not in self:
            raise KeyError(frame_index)
        return self._make(frame_index)

    def __contains__(self, frame_index: object) -> bool:
        return isinstance(frame_index, int) and 0 <= frame_index < self._num_frames

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._num_frames))

    def __len__(self) -> int:
        return self._num_frames


def backgrounds(
    clip: Clip,
    objects: Callable[[int], Mask],
    vacated: Callable[[int], Mask | None],
    *,
    engine: ContentCompleter,
    progress: Progress,
    frames: range | None = None,
) -> Iterator[Frame]:
    """Yield the (H, W, 3) background of each frame; it holds only around what is vacated.

    ``objects`` is a function: frame_index -> (H, W) where an object is, or mixes with the background. ``vacated`` is a
    function: frame_index -> (H, W) what is to be filled, or None. ``frames`` are the frames (None: all).

    Raises Cancelled.
    """
    canvas, shape = Canvas(clip.size_wh), clip.size_wh[::-1]

    def visible(i: int) -> Mask:
        return ~objects(i)

    def wanted(i: int) -> Mask:
        hole = vacated(i)
        return np.zeros(shape, np.bool_) if hole is None else grown(hole, CONTEXT)

    work = ContentWork(
        clip,
        _MaskOnDemand(visible, len(clip)),
        _MaskOnDemand(wanted, len(clip)),
        canvas=canvas,
        frame_indices=range(len(clip)) if frames is None else frames,
    )
    for _, content in engine.complete(work, progress=progress):
        yield content[..., :3]
