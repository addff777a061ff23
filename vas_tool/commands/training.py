"""``vas-tool train eoras``: trains EoRaS on MOVi or KITTI in the form that its authors use."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines.eoras.options import EorasOptions, reference_tilt
from vas_tool.errors import InputError
from vas_tool.training.eoras.training_plan import SCHEDULES, Plan, Schedule


def train(options: Namespace) -> int:
    """Run ``vas-tool train eoras``: print one line per epoch, and the path of the last checkpoint.

    Returns 0. Raises InputError when the arguments do not fit together.
    """
    plan = plan_of(options)
    from vas_tool.training.eoras.train import train as trained

    bar = ProgressBar()
    path = trained(plan, progress=bar)
    bar.close()
    print(path)
    return 0


def plan_of(options: Namespace) -> Plan:
    """Return the training run that the options describe, with the defaults of the released script. Raises
    InputError.
    """
    data, root = options.data[0], Path(options.data[1])
    if data not in SCHEDULES:
        raise InputError(f"--data needs {' or '.join(SCHEDULES)} and a folder, got {data!r}")
    if not root.is_dir():
        raise InputError(f"{root} does not exist; name the root of the data")
    given_values = {field.name: getattr(options, field.name) for field in fields(Schedule)}
    return Plan(
        data,
        root,
        options.out,
        replace(SCHEDULES[data], **{name: value for name, value in given_values.items() if value is not None}),
        _network_options(options, root),
        visible_weight=options.visible_weight,
        seed=options.seed,
        start=options.start,
    )


def _network_options(options: Namespace, root: Path) -> EorasOptions:
    names = ("d_model", "num_slots", "num_layers", "feedforward", "feature_channels", "blocks", "decoder_channels")
    given_values = {name: getattr(options, name) for name in names}
    sizes: dict[str, Any] = {
        name: tuple(size) if isinstance(size, list) else size for name, size in given_values.items()
    }
    return EorasOptions(
        **sizes,
        positions=options.positions,
        tilt=options.tilt or reference_tilt(root.resolve().name),
    )
