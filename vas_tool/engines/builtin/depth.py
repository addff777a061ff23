"""Relative depth without a network: a heuristic, not a measurement.

Objects stand on the ground, and the ground rises towards the horizon in the picture: a region is as near as its lowest
point. That is right for toys on a table and people in a street. It is wrong for birds, ceilings, views from above and
everything that hangs or flies. It orders standing objects; it measures no distances.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.settings import NO_SETTINGS, Settings, checked
from vas_tool.types import Clip, Depth, Frame

WORKING_SIDE = 320
"""Pixels: longest side of the pictures that are segmented into regions."""

TONES = 10
"""Levels of each colour channel, after smoothing, by which regions are separated."""

GROUND_SHARE = 0.2
"""A region larger than this share of the picture is ground or background: its pixels keep their own height."""

EDGE_RADIUS = 6
EDGE_EPSILON = 1e-3
"""Epsilon of the guided filter (He et al., ECCV 2010) that aligns depth edges with colour edges."""

MEMORY = 0.6
"""Share of the previous frame's depth that is kept, so that depth does not flicker."""


class BuiltinDepth:
    """Depth from the height in the picture: 0 far (top) to 1 near (bottom). A heuristic, not a measurement."""

    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        """Yield (frame_index, (H, W) float32 in 0..1, 1 = nearest) in the requested order. Raises Cancelled."""
        checked((), settings, engine="builtin")
        small = SmallFrames(clip, longest_side=WORKING_SIDE)
        before: Depth | None = None
        for done, index in enumerate(frame_indices):
            progress(done, len(frame_indices), "depth")
            frame = small.frame(index)
            raw = standing_depth(frame)
            before = raw if before is None else MEMORY * before + (1 - MEMORY) * raw
            yield index, opencv.resize(_on_edges(frame, before), clip.size_wh, cv2.INTER_LINEAR)


def standing_depth(frame: Frame) -> Depth:
    """Return (H, W) float32: each region is as near as its lowest pixel; large regions pixel by pixel."""
    height, width = frame.shape[:2]
    labels, num_regions = regions(frame)
    rows = np.repeat(np.arange(height, dtype=np.float32), width)
    flat = labels.ravel()
    lowest = np.zeros(num_regions, np.float32)
    np.maximum.at(lowest, flat, rows)
    large = np.bincount(flat, minlength=num_regions) > GROUND_SHARE * flat.size
    nearness = np.where(large[flat], rows, lowest[flat]) / max(1, height - 1)
    return np.asarray(nearness.reshape(height, width), np.float32)


def regions(frame: Frame) -> tuple[npt.NDArray[np.int32], int]:
    """Return connected regions of one smoothed colour: ((H, W) labels from 0, number of regions)."""
    flat = cv2.pyrMeanShiftFiltering(frame, 8, 18)
    tones = (cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).astype(np.int32) * TONES) // 256
    colours = tones[..., 0] * TONES * TONES + tones[..., 1] * TONES + tones[..., 2]
    labels = np.zeros(colours.shape, np.int32)
    count = 0
    for colour in np.unique(colours):
        found, part = cv2.connectedComponents((colours == colour).astype(np.uint8), connectivity=4)
        labels[part > 0] = part[part > 0] + count - 1
        count += found - 1
    return labels, count


def _on_edges(frame: Frame, depth: Depth) -> Depth:
    """Return the depth smoothed by a guided filter, with the picture's edges."""
    guide = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    size = (2 * EDGE_RADIUS + 1, 2 * EDGE_RADIUS + 1)

    def mean(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.boxFilter(picture, -1, size), np.float32)

    mean_guide, mean_depth = mean(guide), mean(depth)
    slope = (mean(guide * depth) - mean_guide * mean_depth) / (mean(guide * guide) - mean_guide**2 + EDGE_EPSILON)
    offset = mean_depth - slope * mean_guide
    return np.clip(mean(slope) * guide + mean(offset), 0, 1).astype(np.float32)
