"""The arguments of ``vas-tool manifest`` and ``vas-tool batch``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from vas_tool.commands.shared_arguments import add_mask_values, add_stages

AddArguments = Callable[[argparse.ArgumentParser], None]


def add_manifest(manifest: argparse.ArgumentParser, add_tao_choices: AddArguments) -> None:
    """Add one subcommand per source format of ``vas-tool manifest``.

    ``add_tao_choices`` adds the options that choose records of a TAO-Amodal file.
    """
    formats = manifest.add_subparsers(dest="format", required=True, metavar="FORMAT")
    parsers = {
        "tao-amodal": formats.add_parser("tao-amodal", help="a row for each track of an annotation file"),
        "sequences": formats.add_parser("sequences", help="folders with rgbs/ and masks/"),
        "tabe": formats.add_parser("tabe", help="videos' folders of TABE"),
        "projects": formats.add_parser("projects", help="a project, or every project in a folder"),
        "folder": formats.add_parser("folder", help="every video and every folder of images in a folder"),
    }
    for parser in parsers.values():
        parser.add_argument("source", type=Path, metavar="SOURCE", help="the annotation file or the folder")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the manifest to write, .jsonl")
        parser.add_argument("--fps", type=float, help="frames per second of the clips (default: the format's)")
    add_tao_choices(parsers["tao-amodal"])
    for name in ("sequences", "tabe", "folder"):
        parsers[name].add_argument("--label", help="the objects' category name (default: the folder's)")
    for name in ("sequences", "tabe"):
        add_mask_values(parsers[name])
    parsers["folder"].add_argument(
        "--masks", type=Path, metavar="ROOT", help="a folder of masks for each video lies in this folder, by its name"
    )


def add_batch(batch: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool batch``."""
    batch.add_argument(
        "manifest",
        metavar="MANIFEST",
        help="a .jsonl, .csv or .parquet file; or the word status, to see how far one is",
    )
    batch.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="after status: the folder of the projects")
    batch.add_argument("--projects", type=Path, metavar="DIR", help="folder in which the projects are made")
    add_stages(batch)
    batch.add_argument(
        "--gate", action=argparse.BooleanOptionalAction, help="the occlusion gate, as in run (default: the project's)"
    )
    batch.add_argument("--seed", type=int, help="seed of the engines (default: the project's, 0 in a new one)")
    batch.add_argument(
        "--retries", type=int, default=1, metavar="N", help="try a stage of a row again after an error (default: 1)"
    )
    batch.add_argument("--only-failed", action="store_true", help="only the rows that stand in failed.jsonl")
    batch.add_argument("--row", action="append", default=[], metavar="ID", help="only this row; may be repeated")
    batch.add_argument("--dry-run", action="store_true", help="print what would run, and change nothing")
    _add_cluster(batch)


def _add_cluster(batch: argparse.ArgumentParser) -> None:
    batch.add_argument(
        "--address",
        metavar="auto|ray://HOST:PORT|local",
        help="the Ray cluster to run on (default: one on this computer if Ray is installed; local: without Ray, one "
        "row after the other)",
    )
    batch.add_argument("--workers", type=int, metavar="N", help="most processes on CPUs (default: all CPUs)")
    batch.add_argument(
        "--gpus-per-stage",
        action="append",
        default=[],
        metavar="STAGE=N",
        help="GPUs of each process of a stage, such as amodal=1 or content=0.5 (default: what its engine needs)",
    )
