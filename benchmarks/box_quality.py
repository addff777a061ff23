"""What it gains to know the amodal box: the builtin engine with and without a crop around it.

    python benchmarks/box_quality.py [--margin 0.25] [--all]

On ``assets/tao_made`` (four made clips, six tracks, exact truth), canvas padded by half the frame. Two numbers each, in
percent, the mean over tracks of the mean over frames: mIoU of the whole masks, and strict mIoU of the hidden part alone
(every frame that hides something counts, a miss as 0). ``uncropped, cleared`` is the uncropped result without what lies
outside the true box: what the box tells beyond the crop. ``--all`` tries the other ways to crop as well.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tao_made import Track, tracks

from vas_tool.boxes.cropping import cleared_outside, plan_crops
from vas_tool.boxes.crops import CropRule
from vas_tool.engines import registry
from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.masks import box_xyxy, iou
from vas_tool.pipeline import AmodalWork, amodal_masks
from vas_tool.types import AmodalBox, Depth, Mask

Masks = list[Mask]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--margin", type=float, default=CropRule().margin)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, float]]] = {}
    for track in tracks():
        scores = {name: _score(track, masks) for name, masks in _answers(track, options.margin, all_ways=options.all)}
        shown = "  ".join(f"{name} {whole:.1f}/{hidden:.1f}" for name, (whole, hidden) in scores.items())
        print(f"{track.name:14s} {shown}", flush=True)
        for name, score in scores.items():
            rows.setdefault(name, []).append(score)
    print("\nmean over tracks            mIoU  mIoU hidden")
    for name, row in rows.items():
        whole, hidden = np.mean(row, axis=0)
        print(f"{name:26s} {whole:5.1f}  {hidden:5.1f}")


def _answers(track: Track, margin: float, *, all_ways: bool) -> list[tuple[str, Masks]]:
    depth = dict(BuiltinDepth().estimate(track.clip, range(len(track.clip))))
    plain = _masks(track, depth)
    rule = CropRule(margin=margin)
    found = [
        ("modal", [track.canvas.to_canvas(mask) for mask in track.modal.values()]),
        ("uncropped", plain),
        ("uncropped, cleared", _cleared(track, plain)),
        ("true boxes", _masks(track, depth, boxes=track.true_boxes, rule=rule)),
        ("boxes once a second", _masks(track, depth, boxes=track.annotated, rule=rule)),
    ]
    if all_ways:
        others = {"stretched": CropRule(margin, keep_aspect=False), "one box": CropRule(margin, span=True)}
        found += [(name, _masks(track, depth, boxes=track.true_boxes, rule=way)) for name, way in others.items()]
    return found


def _masks(
    track: Track, depth: dict[int, Depth], *, boxes: tuple[AmodalBox, ...] = (), rule: CropRule | None = None
) -> Masks:
    """The engine's masks, uncropped on frames without a box."""
    loaded, frames = registry.load("amodal", "builtin"), range(len(track.clip))
    work = AmodalWork(track.clip, track.modal, depth, canvas=track.canvas, frame_indices=frames)
    masks = dict(amodal_masks(work, completer=loaded))
    if boxes and rule:
        tight = {f: box_xyxy(mask) for f, mask in track.modal.items()}
        seen = {f: tuple(map(float, box)) for f, box in tight.items() if box is not None}
        plan = plan_crops(boxes, rule=rule, frame_wh=track.clip.size_wh, seen=seen)  # type: ignore[arg-type]
        cropped = AmodalWork(track.clip, track.modal, depth, canvas=track.canvas, frame_indices=plan.span, crops=plan)
        masks |= dict(amodal_masks(cropped, completer=loaded))
    return [masks[f] for f in frames]


def _cleared(track: Track, masks: Masks) -> Masks:
    boxes = {box.frame_index: box for box in track.true_boxes}
    return [cleared_outside(mask, boxes[f], track.canvas) if f in boxes else mask for f, mask in enumerate(masks)]


def _score(track: Track, masks: Masks) -> tuple[float, float]:
    """Percent: mIoU; strict mIoU of what is hidden."""
    whole = [iou(mask, truth) for mask, truth in zip(masks, track.amodal, strict=True)]
    frames = [f for f in range(len(masks)) if track.hidden(f).any()]
    hidden = [iou(track.without_seen(masks[f], f), track.hidden(f)) for f in frames]
    return 100 * float(np.mean(whole)), 100 * float(np.mean(hidden))


if __name__ == "__main__":
    main()
