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
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask
from truth import labelled_clips

from vas_tool.engines.base import TrackedFrame
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.evaluation.occlusion import OcclusionCase, occlusion_cases, views_in
from vas_tool.evaluation.silhouettes import silhouettes
from vas_tool.masks import iou
from vas_tool.types import ArrayClip, Frame, Mask, Prompts

TAO_MADE = Path(__file__).parent.parent / "assets" / "tao_made"
LEAST = 60
"""Pixels of the mask that tracking starts from."""

BEFORE, BEHIND = 5, 12
"""Frames before a cut, and behind it."""


@dataclass(frozen=True)
class Track:
    """A clip, and what is seen of one thing on each frame."""

    name: str
    frames: list[Frame]
    masks: list[Mask]

    @property
    def reversed(self) -> Track:
        """The same, backwards."""
        return Track(f"{self.name} backwards", self.frames[::-1], self.masks[::-1])

    @property
    def begun(self) -> Track:
        """From the first frame on which it is seen well."""
        first = next(i for i, mask in enumerate(self.masks) if mask.sum() > LEAST)
        return Track(self.name, self.frames[first:], self.masks[first:])


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
    groups = {"sample": list(_both(_sample())), "tao_made": [t for made in _tao_made() for t in _both(made)]}
    groups["puppets, occluded"] = [_occluded(case) for case in occlusion_cases(silhouettes())]
    if options.masks:
        groups["your clips, occluded"] = [_occluded(case) for case in occlusion_cases(views_in(options.masks))]
    print(f"{'':24s} tracks  J seen   kept empty   J again")
    for name, tracks in groups.items():
        row = Row([], [], [])
        for track in tracks:
            _measure(track.begun, row)
        empty = f"{np.mean(row.empty):5.2f} of {len(row.empty):3d}" if row.empty else "-"
        again = f"{np.mean(row.again):9.3f}" if row.again else f"{'-':>9s}"
        print(f"{name:24s} {len(tracks):6d}  {np.mean(row.seen):6.3f} {empty:>12s} {again}", flush=True)
    scenes = list({track.name.split()[0]: track.begun for tracks in groups.values() for track in tracks}.values())
    print(f"{'behind a cut':24s} {len(scenes):6d} {'':7s} {_behind_cuts(scenes):6.2f}")


def _both(track: Track) -> Iterator[Track]:
    yield track
    yield track.reversed


def _sample() -> Track:
    [view] = labelled_clips([])
    return Track("sample toy", list(view.frames), list(view.masks))


def _tao_made() -> Iterator[Track]:
    truth = json.loads((TAO_MADE / "truth.json").read_text())
    for clip, tracks in truth.items():
        folder = TAO_MADE / "frames" / "val" / "Made" / clip
        frames = [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.iterdir())]
        for number, track in tracks.items():
            runs = [{"size": list(frames[0].shape[:2]), "counts": counts.encode()} for counts in track["modal"]]
            yield Track(f"{clip} {number}", frames, [coco_mask.decode(one) > 0 for one in runs])


def _occluded(case: OcclusionCase) -> Track:
    frames, nothing = range(len(case.clip)), np.zeros(case.clip.size_wh[::-1], bool)
    return Track(case.name, [case.clip[i] for i in frames], [case.modal.get(i, nothing) for i in frames])


def _measure(track: Track, row: Row) -> None:
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


def _behind_cuts(tracks: list[Track]) -> float:
    """Each track's beginning, and then the next one's, which must be of another clip."""
    empty: list[bool] = []
    for track, other in zip(tracks, [*tracks[1:], tracks[0]], strict=True):
        size_wh = track.frames[0].shape[1], track.frames[0].shape[0]
        behind = [cv2.resize(frame, size_wh) for frame in other.frames[:BEHIND]]
        answers = _tracked([*track.frames[:BEFORE], *behind], track.masks[0])
        empty += [not answer.mask.any() for answer in answers[BEFORE:]]
    return float(np.mean(empty))


def _tracked(frames: list[Frame], first: Mask) -> list[TrackedFrame]:
    clip = ArrayClip(np.stack(frames))
    return list(BuiltinSegmenter().track(clip, Prompts(masks={0: first}), range(len(clip))))


if __name__ == "__main__":
    main()
