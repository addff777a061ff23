"""The three published checkpoints of EoRaS, and the local files that are searched for them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vas_tool.engines.eoras.options import Tilt
from vas_tool.engines.weights import Weights

Variant = Literal["movi-b", "movi-d", "kitti"]

LICENCE = "not stated by the authors (code: Apache-2.0): check before use"
NUM_MEGABYTES = 940
"""Megabytes: 312 of weights, and twice as much of the optimiser's state."""


@dataclass(frozen=True)
class Released:
    """One of the released checkpoints."""

    tilt: Tilt
    """Tilt of the voxel grid, as the released scripts choose it by the data set's name (``options.reference_tilt``)."""
    pixel_intrinsics: bool
    """Whether intrinsics are passed in pixels, as for KITTI. The bird's-eye view is then a constant."""


RELEASED: dict[Variant, Released] = {
    "movi-d": Released(tilt="movid", pixel_intrinsics=False),
    "movi-b": Released(tilt="none", pixel_intrinsics=False),
    "kitti": Released(tilt="none", pixel_intrinsics=True),
}


def weights_of(variant: Variant) -> Weights:
    """Return the weights of a checkpoint. Only local files are searched, because the authors publish on no hub."""
    plain = variant.replace("-", "")
    names = (f"eoras-{variant}.pth.gz", f"eoras_{plain}.pth.gz", f"{plain}.pth.gz", f"eoras-{variant}.pth")
    return Weights(f"eoras-{variant}", "", names[0], NUM_MEGABYTES, LICENCE, other_names=names[1:])
