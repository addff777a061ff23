"""The arguments of ``vas-tool train amodal``, ``content``, ``learned`` and ``prepare``. The module imports no torch."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from vas_tool.training.diffusion_vas.recipe import CHOICES, Recipe, reasons

STAGES = {
    "amodal": "fine-tune Diffusion-VAS's amodal stage: modal masks and depth -> amodal masks",
    "content": "fine-tune Diffusion-VAS's content stage: the object's colours -> the whole object's colours",
}
SEVERAL = "On several GPUs: accelerate launch -m vas_tool.cli train ..."
DEPTH_ENGINE = "depth-anything-v2-large"
"""Depth engine that the released training scripts of Diffusion-VAS use."""


def add_tuning(methods: Any) -> None:
    """Add the commands that train Diffusion-VAS and the learned engine."""
    for stage, help_text in STAGES.items():
        command = methods.add_parser(
            stage, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}. {SEVERAL}"
        )
        command.add_argument(
            "--out", type=Path, required=True, metavar="RUN", help="the run's folder; the result is RUN/final"
        )
        command.add_argument("--resume", action="store_true", help="continue after the last checkpoint in RUN")
        _add_data(command)
        command.add_argument("--cache", type=Path, metavar="DIR", help="what vas-tool train prepare computed")
        if stage == "amodal":
            command.add_argument(
                "--two-stage",
                action="store_true",
                help="the paper's recipe: masks alone at learning rate 3e-5 (RUN/masks), then with depth at 3e-6 from "
                "there, new channels at zero; the released script trains both at once",
            )
        _add_recipe(command, without=("stage",))
    add_learned(methods)
    prepare = methods.add_parser(
        "prepare",
        help="compute what a fine-tuning does not change once: depth, latents, tokens",
        description="Compute depth, latents and CLIP tokens once, for train --cache. Run it again to resume "
        "it. Samples of the latents stay random: mean and deviation are kept.",
    )
    prepare.add_argument("--cache", type=Path, required=True, metavar="DIR", help="where to keep it")
    _add_data(prepare)
    prepare.add_argument(
        "--kept-draws",
        type=int,
        default=0,
        metavar="K",
        help="also keep K noisy versions of both conditions a clip: training then needs neither VAE nor CLIP in "
        "memory, and sees K versions instead of a new one at every step; default: 0, as the released training",
    )
    prepare.add_argument(
        "--part", default="0/1", metavar="I/N", help="only every N-th shard from the I-th on, for several machines"
    )
    prepare.add_argument(
        "--address",
        metavar="auto|ray://HOST:PORT",
        help="the Ray cluster whose workers share the shards, one GPU (else one CPU) each; the data and DIR must be on "
        "a disk that all its nodes share",
    )
    _add_recipe(prepare, only=PREPARED)


def add_learned(methods: Any) -> None:
    """Add ``vas-tool train learned``."""
    learned = methods.add_parser(
        "learned",
        help="fine-tune the learned amodal engine on what you accepted: minutes, without a GPU",
        description="Fine-tune the learned amodal engine on the accepted frames of projects. Half of what it learns "
        "from is drawn shapes, as for the shipped weights. Prints the hidden part's IoU on held-out videos before and "
        "after, and the name of the engine.",
    )
    learned.add_argument("--data", type=Path, nargs="+", action="extend", required=True, metavar="PROJECT")
    learned.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    learned.add_argument("--resume", action="store_true", help="continue after the last checkpoint in RUN")
    learned.add_argument(
        "--from",
        dest="start",
        default="shipped",
        metavar="WEIGHTS",
        help="shipped (default), or the folder of an earlier result, RUN/final",
    )
    for name, kind, default, help_text in LEARNED:
        learned.add_argument(
            f"--{name}", type=kind, default=default, metavar="N", help=f"{help_text}; default: {default}"
        )


LEARNED = (
    ("steps", int, 150, "of learning"),
    ("batch", int, 24, "frames of a step"),
    ("learning-rate", float, 3e-4, "at its highest; it rises and falls"),
    ("drawn", float, 0.5, "share of each step that is drawn shapes, so that nothing is forgotten"),
    ("hold-out", float, 0.25, "share of the videos that are only measured on, whole videos"),
    ("every", int, 100, "steps between checkpoints"),
    ("seed", int, 0, "of all that is drawn"),
)
"""Fields of ``training.tune_amodal.Plan``: name, type, default, meaning."""

PREPARED = (
    "stage",
    "width",
    "height",
    "num_frames",
    "conditions",
    "seed",
    "occluders",
    "occlude_hidden",
    "pseudo_weight",
)
"""Fields of the recipe on which the content of a cache depends."""


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="SOURCE",
        help="project folders (what was accepted), and .json files of samples: SAIL-VOS's, or our diffusion-vas export",
    )
    command.add_argument(
        "--frames",
        type=Path,
        metavar="ROOT",
        help="the folder that the files' pictures are relative to; default: the file's",
    )
    command.add_argument(
        "--validation", type=Path, nargs="+", default=[], metavar="SOURCE", help="sources that are only looked at"
    )
    command.add_argument(
        "--hold-out",
        type=float,
        default=0.1,
        metavar="PART",
        help="without --validation: the part of the videos that is only looked at, whole videos; default: 0.1",
    )
    command.add_argument(
        "--occluder-data",
        type=Path,
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="content: whose masks hide an object; default: the objects of --data that are seen whole",
    )
    command.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="WEIGHTS",
        help="the folder to begin with: Stable Video Diffusion's (its UNet gets four more channels), or the released "
        "or a fine-tuned model's; default: the released weights, where vas-tool models finds them",
    )
    command.add_argument(
        "--depth",
        default=DEPTH_ENGINE,
        metavar="NAME",
        help=f"the depth engine for samples without depth; default: {DEPTH_ENGINE}, as released",
    )
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML or JSON with the settings below; what is said here wins"
    )


def _add_recipe(command: argparse.ArgumentParser, *, only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> None:
    group = command.add_argument_group(
        "settings", "each default is that of the released scripts unless it says otherwise"
    )
    why = reasons()
    for field in fields(Recipe):
        if field.name in without or (only and field.name not in only):
            continue
        option, help_text = f"--{field.name.replace('_', '-')}", why.get(field.name, "")
        shown = f"{help_text} (default: {field.default})".replace("%", "%%").strip()
        if isinstance(field.default, bool):
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=shown)
        elif field.name in CHOICES:
            group.add_argument(option, choices=CHOICES[field.name], help=shown)
        else:
            group.add_argument(option, type=type(field.default), metavar="N", help=shown)
