"""How well the builtin engine follows things that hide, leap, leave and come back.

    python benchmarks/tracking_quality.py [--masks FOLDER]

From a true mask on the first frame, on: the sample (both ways), the clips of ``assets/tao_made`` (both ways), the
occlusion bench's puppets behind every kind of occluder, and with ``--masks`` the clips of a folder behind them.
Columns: mean J over the frames on which something is seen of it; part of the frames without it on which the answer is
empty, and how many those are; mean J where it is seen again after that. The last row: of frames behind a cut into
another clip, the part that is empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from true_clips import begun, bundled_clips

from vas_tool.engines.base import TrackedFrame
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.evaluation.occlusion_cases import OcclusionCase, occlusion_cases, views_in
from vas_tool.evaluation.silhouettes import FullView, silhouettes
from vas_tool.masks import iou
from vas_tool.types import ArrayClip, Frame, Mask, Prompts

BEFORE, BEHIND = 5, 12
"""Frames before a cut, and behind it."""


@dataclass
class Row:
    """Of some tracks."""

    seen: list[float]
    empty: list[bool]
    again: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=Path)
    options = parser.parse_args()
    toy, *made = bundled_clips()
    groups = {"sample": list(_both_ways(toy)), "tao_made": [t for one in made for t in _both_ways(one)]}
    groups["puppets, occluded"] = [_occluded(case) for case in occlusion_cases(silhouettes())]
    if options.masks:
        groups["your clips, occluded"] = [_occluded(case) for case in occlusion_cases(views_in(options.masks))]
    print(f"{'':24s} tracks  J seen   kept empty   J again")
    for name, tracks in groups.items():
        row = Row([], [], [])
        for track in tracks:
            _measure(begun(track), row)
        empty = f"{np.mean(row.empty):5.2f} of {len(row.empty):3d}" if row.empty else "-"
        again = f"{np.mean(row.again):9.3f}" if row.again else f"{'-':>9s}"
        print(f"{name:24s} {len(tracks):6d}  {np.mean(row.seen):6.3f} {empty:>12s} {again}", flush=True)
    scenes = list({track.name.split()[0]: begun(track) for tracks in groups.values() for track in tracks}.values())
    print(f"{'behind a cut':24s} {len(scenes):6d} {'':7s} {_behind_cuts(scenes):6.2f}")


def _both_ways(view: FullView) -> Iterator[FullView]:
    yield view
    yield FullView(f"{view.name} backwards", view.frames[::-1], view.masks[::-1])


def _occluded(case: OcclusionCase) -> FullView:
    frames, nothing = range(len(case.clip)), np.zeros(case.clip.size_wh[::-1], bool)
    masks = [case.modal.get(i, nothing) for i in frames]
    return FullView(case.name, np.stack([case.clip[i] for i in frames]), np.stack(masks))


def _measure(track: FullView, row: Row) -> None:
    gone, seen = False, []
    for answer in _tracked(track.frames, track.masks[0])[1:]:
        truth = track.masks[answer.frame_index]
        if truth.any():
            seen.append(iou(answer.mask, truth))
            row.again += seen[-1:] if gone else []
        else:
            gone = True
            row.empty.append(not answer.mask.any())
    row.seen.append(float(np.mean(seen)))


def _behind_cuts(tracks: list[FullView]) -> float:
    """Each track's beginning, and then the next one's, which must be of another clip."""
    empty: list[bool] = []
    for track, other in zip(tracks, [*tracks[1:], tracks[0]], strict=True):
        size_wh = track.frames[0].shape[1], track.frames[0].shape[0]
        behind = [cv2.resize(frame, size_wh) for frame in other.frames[:BEHIND]]
        answers = _tracked([*track.frames[:BEFORE], *behind], track.masks[0])
        empty += [not answer.mask.any() for answer in answers[BEFORE:]]
    return float(np.mean(empty))


def _tracked(frames: Sequence[Frame], first: Mask) -> list[TrackedFrame]:
    clip = ArrayClip(np.stack(frames))
    return list(BuiltinSegmenter().track(clip, Prompts(masks={0: first}), range(len(clip))))


if __name__ == "__main__":
    main()
