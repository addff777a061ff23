"""The released models: their architectures, and their weights. The module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vas_tool.engines.tensors import tensor_names
from vas_tool.engines.weights import AnyWeights, Part, Weights, WeightsFolder

Size = Literal["small", "base", "large", "giant"]

CONFIG = Part("config.json")
TENSORS = Part(
    "model.safetensors",
    ("model.fp16.safetensors",),
    own_names=(*tensor_names("model", half=False)[1:], *tensor_names("model", half=True)[1:]),
)
"""The tensors of a transformers folder. The config gives the network; no other file is needed."""


@dataclass(frozen=True)
class Architecture:
    """The sizes of a network of the family."""

    width: int
    """Width of a token (the embedding's size)."""
    num_blocks: int
    num_heads: int
    taps: tuple[int, ...]
    """Numbers, from 0, of the four blocks whose outputs the head reads."""
    features: int
    """Channels of the head."""
    tap_channels: tuple[int, ...]
    """Channels of the head's four levels."""
    gated: bool = False
    """Whether a block's feed-forward part is a SwiGLU (only the giant's is)."""


ARCHITECTURES: dict[Size, Architecture] = {
    "small": Architecture(384, 12, 6, (2, 5, 8, 11), features=64, tap_channels=(48, 96, 192, 384)),
    "base": Architecture(768, 12, 12, (2, 5, 8, 11), features=128, tap_channels=(96, 192, 384, 768)),
    "large": Architecture(1024, 24, 16, (4, 11, 17, 23), features=256, tap_channels=(256, 512, 1024, 1024)),
    "giant": Architecture(1536, 40, 24, (9, 19, 29, 39), features=384, tap_channels=(1536,) * 4, gated=True),
}
"""Size -> its architecture, from Depth-Anything-V2's README and its DINOv2 encoder."""

LICENCES: dict[Size, str] = {
    "small": "Apache-2.0",
    "base": "CC-BY-NC-4.0",
    "large": "CC-BY-NC-4.0",
    "giant": "CC-BY-NC-4.0",
}
"""Size -> licence of the weights, from Depth-Anything-V2's README, section License."""

MILLION_PARAMETERS: dict[Size, float] = {"small": 24.8, "base": 97.5, "large": 335.3, "giant": 1300}
"""Size -> millions of parameters, from the table in Depth-Anything-V2's README."""


def num_megabytes(size: Size) -> int:
    """Return the approximate size of a model's file in megabytes: four bytes per parameter."""
    return round(MILLION_PARAMETERS[size] * 4)


def weights_of(size: Size) -> tuple[AnyWeights, ...]:
    """Return the weights of a model: the folder of transformers, or the original file.

    The giant is announced but not published (README: "coming soon"): only a local file is searched.
    """
    title, file_stem = size.capitalize(), f"depth_anything_v2_vit{size[0]}"
    published = size != "giant"
    original = Weights(
        name=f"depth-anything-v2-vit{size[0]}",
        repo_id=f"depth-anything/Depth-Anything-V2-{title}" if published else "",
        file_name=f"{file_stem}.pth",
        num_megabytes=num_megabytes(size),
        licence=LICENCES[size],
        other_names=(f"{file_stem}.safetensors",),
    )
    if not published:
        return (original,)
    folder = WeightsFolder(
        name=f"depth-anything-v2-{size}",
        repo_id=f"depth-anything/Depth-Anything-V2-{title}-hf",
        parts=(CONFIG, TENSORS),
        num_megabytes=num_megabytes(size),
        licence=LICENCES[size],
    )
    return folder, original
