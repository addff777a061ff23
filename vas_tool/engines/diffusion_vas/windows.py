"""A clip of any length in windows of a fixed one. Pure arithmetic.

The layout follows from the number of frames alone, so a frame's answer depends on the windows that contain it and on
nothing else: what was made stays valid when other frames change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from vas_tool.engines.settings import NO_SETTINGS, Settings

WINDOW_LENGTH = 25
"""Frames. The released weights were trained and measured with 25; with an even number the reference layout of tokens
loses its temporal context."""
WINDOW_OVERLAP = 5
"""Frames that neighbouring windows share, faded from one to the other. More is smoother and costs more: with 5 a long
clip costs 1.25 times what it would without."""


def clip_windows(num_frames: int, settings: Settings = NO_SETTINGS) -> tuple[range, ...]:
    """The windows of the engines, as their parameters ``window_length`` and ``window_overlap`` say."""
    length, overlap = settings.get("window_length", WINDOW_LENGTH), settings.get("window_overlap", WINDOW_OVERLAP)
    return plan_windows(num_frames, length=int(length), overlap=int(overlap))


def plan_windows(num_frames: int, *, length: int, overlap: int) -> tuple[range, ...]:
    """Windows of ``length`` frames that cover the clip, each at least ``overlap`` frames into the one before.

    The last one is moved back to end with the clip. A clip of ``length`` frames or fewer is one window of its own
    length.
    """
    if num_frames <= length:
        return (range(num_frames),) if num_frames else ()
    last = num_frames - length
    starts = [*range(0, last, length - overlap), last]
    return tuple(range(start, start + length) for start in starts)


def windows_with(windows: Sequence[range], frame_indices: Collection[int]) -> tuple[int, ...]:
    """The numbers of the windows that contain any of ``frame_indices``, ascending."""
    return tuple(n for n, window in enumerate(windows) if any(i in window for i in frame_indices))


def touched_frames(windows: Sequence[range], frame_indices: Collection[int]) -> frozenset[int]:
    """The frames whose answer depends on any of ``frame_indices``: all that share a window with one."""
    return frozenset(i for n in windows_with(windows, frame_indices) for i in windows[n])


def padded_frames(window: range, length: int) -> npt.NDArray[np.int64]:
    """(length,): the frames to show the model, a short window mirrored back and forth until it is full.

    0 1 2 -> 0 1 2 1 0 1 2 ...: nothing appears that is not in the clip and nothing jumps, so the object stays the same.
    """
    there_and_back = [*window, *window[-2:0:-1]] if len(window) > 1 else list(window)
    return np.resize(np.array(there_and_back, np.int64), length)


def fade(window: range, frame_index: int) -> float:
    """The weight of a window's answer for a frame, > 0: it grows by one a frame from both ends of the window.

    Divided by the sum over the windows that contain the frame, it fades one window's answer into the next one's.
    """
    return float(min(frame_index - window.start, window.stop - 1 - frame_index) + 1)
