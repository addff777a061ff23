"""Arguments of the commands that measure: predict, bench, compose, recheck, compare, agreement, evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path

from vas_tool.commands.shared_arguments import add_figures, add_mask_values

BENCHMARKS = ("sail-vos", "tao-amodal", "tabe-51", "movi", "kitti")

TRUTH = (
    "the benchmark's annotations with masks (tao-amodal: Diffusion-VAS's samples, "
    "diffusion_vas_tao_amodal_val.json, not TAO-Amodal's own file of boxes), or a COCO export of ours"
)
"""Help of ``--truth``."""


def add_predict(predict: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool predict``."""
    predict.add_argument(
        "benchmark", choices=(*BENCHMARKS, "cases"), help="the benchmark; cases: what bench --write or compose made"
    )
    predict.add_argument("--truth", type=Path, required=True, help=f"{TRUTH}; its modal masks are completed")
    predict.add_argument(
        "--out", type=Path, required=True, help="the result file, or folder for tabe-51, movi and cases"
    )
    predict.add_argument("--frames", type=Path, help="the folder that the pictures' names are relative to")
    predict.add_argument(
        "--engine", default="auto", metavar="NAME", help="an amodal engine, or a baseline: modal, convex, convex-nearer"
    )
    predict.add_argument(
        "--depth", default="auto", metavar="NAME", help="a depth engine (default: the best; of cases, their own depth)"
    )
    predict.add_argument("--seed", type=int, help="default: that of the engine's protocol (diffusion-vas: 23), else 0")
    predict.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the amodal engine, in place of its protocol for the benchmark",
    )
    predict.add_argument("--tracks", type=Path, help="tao-amodal: the map from video id to first track id")
    predict.add_argument(
        "--project",
        action="append",
        nargs=3,
        default=[],
        metavar=("PROJECT", "OBJECT", "CLIP"),
        help="instead of an engine, use the masks of a project's object for a clip of the truth (name or number)",
    )


MADE_SETS = ("occluders", "sail-vos", "movi", "tabe-51", "tao-amodal")
"""Names of ``evaluation.made_sets.MADE_SETS``, repeated here because that module imports numpy."""

PRINTED = "the numbers that the papers print beside, marked as theirs"


def add_bench(bench: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool bench``."""
    bench.add_argument(
        "--masks",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="masks of objects in full view: images, or masks/ and rgbs/, or folders of those (default: drawn puppets)",
    )
    add_mask_values(bench)
    bench.add_argument(
        "--cases",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="clips of your own whose hidden part is known: what vas-tool compose or --write made",
    )
    bench.add_argument(
        "--sets",
        nargs="+",
        choices=MADE_SETS,
        default=["occluders"],
        help="made sets, each with its own protocol: occluders (default), or in the manner of a benchmark",
    )
    bench.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write the sets for other tools, and measure nothing"
    )
    bench.add_argument(
        "--answers",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="of other tools: <set>/<case>/00000.png for what --write wrote; each folder is a row",
    )
    bench.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="masks made elsewhere, as the row NAME: <set>/<case>/00000.png, or <case>/00000.png for one set; "
        "the pictures may lie in <case>/amodal",
    )
    bench.add_argument("--printed", action="store_true", help=PRINTED)
    bench.add_argument(
        "--seeds", type=int, default=1, help="occluders of each kind in front of each object (default: 1)"
    )
    bench.add_argument(
        "--engine", action="append", default=[], metavar="NAME", help="an amodal engine (default: all that are present)"
    )
    bench.add_argument("--depth", default="layers", help="a depth engine, or layers: the true order (default)")
    bench.add_argument("--seed", type=int, default=0, help="seed of the engines (default: 0)")
    _add_outputs(bench)


def add_compose(compose: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool compose``."""
    compose.add_argument("behind", metavar="PROJECT[:ID]", help="the object that is hidden; it must be in full view")
    compose.add_argument(
        "front", nargs="+", metavar="PROJECT[:ID]", help="objects that are put in front of it, the farther first"
    )
    compose.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of your clips")
    compose.add_argument(
        "--soft",
        type=float,
        default=0.0,
        metavar="PIXELS",
        help="let the opacity of what is in front rise over this many pixels from its border (default: 0, hard)",
    )
    compose.add_argument(
        "--shift", action="append", default=[], metavar="X,Y", help="move a front by pixels; one for each, in order"
    )
    compose.add_argument(
        "--delay", action="append", default=[], type=int, metavar="FRAMES", help="begin a front later; one for each"
    )
    compose.add_argument(
        "--reference", type=Path, metavar="PICTURE", help="the empty scene of the same camera, for soft borders"
    )
    compose.add_argument(
        "--whole", action="store_true", help="put the front's completed objects (amodal mask and content) in front"
    )
    compose.add_argument("--seed", type=int, default=0, help="seed of the depth's noise (default: 0)")


def add_recheck(recheck: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool recheck``."""
    recheck.add_argument("project", type=Path, metavar="PROJECT", help="a project with accepted frames")
    recheck.add_argument(
        "--share",
        type=float,
        metavar="PART",
        help="ask this part (0 to 1) of the accepted frames with a hidden part again; without it, compare the answers",
    )
    recheck.add_argument("--annotator", default="second", metavar="NAME", help="who answers (default: second)")
    recheck.add_argument("--seed", type=int, default=0, help="seed of the choice of frames (default: 0)")


def add_compare(compare: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool compare``."""
    compare.add_argument("before", type=Path, help="a file that evaluate --json or bench --json wrote")
    compare.add_argument("after", type=Path, help="the file of the later run")
    compare.add_argument(
        "--tolerance",
        type=float,
        metavar="POINTS",
        help="exit with status 1 when a mean is worse by more than this many percentage points",
    )
    compare.add_argument("--json", type=Path, help="a file for all numbers, and for every frame that changed")
    compare.add_argument("--report", type=Path, help="an HTML file with the means and the frames that changed")
    add_figures(compare)


def add_agreement(agreement: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool agreement``."""
    agreement.add_argument(
        "projects",
        type=Path,
        nargs="+",
        metavar="PROJECT",
        help="one project: its hypotheses are compared; several of one clip: their amodal masks",
    )
    agreement.add_argument(
        "--truth", type=Path, metavar="PROJECT", help="a project whose masks are true (default: each answer in turn)"
    )
    agreement.add_argument("--json", type=Path, help="a file for the numbers of every frame")
    add_figures(agreement)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", type=Path, help="a file for all numbers, also of single frames, and all problems")
    add_figures(command)
    command.add_argument("--report", type=Path, help="an HTML file with tables, curves and the worst frames")
    command.add_argument("--frames", type=Path, help="the folder of the pictures, for the worst frames in the report")


def add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool evaluate``."""
    evaluate.add_argument(
        "benchmark",
        choices=(*BENCHMARKS, "kitti-savos", "tao-amodal-boxes", "protocols"),
        help="tao-amodal-boxes: TAO-Amodal's own AP, of validation_lvis_v1.json and lists of predicted boxes; "
        "kitti-savos: KITTI as SaVos measures it; "
        "protocols: one set of masks under the protocols of Diffusion-VAS, EoRaS and TABE and strictly, rule by rule",
    )
    evaluate.add_argument("--truth", type=Path, required=True, help=TRUTH)
    evaluate.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        default=[],
        help="result files; several count as hypotheses, and the best of K is measured, too",
    )
    evaluate.add_argument("--tracks", type=Path, help="tao-amodal: the map from video id to first track id")
    evaluate.add_argument(
        "--kins", type=Path, metavar="FOLDER", help="kitti-savos: KINS's annotations and pictures, as the truth"
    )
    evaluate.add_argument("--no-baselines", action="store_true", help="leave out the baselines modal and convex")
    evaluate.add_argument(
        "--restricted",
        action="store_true",
        help="sail-vos: also the baseline Convex^R, from the other objects of each picture",
    )
    evaluate.add_argument(
        "--visibility",
        default="0,0.2,0.4,0.6,0.8,1",
        help="borders of the visibility buckets of the curves (default: %(default)s)",
    )
    evaluate.add_argument("--printed", action="store_true", help=PRINTED)
    _add_outputs(evaluate)
