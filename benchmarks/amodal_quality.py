"""How well the builtin engine completes hidden objects, beside what is simpler.

    python benchmarks/amodal_quality.py [FOLDER ...] [--seeds 3]

Each FOLDER has ``rgbs/`` and true ``masks/`` of an object in full view; a bar, a blob and a block that hides it all
pass in front of it. Without folders: the bundled sample, with its own truth and the builtin depth. Two numbers each:
mIoU of the whole masks, and strict mIoU of the hidden part alone (frames that hide something), in percent.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from truth import Case, Masks, cases

from vas_tool.engines.builtin.amodal import BuiltinAmodal
from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.masks import iou
from vas_tool.types import Canvas, Depth, Mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, float]]] = {}
    for case in cases(options.folders, options.seeds):
        answers, seconds = _answers(case)
        scores = {name: _score(case, masks) for name, masks in answers.items()}
        shown = "  ".join(f"{name} {whole:.1f}/{hidden:.1f}" for name, (whole, hidden) in scores.items())
        print(f"{case.name:20s} {1000 * seconds / len(case.clip):5.0f} ms a frame  {shown}", flush=True)
        for name, score in scores.items():
            rows.setdefault(name, []).append(score)
    print("\nmean over cases          mIoU  mIoU hidden")
    for name, row in rows.items():
        whole, hidden = np.nanmean(row, axis=0)
        print(f"{name:24s} {whole:5.1f}  {hidden:5.1f}")


def _answers(case: Case) -> tuple[dict[str, Masks], float]:
    """Every method's masks, and the seconds the builtin engine took with the case's depth."""
    modal = list(case.modal.values())
    pairs = list(zip(modal, case.depth.values(), strict=True))
    start = time.perf_counter()
    builtin = _builtin(case, case.depth)
    seconds = time.perf_counter() - start
    heuristic = dict(BuiltinDepth().estimate(case.clip, range(len(case.clip))))
    answers = {
        "modal": np.stack(modal),
        "hull": np.stack([_hull(mask) for mask in modal]),
        "nearer hull": np.stack([mask | (_hull(mask) & _nearer(mask, depth)) for mask, depth in pairs]),
        "builtin": builtin,
        "builtin, builtin depth": _builtin(case, heuristic),
    }
    return answers, seconds


def _builtin(case: Case, depth: dict[int, Depth]) -> Masks:
    span = range(len(case.clip))
    engine, canvas = BuiltinAmodal(), Canvas(case.clip.size_wh)
    return np.stack([m for _, m in engine.complete(case.clip, case.modal, depth, canvas=canvas, frame_indices=span)])


def _hull(mask: Mask) -> Mask:
    out = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(out, cv2.convexHull(points), 1)
    return out > 0


def _nearer(mask: Mask, depth: Depth) -> Mask:
    """Where something is in front of the object."""
    return depth > np.median(depth[mask]) if mask.any() else np.zeros_like(mask)


def _score(case: Case, masks: Masks) -> tuple[float, float]:
    """Percent: mIoU; strict mIoU of what is hidden (nan when nothing ever is)."""
    whole = [iou(mask, truth) for mask, truth in zip(masks, case.amodal, strict=True)]
    frames = [i for i in range(len(masks)) if case.hidden(i).any()]
    hidden = [iou(masks[i] & ~case.modal[i], case.hidden(i)) for i in frames]
    return 100 * float(np.mean(whole)), 100 * float(np.mean(hidden)) if hidden else float("nan")


if __name__ == "__main__":
    main()
