"""What can be said on the command line to the commands that measure."""

from __future__ import annotations

import argparse
from pathlib import Path

MASK_VALUES = ("auto", "binary", "grey", "ids", "palette", "alpha")
"""Of ``formats.mask_values``."""


def add_mask_values(command: argparse.ArgumentParser) -> None:
    """``--mask-values``: what the values of mask images mean."""
    command.add_argument(
        "--mask-values",
        choices=MASK_VALUES,
        default="auto",
        help="what masks' values mean: auto, as the pictures show (default); binary: what is not 0 is the object; "
        "grey: what is brighter than half, for soft edges; ids: every value but 0 is an object; palette: the same, "
        "and 255 is void (DAVIS, VOC); alpha: what is opaque",
    )


BENCHMARKS = ("sail-vos", "tao-amodal", "tabe-51", "movi", "kitti")

TRUTH = (
    "the benchmark's annotations with masks (tao-amodal: Diffusion-VAS's samples, "
    "diffusion_vas_tao_amodal_val.json, not TAO-Amodal's own file of boxes), or a COCO export of ours"
)
"""What the help says of ``--truth``."""


def add_predict(predict: argparse.ArgumentParser) -> None:
    """``vas-tool predict``."""
    predict.add_argument("benchmark", choices=BENCHMARKS)
    predict.add_argument("--truth", type=Path, required=True, help=f"{TRUTH}; their modal masks are completed")
    predict.add_argument("--out", type=Path, required=True, help="the result file, or folder for tabe-51 and movi")
    predict.add_argument("--frames", type=Path, help="the folder that the pictures' names are relative to")
    predict.add_argument(
        "--engine", default="auto", metavar="NAME", help="of the amodal stage, or modal, convex, convex-nearer"
    )
    predict.add_argument("--depth", default="auto", metavar="NAME", help="a depth engine")
    predict.add_argument("--seed", type=int, help="default: that of the engine's protocol (diffusion-vas: 23), else 0")
    predict.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the amodal engine, in place of what its protocol for the benchmark says",
    )
    predict.add_argument("--tracks", type=Path, help="tao-amodal: the map from video id to first track id")
    predict.add_argument(
        "--project",
        action="append",
        nargs=3,
        default=[],
        metavar=("PROJECT", "OBJECT", "CLIP"),
        help="instead of an engine: a project's object for a clip of the truth (its name, or number from 0)",
    )


def add_bench(bench: argparse.ArgumentParser) -> None:
    """``vas-tool bench``."""
    bench.add_argument(
        "--masks",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="masks of objects in full view: images, or masks/ and rgbs/, or folders of those (default: made puppets)",
    )
    add_mask_values(bench)
    bench.add_argument("--seeds", type=int, default=1, help="occluders of each kind before each object (default: 1)")
    bench.add_argument("--engine", action="append", default=[], metavar="NAME", help="default: all that are present")
    bench.add_argument("--depth", default="layers", help="a depth engine, or layers: the true order (default)")
    bench.add_argument("--seed", type=int, default=0, help="of the engines")
    _add_outputs(bench)


FIGURES = "files for the tables alone, by their ending: .csv, .tex (LaTeX), .json"


def add_compare(compare: argparse.ArgumentParser) -> None:
    """``vas-tool compare``."""
    compare.add_argument("before", type=Path, help="a file that evaluate --json or bench --json wrote")
    compare.add_argument("after", type=Path, help="the same of the later run")
    compare.add_argument(
        "--tolerance",
        type=float,
        metavar="POINTS",
        help="exit with 1 when a mean is worse by more percentage points than that",
    )
    compare.add_argument("--json", type=Path, help="a file for all numbers, and for every frame that changed")
    compare.add_argument("--report", type=Path, help="an HTML file with the means and the frames that changed")
    compare.add_argument("--figures", type=Path, nargs="+", default=[], metavar="FILE", help=FIGURES)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--json", type=Path, help="a file for all numbers, of single frames too, and all that is wrong"
    )
    command.add_argument("--figures", type=Path, nargs="+", default=[], metavar="FILE", help=FIGURES)
    command.add_argument("--report", type=Path, help="an HTML file with tables, curves and the worst frames")
    command.add_argument("--frames", type=Path, help="the folder of the pictures, for the report's worst frames")


def add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    """``vas-tool evaluate``."""
    evaluate.add_argument(
        "benchmark",
        choices=(*BENCHMARKS, "kitti-savos", "tao-amodal-boxes", "protocols"),
        help="tao-amodal-boxes: TAO-Amodal's own AP, of validation_lvis_v1.json and lists of predicted boxes; "
        "kitti-savos: KITTI as SaVos measures it; "
        "protocols: one set of masks under the protocols of Diffusion-VAS, EoRaS and TABE and strictly, rule by rule",
    )
    evaluate.add_argument("--truth", type=Path, required=True, help=TRUTH)
    evaluate.add_argument(
        "--predictions", type=Path, nargs="+", default=[], help="result files; of several the best of K is taken, too"
    )
    evaluate.add_argument("--tracks", type=Path, help="tao-amodal: the map from video id to first track id")
    evaluate.add_argument(
        "--kins", type=Path, metavar="FOLDER", help="kitti-savos: KINS's annotations and pictures, as the truth"
    )
    evaluate.add_argument("--no-baselines", action="store_true", help="without the modal and the convex row")
    evaluate.add_argument(
        "--restricted", action="store_true", help="sail-vos: the row Convex^R, from the other objects of each picture"
    )
    evaluate.add_argument("--visibility", default="0,0.2,0.4,0.6,0.8,1", help="borders of the curves' buckets")
    _add_outputs(evaluate)
