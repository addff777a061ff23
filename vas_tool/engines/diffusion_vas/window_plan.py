"""Divides a clip of any length into windows of a fixed length. Pure arithmetic.

The windows depend only on the number of frames. A frame's result depends only on the windows that contain it, and stays
valid when other frames change.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vas_tool.engines.diffusion_vas.parameters import WINDOW_LENGTH, WINDOW_OVERLAP
from vas_tool.engines.settings import NO_SETTINGS, Settings


def clip_windows(num_frames: int, settings: Settings = NO_SETTINGS) -> tuple[range, ...]:
    """Return the windows of a clip for the parameters ``window_length`` and ``window_overlap``."""
    length, overlap = settings.get("window_length", WINDOW_LENGTH), settings.get("window_overlap", WINDOW_OVERLAP)
    return plan_windows(num_frames, length=int(length), overlap=int(overlap))


def plan_windows(num_frames: int, *, length: int, overlap: int) -> tuple[range, ...]:
    """Return windows of ``length`` frames that cover the clip. Each shares at least ``overlap`` frames with the one
    before.

    The last window is moved back to end with the clip. A clip of at most ``length`` frames is one window of its own
    length.
    """
    if num_frames <= length:
        return (range(num_frames),) if num_frames else ()
    last = num_frames - length
    starts = [*range(0, last, length - overlap), last]
    return tuple(range(start, start + length) for start in starts)


def padded_frames(window: range, length: int) -> npt.NDArray[np.int64]:
    """Return (length,) the frames of a window; a short window is mirrored back and forth until it is full.

    0 1 2 becomes 0 1 2 1 0 1 2 ...: every frame comes from the clip and nothing jumps.
    """
    there_and_back = [*window, *window[-2:0:-1]] if len(window) > 1 else list(window)
    return np.resize(np.array(there_and_back, np.int64), length)


def fade(window: range, frame_index: int) -> float:
    """Return the weight of a window's result for a frame, above 0. It grows by one per frame from both ends of the
    window.

    Divided by the sum over the windows that contain the frame, the weights fade one window's result into the next.
    """
    return float(min(frame_index - window.start, window.stop - 1 - frame_index) + 1)
