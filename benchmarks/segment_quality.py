"""How many clicks the builtin engine needs, and how well it follows.

    python benchmarks/segment_quality.py [FOLDER ...] [--frame 0] [--farther 5]

Each FOLDER has ``rgbs/`` and true ``masks/``, or holds such folders; without folders, the bundled clips. Pictures are
looked at in their own size. A simulated person clicks the deepest point of the object first, then the deepest point of
the larger error. Tracking starts from the true mask of the first frame. ``--farther 5`` puts the pictures into the
middle of pictures five times as wide, their mirror images around them, so that the object is small.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from true_clips import bundled_clips, clips_in

from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.evaluation.silhouettes import FullView
from vas_tool.masks import centre_of, iou
from vas_tool.types import ArrayClip, Click, Mask, Prompts

NUM_CLICKS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--frame", type=int, default=0)
    parser.add_argument("--farther", type=int, default=1, choices=(1, 3, 5, 7), metavar="1|3|5|7")
    options = parser.parse_args()
    clips = [clip for folder in options.folders for clip in clips_in(folder)] or bundled_clips()
    clips = [farther(labelled, options.farther) for labelled in clips]
    print("IoU after clicks     " + "".join(f"{n:7d}" for n in range(1, NUM_CLICKS + 1)) + "   worst drop  a click")
    rows = []
    for labelled in clips:
        overlaps, milliseconds = _clicked(labelled, options.frame)
        rows.append(overlaps)
        worst = max(0.0, *(a - b for a, b in pairwise(overlaps)))
        print(f"{labelled.name:20s} {_shown(overlaps)}   {worst:10.3f} {milliseconds:6.0f} ms", flush=True)
    print(f"{'mean':20s} {_shown(np.mean(rows, axis=0))}")
    print("\ntracked from the true first mask: mean J, lowest J, ms a frame")
    means = []
    for labelled in clips:
        overlaps, milliseconds = _tracked(labelled)
        means.append(np.mean(overlaps))
        print(f"{labelled.name:20s} {means[-1]:7.3f} {np.min(overlaps):7.3f} {milliseconds:5.0f}", flush=True)
    print(f"{'mean':20s} {np.mean(means):7.3f}")


def _shown(overlaps: Iterable[float]) -> str:
    return "".join(f"{overlap:7.3f}" for overlap in overlaps)


def farther(labelled: FullView, times: int) -> FullView:
    """In the middle of frames so many times as wide and as high."""
    height, width = labelled.masks.shape[1:]
    down, across = height * (times // 2), width * (times // 2)
    frames = [cv2.copyMakeBorder(f, down, down, across, across, cv2.BORDER_REFLECT) for f in labelled.frames]
    masks = np.pad(labelled.masks, ((0, 0), (down, down), (across, across)))
    return FullView(labelled.name, np.stack(frames), masks)


def _clicked(labelled: FullView, frame_index: int) -> tuple[list[float], float]:
    """IoU after each click; median ms of an answer on a prepared frame."""
    truth, clip, engine = labelled.masks[frame_index], ArrayClip(labelled.frames), BuiltinSegmenter()
    engine.prepare(clip, frame_index)
    mask = np.zeros_like(truth)
    clicks: tuple[Click, ...] = ()
    overlaps, times = [], []
    for _ in range(NUM_CLICKS):
        clicks = (*clicks, next_click(frame_index, mask, truth))
        start = time.perf_counter()
        mask = engine.segment(clip, frame_index, Prompts(clicks=clicks))
        times.append(1000 * (time.perf_counter() - start))
        overlaps.append(iou(mask, truth))
    return overlaps, float(np.median(times))


def next_click(frame_index: int, mask: Mask, truth: Mask) -> Click:
    """Where somebody clicks who sees the larger error."""
    missing, surplus = truth & ~mask, mask & ~truth
    positive = _depth(missing) >= _depth(surplus)
    point = centre_of(missing if positive else surplus) or centre_of(truth)
    assert point is not None, "the frame shows nothing of the object"
    return Click(frame_index, *point, positive=positive or not surplus.any())


def _depth(mask: Mask) -> float:
    return float(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5).max())


def _tracked(labelled: FullView) -> tuple[list[float], float]:
    """J of each frame after the first; ms a frame."""
    prompts, clip = Prompts(masks={0: labelled.masks[0]}), ArrayClip(labelled.frames)
    start = time.perf_counter()
    tracked = list(BuiltinSegmenter().track(clip, prompts, range(len(clip))))
    seconds = time.perf_counter() - start
    overlaps = [iou(t.mask, labelled.masks[t.frame_index]) for t in tracked[1:]]
    return overlaps, 1000 * seconds / len(overlaps)


if __name__ == "__main__":
    main()
