"""What the learned engine gains by fine-tuning on a person's own clips.

    python benchmarks/learned_tuning.py [--steps 150] [--pair CLIP CLIP] [--all]

On ``assets/tao_made``: fine-tuned on the tracks of two of its four clips, measured on the tracks of the other two
(canvas padded by half the frame, depth of the builtin engine). Mean IoU over the frames that hide something, percent,
of the hidden part and of the whole mask. ``--all`` takes each of the six pairs of clips in turn and gives the mean.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tao_made import Track, tracks

from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.engines.learned.engine import LearnedAmodal
from vas_tool.training.accepted_frames import AcceptedObject, Score, score_of
from vas_tool.training.tune_amodal import Plan, tune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate)
    parser.add_argument("--drawn", type=float, default=Plan.drawn)
    parser.add_argument("--pair", nargs=2, metavar="CLIP", help="learned from; default: the first and third by name")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    objects = [as_object(track) for track in tracks()]
    clips = sorted({obj.video for obj in objects})
    pairs = list(combinations(clips, 2)) if options.all else [tuple(options.pair or clips[::2])]
    gains, began = [], time.process_time()
    for pair in pairs:
        learned = [obj for obj in objects if obj.video in pair]
        others = [obj for obj in objects if obj.video not in pair]
        with TemporaryDirectory() as folder:
            told = {"steps": options.steps, "learning_rate": options.learning_rate, "drawn": options.drawn}
            tuned = tune(Plan(Path(folder), hold_out=0, **told), learned)
            gains.append(shown(pair, others, tuned.folder / "amodal.onnx"))
    means = np.mean(gains, axis=0)
    print("mean      hidden {:5.1f} -> {:5.1f}   whole {:5.1f} -> {:5.1f}".format(*means))
    print(f"{time.process_time() - began:.0f} s of processor time")


def as_object(track: Track) -> AcceptedObject:
    """The track as a person would have accepted it, every frame."""
    depth = dict(BuiltinDepth().estimate(track.clip, range(len(track.clip))))
    amodal = dict(enumerate(track.amodal))
    name, frames = track.name.split()[0], tuple(range(len(track.amodal)))
    return AcceptedObject(track.name, name, track.clip, track.modal, amodal, depth, track.canvas, frames)


def shown(pair: tuple[str, ...], others: list[AcceptedObject], weights: Path) -> tuple[float, float, float, float]:
    """Print each track; the means: hidden before and after, whole before and after, in percent."""
    rows: list[tuple[Score, Score]] = []
    for obj in others:
        before, after = score_of(LearnedAmodal(), obj), score_of(LearnedAmodal(weights), obj)
        if before is not None and after is not None:
            rows.append((before, after))
            print(f"{'+'.join(pair):24} {obj.name:14} hidden {100 * before.hidden:5.1f} -> {100 * after.hidden:5.1f}")
    figures = [(b.hidden, a.hidden, b.whole, a.whole) for b, a in rows]
    hidden_before, hidden_after, whole_before, whole_after = (100 * np.mean(figures, axis=0)).tolist()
    return hidden_before, hidden_after, whole_before, whole_after


if __name__ == "__main__":
    main()
