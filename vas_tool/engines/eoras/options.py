"""The sizes and options of an EoRaS network. The defaults are those of the released MOVi checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan, hypot
from typing import Literal

from vas_tool.errors import EngineError

Tilt = Literal["none", "kubasic", "movid"]
Positions = Literal["sincos", "random"]

CROP_SIDE, MASK_SIDE = 128, 121
"""Side in pixels of the square crop that the network takes, and of the mask that it returns."""

CAMERAS: Mapping[str, tuple[float, float, float]] = {
    "kubasic": (8.48113, -7.50764, 2.5),
    "movid": (8.48113, -7.50764, 1.5),
}
"""Positions (x, y, z) of Kubric cameras, from which the reference computes the tilt of its voxel grid."""


@dataclass(frozen=True)
class EorasOptions:
    """The options without which the weights of a network cannot be loaded."""

    d_model: int = 512
    """Width of slots and tokens."""
    num_heads: int = 8
    num_layers: int = 2
    """Number of layers of each of the three transformer decoders."""
    num_slots: int = 8
    feedforward: int = 2048
    feature_channels: int = 256
    """Channels of the backbone's pyramid and of the bird's-eye view. With few, a CPU trains the network in minutes."""
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    """Number of blocks in the backbone's four layers; the default is ResNet-50's."""
    decoder_channels: tuple[int, int] = (512, 256)
    """Channels between the three layers of each mask decoder."""
    decoders: tuple[str, ...] = ("fm", "vm")
    """Names of the mask decoders: ``fm`` (amodal), ``vm`` (modal), ``occ`` (occluded)."""
    positions: Positions = "sincos"
    """Position embeddings: ``sincos`` are fixed, ``random`` are learned (the default of the released scripts)."""
    tilt: Tilt = "none"
    """Rotation of the voxel grid about the x axis. The reference chooses it by the data set's name
    (``reference_tilt``)."""

    def __post_init__(self) -> None:
        sizes = (self.d_model, self.num_layers, self.num_slots, self.feedforward, self.feature_channels)
        if min(*sizes, *self.blocks, *self.decoder_channels) < 1 or self.d_model % (2 * self.num_heads):
            raise EngineError(
                f"an EoRaS network needs sizes from 1, d_model a multiple of {2 * self.num_heads}; got {self}"
            )

    @property
    def tilt_radians(self) -> float:
        """The angle of ``tilt`` in radians: arctan of the camera's height divided by its distance from the vertical
        axis.
        """
        if self.tilt == "none":
            return 0.0
        x, y, z = CAMERAS[self.tilt]
        return atan(z / hypot(x, y))


def reference_tilt(dataset: str) -> Tilt:
    """Return the tilt that the released scripts use for a data set of this name.

    They search the name for ``kubasic`` and ``movid``. The README's name of MOVi-B, ``movib_bev``, has neither: its
    grid is not tilted, although its camera is. KITTI is never tilted.
    """
    names: tuple[Tilt, ...] = ("kubasic", "movid")
    return next((name for name in names if name in dataset.lower()), "none")


def options_of(shapes: Mapping[str, tuple[int, ...]], *, tilt: Tilt, num_heads: int = 8) -> EorasOptions:
    """Return the options that follow from the shapes of a state dict (keys without ``module.``).

    Heads and tilt leave no trace in the file. Raises EngineError when the keys are not those of EoRaS.
    """
    try:
        num_slots, d_model = shapes["slot.weight"]
        feedforward = shapes["feature_update.layers.0.linear1.weight"][0]
        channels = shapes["feature_extractor.latlayer1.weight"][0]
        wide, narrow = shapes["dec_fm.deconv2.weight"][:2]
    except (KeyError, ValueError, IndexError) as error:
        raise EngineError(
            f"these are not weights of EoRaS ({error} is missing or has another shape); "
            "name a checkpoint-NNNN.pth.gz of its training"
        ) from error
    return EorasOptions(
        d_model=d_model,
        num_heads=num_heads,
        num_layers=_parts(shapes, "feature_update.layers."),
        num_slots=num_slots,
        feedforward=feedforward,
        feature_channels=channels,
        blocks=tuple(_parts(shapes, f"feature_extractor.layer{level}.") for level in (1, 2, 3, 4)),
        decoder_channels=(wide, narrow),
        decoders=tuple(name for name in ("fm", "vm", "occ") if f"dec_{name}.deconv1.weight" in shapes),
        positions="sincos" if "slot_pos" in shapes else "random",
        tilt=tilt,
    )


def _parts(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    """Return how many different numbers follow a prefix in the keys."""
    return len({key.removeprefix(prefix).split(".")[0] for key in shapes if key.startswith(prefix)})
