"""The frames of an engine's run, and their order. Pure functions of frame numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from vas_tool.work import windows_with

Direction = Literal["forward", "backward", "both"]
"""Direction of tracking: forward or backward from the nearest prompted frame, or over the whole clip."""

BRIDGE_FRAMES = 16
"""Number of frames that SAM2 remembers (its object pointers). Tracking restarts after longer runs of settled frames."""


def contiguous(frames: Iterable[int]) -> list[range]:
    """Return frames as runs of consecutive ones: [1, 2, 3, 7, 8] -> [range(1, 4), range(7, 9)]."""
    runs: list[range] = []
    for frame in frames:
        if runs and frame == runs[-1].stop:
            runs[-1] = range(runs[-1].start, frame + 1)
        else:
            runs.append(range(frame, frame + 1))
    return runs


def stretches(needed: Collection[int], windows: Sequence[range]) -> list[range]:
    """Return the ranges to run an engine on: they hold all needed frames and meet no window without a needed frame.

    An engine without windows reads the whole clip for any frame, so it gets one range.
    """
    if not needed:
        return []
    if not windows:
        return [range(min(needed), max(needed) + 1)]
    ascending, pieces = sorted(needed), []
    for run in contiguous(windows_with(needed, windows)):
        first = ascending[bisect_left(ascending, windows[run[0]].start)]
        last = ascending[bisect_left(ascending, windows[run[-1]].stop) - 1]
        pieces.append(range(first, last + 1))
    return pieces


def reach_of_tracking(anchors: list[int], frame_index: int, *, direction: Direction, num_frames: int) -> range:
    """Return the frames to track: from the anchor nearest to a frame, or the whole clip. ``anchors`` are ascending."""
    if direction == "forward":
        return range(max((a for a in anchors if a <= frame_index), default=anchors[0]) + 1, num_frames)
    if direction == "backward":
        return range(0, min((a for a in anchors if a >= frame_index), default=anchors[-1]))
    return range(num_frames)


def tracking_spans(
    needed: Iterable[int], *, made: Collection[int], settled: Collection[int], direction: Direction
) -> list[range]:
    """Return frames (ascending) as spans for a tracker. Each span leads away from the masks (``made``) at its ends.

    Two spans in one direction are joined if at most BRIDGE_FRAMES ``settled`` frames separate them.
    """
    spans = [span for run in contiguous(needed) for span in _directed(run, made, direction=direction)]
    return _bridged(spans, set(settled))


def _directed(run: range, made: Collection[int], *, direction: Direction) -> list[range]:
    """Return a run in the requested direction. With masks at both ends, two spans lead from the ends to the middle.

    Tracking in both directions therefore differs from one pass that starts at the first prompt: each frame gets its
    mask from the nearer prompted frame (the earlier one if both are equally near). ``tests/test_sam2_project.py`` tests
    which results are equal.
    """
    before, after = run[0] - 1 in made, run[-1] + 1 in made
    if before and after and direction == "both" and len(run) > 1:
        middle = run.start + (len(run) + 1) // 2
        return [range(run.start, middle), range(middle, run.stop)[::-1]]
    backwards = after and (direction == "backward" or not before)
    return [run[::-1] if backwards else run]


def _bridged(spans: list[range], settled: set[int]) -> list[range]:
    """Return the spans with those joined that only a few settled frames separate. A tracker with memory continues over
    such frames.
    """
    bridged: list[range] = []
    for span in spans:
        last = bridged[-1] if bridged else span
        between = range(max(last) + 1, min(span))
        if last.step == span.step and 0 < len(between) <= BRIDGE_FRAMES and settled.issuperset(between):
            ends = (last.start, span.stop) if span.step > 0 else (span.start, last.stop)
            bridged[-1] = range(*ends, span.step)
        else:
            bridged.append(span)
    return bridged
