"""What it gains to know the amodal box: an amodal engine with and without a crop around it.

    python benchmarks/box_quality.py [--engine learned] [--margin 0.25] [--all] [--from-file]

On ``assets/tao_made`` (four made clips, six tracks, exact truth), canvas padded by half the frame. Two numbers each, in
percent, the mean over tracks of the mean over frames: mIoU of the whole masks, and strict mIoU of the hidden part alone
(every frame that hides something counts, a miss as 0). ``uncropped, cleared`` is the uncropped result without what lies
outside the true box: what the box tells beyond the crop. ``--all`` tries the other ways to crop as well.
``--from-file`` takes nothing but the annotation file: import, tracking from its boxes, completion, as the command line
does them, without the crops and with them; mIoU of the whole masks.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tao_made import ROOT, Track, tracks

from vas_tool.boxes.cropping import cleared_outside, plan_crops
from vas_tool.boxes.crops import CropRule
from vas_tool.cli import main as command_line
from vas_tool.engines import registry
from vas_tool.engines.base import AmodalCompleter
from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.engines.registry import LoadedEngine
from vas_tool.formats.origin import read_origin
from vas_tool.imports.tao_amodal import import_tao_amodal
from vas_tool.masks import box_xyxy, iou
from vas_tool.pipeline import amodal_masks
from vas_tool.project import Project
from vas_tool.types import AmodalBox, Canvas, Depth, Mask
from vas_tool.work import AmodalWork

ANNOTATIONS = ROOT / "amodal_annotations" / "validation.json"
Masks = list[Mask]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--margin", type=float, default=CropRule().margin)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--from-file", action="store_true")
    parser.add_argument("--engine", default="learned", help="of the amodal stage")
    options = parser.parse_args()
    if options.from_file:
        _from_file(options.margin, options.engine)
        return
    loaded = registry.load("amodal", options.engine)
    rows: dict[str, list[tuple[float, float]]] = {}
    for track in tracks():
        answers = _answers(track, loaded, margin=options.margin, all_ways=options.all)
        scores = {name: _score(track, masks) for name, masks in answers}
        shown = "  ".join(f"{name} {whole:.1f}/{hidden:.1f}" for name, (whole, hidden) in scores.items())
        print(f"{track.name:14s} {shown}", flush=True)
        for name, score in scores.items():
            rows.setdefault(name, []).append(score)
    print("\nmean over tracks            mIoU  mIoU hidden")
    for name, row in rows.items():
        whole, hidden = np.mean(row, axis=0)
        print(f"{name:26s} {whole:5.1f}  {hidden:5.1f}")


def _answers(
    track: Track, loaded: LoadedEngine[AmodalCompleter], *, margin: float, all_ways: bool
) -> list[tuple[str, Masks]]:
    depth = dict(BuiltinDepth().estimate(track.clip, range(len(track.clip))))
    plain = _masks(track, depth, loaded)
    rule = CropRule(margin=margin)
    found = [
        ("modal", [track.canvas.to_canvas(mask) for mask in track.modal.values()]),
        ("uncropped", plain),
        ("uncropped, cleared", _cleared(track, plain)),
        ("true boxes", _masks(track, depth, loaded, boxes=track.true_boxes, rule=rule)),
        ("boxes once a second", _masks(track, depth, loaded, boxes=track.annotated, rule=rule)),
    ]
    if all_ways:
        others = {"stretched": CropRule(margin, keep_aspect=False), "one box": CropRule(margin, span=True)}
        found += [
            (name, _masks(track, depth, loaded, boxes=track.true_boxes, rule=way)) for name, way in others.items()
        ]
    return found


def _masks(
    track: Track,
    depth: dict[int, Depth],
    loaded: LoadedEngine[AmodalCompleter],
    *,
    boxes: tuple[AmodalBox, ...] = (),
    rule: CropRule | None = None,
) -> Masks:
    """The engine's masks, uncropped on frames without a box."""
    frames = range(len(track.clip))
    work = AmodalWork(track.clip, track.modal, depth, canvas=track.canvas, frame_indices=frames)
    masks = dict(amodal_masks(work, completer=loaded))
    if boxes and rule:
        tight = {f: box_xyxy(mask) for f, mask in track.modal.items()}
        seen = {f: tuple(map(float, box)) for f, box in tight.items() if box is not None}
        plan = plan_crops(boxes, rule=rule, frame_wh=track.clip.size_wh, seen=seen)  # type: ignore[arg-type]
        cropped = replace(work, frame_indices=plan.span)
        masks |= dict(amodal_masks(cropped, completer=loaded, crops=plan))
    return [masks[f] for f in frames]


def _from_file(margin: float, engine: str) -> None:
    truth = {track.name.split()[1]: track for track in tracks()}
    rows = []
    with TemporaryDirectory() as folder:
        done = import_tao_amodal(ANNOTATIONS, Path(folder) / "projects", frames=ROOT / "frames")
        for path in done.projects:
            boxes = [
                "--amodal-boxes",
                "project",
                "--pad",
                str(margin),
                "--stages",
                "segment,depth,amodal",
                "--engine",
                f"amodal={engine}",
            ]
            command_line(["run", str(path), "--object", "all", *boxes])
            with closing(Project.open(path)) as project:
                origin = read_origin(path)
                assert origin is not None
                for object_id, record in origin.tracks.items():
                    rows.append(_score_of_project(project, object_id, truth[str(record.track_id)]))
    print("\nmean over tracks: not cropped {:.1f}, cropped {:.1f}".format(*np.mean(rows, axis=0)))


def _score_of_project(project: Project, object_id: int, track: Track) -> tuple[float, float]:
    """Percent: mIoU without the crops and with them."""
    layers, frames = project.layers(object_id), range(len(project.clip))
    cropped = [_on_truth(layers.amodal[f], project.canvas, track.canvas) for f in frames]
    plain = [
        _on_truth((layers.uncropped if f in layers.uncropped else layers.amodal)[f], project.canvas, track.canvas)
        for f in frames
    ]
    score = [
        100 * float(np.mean([iou(m, t) for m, t in zip(masks, track.amodal, strict=True)]))
        for masks in (plain, cropped)
    ]
    print(f"{track.name:14s} not cropped {score[0]:.1f}  cropped {score[1]:.1f}", flush=True)
    return score[0], score[1]


def _on_truth(mask: Mask, canvas: Canvas, larger: Canvas) -> Mask:
    """A mask of the project's canvas on the data set's."""
    out = np.zeros(larger.size_wh[::-1], bool)
    top, left = larger.pad_top - canvas.pad_top, larger.pad_left - canvas.pad_left
    out[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return out


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
