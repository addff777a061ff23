"""What can be set of the engine. The defaults are what the released weights were trained and validated with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from vas_tool.engines.settings import NO_SETTINGS, Parameter, Settings, resolved

Positions = Literal["reference", "transformers"]
"""How the network's position embedding is brought to the picture's size (see ``positions``)."""
Colours = Literal["true", "demo"]
"""What the network gets to see of a frame (see ``pictures``)."""
NumberFormat = Literal["auto", "float16", "float32"]
"""That the network computes in. ``auto``: float16 on CUDA, float32 elsewhere."""

SHORT_SIDE = 518
"""The network's lower bound: 37 patches, as in its training (``infer_image(..., input_size=518)``)."""
PATCH = 14
"""Side of a patch; what the network sees has sides of a multiple of it."""

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "short_side",
        SHORT_SIDE,
        "Least side, in pixels, of what the network sees; 518 is what it was trained and validated with. Less is "
        "faster and coarser, more is finer and slower.",
        lowest=PATCH,
        highest=4 * SHORT_SIDE,
    ),
    Parameter(
        "positions",
        "reference",
        "How the learnt positions are stretched over the picture: as in the original, with which the weights were "
        "trained and validated, or as the stock network of transformers does it (2 to 3 % of the depth range apart).",
        choices=("reference", "transformers"),
    ),
    Parameter(
        "colours",
        "true",
        "True colours, as in Diffusion-VAS's training and evaluation; or as in its demo.py, which shows the network "
        "red and blue exchanged and cuts off fractions on the way to 8 bits.",
        choices=("true", "demo"),
    ),
    Parameter(
        "number_format",
        "auto",
        "What the network computes in: float16 on CUDA, where it takes half the memory, and float32 elsewhere; or one "
        "of them everywhere.",
        choices=("auto", "float16", "float32"),
    ),
)


@dataclass(frozen=True)
class Options:
    """A value for each of ``PARAMETERS``."""

    short_side: int = SHORT_SIDE
    positions: Positions = "reference"
    colours: Colours = "true"
    number_format: NumberFormat = "auto"


def options_of(settings: Settings = NO_SETTINGS) -> Options:
    """What was set, the rest at its default. Raises EngineError for names and values that there are not."""
    values: dict[str, Any] = resolved(PARAMETERS, settings, engine="depth-anything-v2")
    return Options(**{field.name: values[field.name] for field in fields(Options)})
