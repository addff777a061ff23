"""Arguments that several commands take. The module imports no numpy, so that the help appears at once."""

from __future__ import annotations

import argparse
from pathlib import Path

MASK_VALUES = ("auto", "binary", "grey", "ids", "palette", "alpha")
"""Values of ``formats.mask_values.MaskValues``, repeated here because that module imports numpy."""


def add_mask_values(command: argparse.ArgumentParser) -> None:
    """Add ``--mask-values``: what the values of mask images mean."""
    command.add_argument(
        "--mask-values",
        choices=MASK_VALUES,
        default="auto",
        help="what the values of masks mean. auto (default): decide from the pictures; binary: pixels other than 0 are "
        "the object; grey: pixels brighter than half are, with soft edges; ids: every value but 0 is an object; "
        "palette: like ids, with 255 as void (DAVIS, VOC); alpha: opaque pixels are the object",
    )


def add_stages(command: argparse.ArgumentParser) -> None:
    """Add ``--stages``, ``--engine`` and ``--set``: which stages run, and by which engines with which parameters."""
    command.add_argument(
        "--stages", default="segment,depth,amodal,content", help="stages to run (default: %(default)s)"
    )
    command.add_argument(
        "--engine", action="append", default=[], metavar="STAGE=NAME", help="engine of a stage (see vas-tool models)"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.NAME=VALUE",
        dest="settings",
        help="a parameter of the stage's engine (see vas-tool models --parameters)",
    )


def add_intrinsics(command: argparse.ArgumentParser) -> None:
    """Add ``--intrinsics``: the focal lengths and the principal point of the clip's camera."""
    command.add_argument(
        "--intrinsics",
        metavar="FX,FY,CX,CY|FILE",
        help="intrinsics of the camera in clip pixels, for EoRaS; FILE: JSON with fx, fy, cx and cy, a KITTI "
        "calibration, or Kubric's metadata.json",
    )


def add_figures(command: argparse.ArgumentParser) -> None:
    """Add ``--figures``: files to which the tables are written."""
    command.add_argument(
        "--figures",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="files for the tables, in the form of their suffix: .csv, .tex (LaTeX), .json",
    )
