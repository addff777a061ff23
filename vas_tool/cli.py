"""The command line. Slow imports come after the arguments are parsed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vas_tool import __version__
from vas_tool.commands.batch_arguments import add_batch, add_manifest
from vas_tool.commands.import_arguments import add_import, add_tao_choices
from vas_tool.commands.measure_arguments import (
    add_agreement,
    add_bench,
    add_compare,
    add_compose,
    add_evaluate,
    add_predict,
    add_recheck,
)
from vas_tool.commands.scene import add_scene
from vas_tool.commands.shared_arguments import add_intrinsics, add_mask_values, add_stages
from vas_tool.commands.train_arguments import add_train
from vas_tool.errors import VasToolError

FORMATS = (
    "coco",
    "youtube-vis",
    "tao-amodal",
    "diffusion-vas",
    "kins",
    "cocoa",
    "burst",
    "hf-dataset",
    "tabe",
    "sequences",
    "layers",
    "exr",
    "openraster",
    "psd",
    "prores",
    "webm",
    "gen-omnimatte",
    "sv4d",
    "scene",
)
"""Names of ``exports.EXPORTS``, repeated here because that module imports numpy."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, 1 after an error (printed on one line), 130 when interrupted."""
    options = parser().parse_args(arguments)
    try:
        from vas_tool.commands.functions import COMMANDS

        status = int(COMMANDS[options.command](options))
        sys.stdout.flush()
        return status
    except VasToolError as error:
        print(f"vas-tool: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("vas-tool: stopped; what was finished is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output has closed it, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="vas-tool",
        description="Click an object in a video and get its modal masks, amodal masks and content, and a data set.",
    )
    top.add_argument("--version", action="version", version=f"vas-tool {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_open(commands.add_parser("open", help="open the tool in a browser"))
    _add_run(commands.add_parser("run", help="segment, track and complete objects without a browser"))
    add_import(commands.add_parser("import", help="make projects from another tool's annotations"))
    add_manifest(commands.add_parser("manifest", help="list the objects of a data set for batch"), add_tao_choices)
    add_batch(commands.add_parser("batch", help="run the rows of a manifest, on one machine or many"))
    _add_export(commands.add_parser("export", help="write a project's results for other tools"))
    add_scene(commands.add_parser("scene", help="reorder, move, scale, hide or freeze objects, and render a video"))
    verify = commands.add_parser("verify", help="read an export back, or check a project, and list what is wrong")
    verify.add_argument("file", type=Path, metavar="PATH", help="a file, a folder, its .zip, or a project")
    _add_models(commands.add_parser("models", help="list the engines and the weights they need; download weights"))
    add_evaluate(commands.add_parser("evaluate", help="measure amodal masks or boxes as the papers do, and strictly"))
    add_agreement(commands.add_parser("agreement", help="how far several answers to the hidden parts agree"))
    add_recheck(commands.add_parser("recheck", help="ask accepted frames again without the old answer, and compare"))
    add_compare(commands.add_parser("compare", help="put two runs of evaluate or bench side by side, frame by frame"))
    add_bench(commands.add_parser("bench", help="measure the amodal engines on objects whose hidden part is known"))
    add_compose(commands.add_parser("compose", help="make a clip whose hidden part is known, from objects of projects"))
    add_predict(commands.add_parser("predict", help="write a benchmark's result file, for its own scripts too"))
    add_train(commands.add_parser("train", help="train a method on data of your own: amodal, content, learned, eoras"))
    return top


def _add_models(models: argparse.ArgumentParser) -> None:
    models.add_argument("--parameters", action="store_true", help="list the parameters of each engine")
    actions = models.add_subparsers(dest="action", metavar="download")
    download = actions.add_parser("download", help="download the weights of an engine")
    download.add_argument("name", metavar="NAME", help="a name from the list, for example sam2.1-tiny")


def _add_open(open_: argparse.ArgumentParser) -> None:
    open_.add_argument(
        "source", nargs="?", type=Path, help="a video, a folder of images, a project, or a folder of projects"
    )
    open_.add_argument(
        "--queue",
        action="store_true",
        help="the source is the folder of a batch's projects: open those that need a look, worst first; Shift+N opens "
        "the next",
    )
    open_.add_argument("--root", type=Path, default=Path("projects"), help="the projects' folder (default: projects)")
    open_.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this computer only)")
    open_.add_argument("--port", type=int, help="default: the first free one from 7860")
    open_.add_argument("--no-browser", action="store_true", help="print the address only")
    open_.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME[:PORT]",
        help="also answer requests for this host name, for example that of a proxy; may be repeated",
    )
    open_.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        default=os.environ.get("VAS_TOOL_AUTH") or None,
        help="ask for name and password instead of the secret in the address (default: $VAS_TOOL_AUTH, "
        "which others on this computer cannot see)",
    )
    open_.add_argument(
        "--no-token",
        action="store_true",
        help="no secret in the address: everyone who can reach the port on this computer may do everything",
    )
    open_.add_argument(
        "--root-path",
        metavar="/PREFIX",
        default=os.environ.get("GRADIO_ROOT_PATH", ""),
        help="path at which a proxy shows the page, such as /vas (default: $GRADIO_ROOT_PATH)",
    )
    add_intrinsics(open_)


def _add_boxes(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--amodal-boxes",
        metavar="FILE|project",
        help="crop to boxes around the whole object: those of the project, or a JSON list of keyframes "
        "[frame_index, x0, y0, x1, y1] in clip pixels",
    )
    run.add_argument(
        "--pad", type=float, metavar="PART", help="share of the box that is added on each side (default: 0.25)"
    )
    run.add_argument("--stretch", action="store_true", help="stretch crops to the model's proportions")
    run.add_argument("--one-crop", action="store_true", help="use one crop around all boxes instead of one per frame")
    run.add_argument("--no-uncropped", action="store_true", help="do not also make the result without the crop")
    run.add_argument(
        "--gate",
        action=argparse.BooleanOptionalAction,
        help="complete frames on which nothing can hide the object by what is seen, and run no engine there (default: "
        "on for a new project)",
    )


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "source", type=Path, help="a video, a folder of images, a folder with rgbs/ and masks/, or a project"
    )
    run.add_argument("--project", type=Path, help="folder of the new project; required unless the source is a project")
    run.add_argument("--object", metavar="ID|all", help="which object of a project that has several")
    run.add_argument(
        "--click",
        action="append",
        default=[],
        metavar="FRAME,X,Y[,-]",
        help="a click in clip pixels; with ,- on a point that is not the object",
    )
    run.add_argument(
        "--box", action="append", default=[], metavar="FRAME,X0,Y0,X1,Y1", help="a box around what is seen"
    )
    run.add_argument("--find", metavar="WORDS", help="find every object that the words name, for example: person, dog")
    run.add_argument(
        "--second-opinion",
        metavar="ENGINE",
        help="also track with this segment engine, and mark the frames on which the two disagree for a look",
    )
    run.add_argument("--find-frame", type=int, metavar="FRAME", help="search this frame only, and track from there")
    run.add_argument(
        "--masks",
        type=Path,
        help="a folder of modal masks with the names or numbers of the source's frames",
    )
    add_mask_values(run)
    _add_boxes(run)
    run.add_argument("--label", help="the object's category name")
    add_stages(run)
    run.add_argument(
        "--hypotheses", type=int, metavar="K", help="also make K amodal masks per frame, with seeds from --seed on"
    )
    run.add_argument(
        "--pick", metavar="CHOICE", help="which hypothesis to use on every frame: majority, union, or one of the seeds"
    )
    run.add_argument("--seed", type=int, default=0, help="seed of the engines (default: 0)")
    run.add_argument("--dry-run", action="store_true", help="print the plan and its cost, and change nothing")
    run.add_argument("--fps", type=float, default=8.0, help="frames per second of the clip (default: 8)")
    add_intrinsics(run)
    run.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="start in the video (default: 0)")
    run.add_argument("--end", type=float, metavar="SECONDS", help="end in the video (default: its end)")


def _add_export(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "projects", nargs="+", type=Path, metavar="PROJECT", help="projects; formats with one .json file take several"
    )
    export.add_argument("--format", required=True, choices=FORMATS, help="the format")
    export.add_argument("--out", type=Path, required=True, help="the file or folder to write")
    export.add_argument("--only-accepted", action="store_true", help="leave out frames that nobody has accepted")
    export.add_argument(
        "--frames",
        metavar="LIST",
        help="only these frames, such as 3,10-20; for exr, openraster, psd (default: all), and for sv4d (default: the "
        "21 consecutive frames on which the least is hidden)",
    )


if __name__ == "__main__":
    sys.exit(main())
