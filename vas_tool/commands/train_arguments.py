"""Arguments of ``vas-tool train``. The module imports no torch, so that the help appears at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from vas_tool.commands.tuning_arguments import add_tuning
from vas_tool.engines.eoras.options import EorasOptions

SEED = 123
"""Seed of the released scripts."""

SCHEDULE = (
    ("epochs", int, "default: movi 50, kitti 51"),
    ("learning-rate", float, "default: movi 1e-5, kitti 1e-4"),
    ("gamma", float, "factor of the learning rate per epoch; default: movi 1.0 (the paper says 0.95), kitti 0.95"),
    (
        "passes",
        int,
        "passes through the clips per epoch; default: movi 1, kitti 2 (the second loop of the released script, meant "
        "for validation, uses the training clips again)",
    ),
    ("every", int, "epochs between checkpoints and tests; default: movi 10, kitti 5"),
    ("length", int, "frames of a training clip; default: 12"),
)
"""(name, type, help) of each option. ``training.eoras.training_plan.SCHEDULES`` has the default values."""

SIZES = (
    ("d_model", "width of slots and tokens"),
    ("num_slots", "number of slots: 8 in the README's recipe, 3 in the script's own default"),
    ("num_layers", "layers of each of the three transformer decoders"),
    ("feedforward", "width of the decoders' hidden layers"),
    ("feature_channels", "channels of the pyramid and of the bird's-eye view"),
)
"""Sizes in ``EorasOptions``. Smaller sizes make a network that a CPU trains in minutes, but the reference cannot
read it."""


def add_train(train: argparse.ArgumentParser) -> None:
    """Add the methods that can be trained."""
    methods = train.add_subparsers(dest="method", required=True, metavar="METHOD")
    add_tuning(methods)
    eoras = methods.add_parser(
        "eoras",
        help="EoRaS, as its released scripts do",
        description="Train EoRaS as its released scripts do. On several GPUs: "
        "accelerate launch -m vas_tool.cli train eoras ...",
    )
    eoras.add_argument("--data", nargs=2, required=True, metavar=("{movi,kitti}", "ROOT"))
    eoras.add_argument("--out", type=Path, required=True, help="the folder of the run; an existing run resumes")
    eoras.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="FILE",
        help="initial weights: a checkpoint, or torchvision's resnet50, with which the released scripts begin "
        "(nothing is downloaded here)",
    )
    for name, kind, help_text in SCHEDULE:
        eoras.add_argument(f"--{name}", type=kind, metavar="N", help=help_text)
    eoras.add_argument(
        "--visible-weight", type=float, default=1.0, help="weight of the visible masks' loss; default: 1.0"
    )
    eoras.add_argument("--seed", type=int, default=SEED, help="default: 123, as released")
    eoras.add_argument(
        "--positions",
        choices=("sincos", "random"),
        default="sincos",
        help="position embeddings: sincos (default) in the README's recipe, random (learned) in the script",
    )
    eoras.add_argument(
        "--tilt",
        choices=("none", "movid", "kubasic"),
        help="tilt of the voxel grid; default: that of the released scripts for the name of ROOT's folder, or none",
    )
    _add_sizes(eoras)


def _add_sizes(eoras: argparse.ArgumentParser) -> None:
    sizes = eoras.add_argument_group(
        "sizes", "sizes other than the released ones make checkpoints that only vas-tool reads"
    )
    defaults = EorasOptions()
    for name, help_text in SIZES:
        default: int = getattr(defaults, name)
        option = f"--{name.replace('_', '-')}"
        sizes.add_argument(option, type=int, default=default, metavar="N", help=f"{help_text}; default: {default}")
    for name, count, help_text in (
        ("blocks", 4, "blocks in the backbone's four layers"),
        ("decoder_channels", 2, "channels of the mask decoder"),
    ):
        several: tuple[int, ...] = getattr(defaults, name)
        shown = " ".join(str(size) for size in several)
        option = f"--{name.replace('_', '-')}"
        sizes.add_argument(
            option, type=int, nargs=count, default=several, metavar="N", help=f"{help_text}; default: {shown}"
        )
