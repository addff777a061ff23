"""What ``vas-tool train`` can be told. Imports no torch: the help must come at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from vas_tool.engines.eoras.options import EorasOptions

DATA = ("movi", "kitti")
SEED = 123
"""Of the released scripts."""

SCHEDULE = (
    ("epochs", int, "default: movi 50, kitti 51"),
    ("learning-rate", float, "default: movi 1e-5, kitti 1e-4"),
    ("gamma", float, "decay of the learning rate an epoch; default: movi 1.0 (the paper says 0.95), kitti 0.95"),
    (
        "passes",
        int,
        "through the clips an epoch; default: movi 1, kitti 2 (the released script's second loop, meant "
        "for validation, takes the training clips again)",
    ),
    ("every", int, "epochs between checkpoints and tests; default: movi 10, kitti 5"),
    ("length", int, "frames of a training clip; default: 12"),
)
"""Name, kind and what is said of it: ``training.eoras.plan.SCHEDULES`` has the values."""

SIZES = (
    ("d_model", "width of slots and tokens"),
    ("num_slots", "slots: 8 is the README's recipe, the script's own default is 3"),
    ("num_layers", "of each of the three transformer decoders"),
    ("feedforward", "width of their hidden layer"),
    ("feature_channels", "of the pyramid and of the bird's-eye view"),
)
"""Of ``EorasOptions``: smaller ones make a network that a CPU trains in minutes, but that the reference cannot read."""


def add_train(train: argparse.ArgumentParser) -> None:
    """The methods that can be trained."""
    methods = train.add_subparsers(dest="method", required=True, metavar="METHOD")
    eoras = methods.add_parser(
        "eoras",
        help="EoRaS, as its released scripts do",
        description="Train EoRaS as its released scripts do. On several GPUs: "
        "accelerate launch -m vas_tool.cli train eoras ...",
    )
    eoras.add_argument("--data", nargs=2, required=True, metavar=("{movi,kitti}", "ROOT"))
    eoras.add_argument("--out", type=Path, required=True, help="the folder of the run; a run that is there goes on")
    eoras.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="FILE",
        help="weights to begin with: a checkpoint, or torchvision's resnet50 (the released scripts begin with that of "
        "ImageNet; nothing is downloaded here)",
    )
    for name, kind, told in SCHEDULE:
        eoras.add_argument(f"--{name}", type=kind, metavar="N", help=told)
    eoras.add_argument("--visible-weight", type=float, default=1.0, help="of the visible masks' loss; default: 1.0")
    eoras.add_argument("--seed", type=int, default=SEED, help="default: 123, as released")
    eoras.add_argument(
        "--positions",
        choices=("sincos", "random"),
        default="sincos",
        help="sincos is the README's recipe (default), random (learned) the script's own default",
    )
    eoras.add_argument(
        "--tilt",
        choices=("none", "movid", "kubasic"),
        help="of the voxel grid; default: what the released scripts take for the name of ROOT's folder, or none",
    )
    _add_sizes(eoras)


def _add_sizes(eoras: argparse.ArgumentParser) -> None:
    sizes = eoras.add_argument_group("sizes", "other than released ones make checkpoints that only vas-tool reads")
    defaults = EorasOptions()
    for name, told in SIZES:
        default: int = getattr(defaults, name)
        option = f"--{name.replace('_', '-')}"
        sizes.add_argument(option, type=int, default=default, metavar="N", help=f"{told}; default: {default}")
    for name, count, told in (("blocks", 4, "of the backbone's four layers"), ("decoder_channels", 2, "of the masks'")):
        several: tuple[int, ...] = getattr(defaults, name)
        shown = " ".join(str(size) for size in several)
        option = f"--{name.replace('_', '-')}"
        sizes.add_argument(
            option, type=int, nargs=count, default=several, metavar="N", help=f"{told}; default: {shown}"
        )
