"""Parameters of the engine. The released weights were trained and validated with the defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from vas_tool.engines.settings import NO_SETTINGS, Parameter, Settings, resolved

Positions = Literal["reference", "transformers"]
"""How the network's position embedding is resized to the picture (see ``positions``)."""
Colours = Literal["true", "demo"]
"""Colours of the network's input (see ``resizing``)."""
NumberFormat = Literal["auto", "float16", "float32"]
"""Number format of the computation. ``auto``: float16 on CUDA, float32 elsewhere."""

SHORT_SIDE = 518
"""Least side of the network's input in pixels: 37 patches, as in its training (``infer_image(...,
input_size=518)``)."""
PATCH = 14
"""Side of a patch in pixels. Sides of the network's input are multiples of it."""

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "short_side",
        SHORT_SIDE,
        "Least side of the network's input in pixels. It was trained and validated with 518. Less is faster and "
        "coarser, more is finer and slower.",
        lowest=PATCH,
        highest=4 * SHORT_SIDE,
    ),
    Parameter(
        "positions",
        "reference",
        "How learned position embeddings are resized to the picture: as in the original, with which the weights were "
        "trained and validated, or as in transformers (2 to 3 % of the depth range apart).",
        choices=("reference", "transformers"),
    ),
    Parameter(
        "colours",
        "true",
        "True colours, as in Diffusion-VAS's training and evaluation; or as in its demo.py, which exchanges red and "
        "blue and truncates to 8 bits.",
        choices=("true", "demo"),
    ),
    Parameter(
        "number_format",
        "auto",
        "Number format: float16 on CUDA, where it takes half the memory, and float32 elsewhere; or one of them "
        "everywhere.",
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
    """Return the settings with defaults for the rest. Raises EngineError for unknown names and values."""
    values: dict[str, Any] = resolved(PARAMETERS, settings, engine="depth-anything-v2")
    return Options(**{field.name: values[field.name] for field in fields(Options)})
