"""What each part of the learned amodal engine adds, on the occlusion bench.

    python benchmarks/learned_parts.py [--masks FOLDER]

Rows: the builtin engine (registered voting); the same with motion thought in the world; the network with the builtin
engine's motion; with motion in the world; and with depth as its limit as well, which is the engine. Percent, strict:
mIoU of the whole, of the hidden part, and of the whole where nothing is seen, as means over frames. Without ``--masks``
the puppets drawn here are used.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from vas_tool.engines.base import AmodalCompleter, Progress
from vas_tool.engines.builtin.amodal import BuiltinAmodal
from vas_tool.engines.builtin.registration import Motion, estimate_motion
from vas_tool.engines.learned.clip_views import Source
from vas_tool.engines.learned.engine import LearnedAmodal
from vas_tool.engines.learned.evidence import Picture, Soft
from vas_tool.engines.learned.poses import world_motion
from vas_tool.evaluation.occlusion_cases import OcclusionCase, occlusion_cases, views_in
from vas_tool.evaluation.silhouettes import silhouettes
from vas_tool.masks import iou
from vas_tool.types import Canvas, Clip, Mask
from vas_tool.work import AmodalWork

Scores = tuple[list[float], list[float], list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=Path)
    options = parser.parse_args()
    views = views_in(options.masks) if options.masks else silhouettes()
    rows: dict[str, AmodalCompleter] = {
        "builtin": BuiltinAmodal(),
        "builtin, motion in the world": VotingInTheWorld(),
        "network, builtin motion": LearnedAmodal(motion=_straight, limit=_anything),
        "network, motion in the world": LearnedAmodal(limit=_anything),
        "network, limited by depth": LearnedAmodal(),
    }
    print(f"{'':30s} mIoU  hidden  all hidden")
    scores: dict[str, Scores] = {name: ([], [], []) for name in rows}
    for case in occlusion_cases(views):
        for name, completer in rows.items():
            _score(case, _answers(case, completer), scores[name])
    for name, (whole, hidden, gone) in scores.items():
        print(f"{name:30s} {_percent(whole)}   {_percent(hidden)}       {_percent(gone)}")


def _percent(values: Iterable[float]) -> str:
    found = list(values)
    return f"{100 * float(np.mean(found)):4.1f}" if found else "   -"


def _answers(case: OcclusionCase, completer: AmodalCompleter) -> dict[int, Mask]:
    canvas, frames = Canvas(case.clip.size_wh), range(len(case.clip))
    return dict(completer.complete(AmodalWork(case.clip, case.modal, case.depth, canvas, frames)))


class VotingInTheWorld(BuiltinAmodal):
    """The builtin engine, with the learned one's motion."""

    def follow(self, work: AmodalWork, *, progress: Progress) -> Motion:
        """World motion."""
        source = Source.of(work.clip, work.modal, work.depth)
        return world_motion(work.clip, work.modal, source.moving, progress=progress)


def _straight(clip: Clip, modal: Mapping[int, Mask], moving: Callable[[int], Mask], *, progress: Progress) -> Motion:
    return estimate_motion(clip, modal, progress=progress)


def _anything(picture: Picture) -> Soft:
    return np.ones(picture.shape[1:], np.float32)


def _score(case: OcclusionCase, masks: dict[int, Mask], scores: Scores) -> None:
    for i, mask in masks.items():
        scores[0].append(iou(mask, case.amodal[i]))
        hidden = case.hidden(i)
        if hidden.any():
            scores[1].append(iou(mask & ~case.modal[i], hidden))
        if i in case.gone:
            scores[2].append(iou(mask, case.amodal[i]))


if __name__ == "__main__":
    main()
