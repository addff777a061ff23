"""Parameters of TABE that the user can set. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sam_integration.zoo import MODELS
from vas_tool.engines.settings import Parameter, Settings, checked
from vas_tool.engines.tabe.canvas import SIDE as SHOWN_SIDE
from vas_tool.engines.tabe.quirks import Quirk, Quirks
from vas_tool.engines.tabe.readback import SIDE as READ_SIDE
from vas_tool.engines.tabe.tuning_samples import NUM_FRAMES, SIDE

NAME = "tabe"
TUNING_STEPS = 500
PAINTING_STEPS = 50
GUIDANCE = 20.0
FEWEST_WHOLE = 3
BEST_SEGMENTER = "auto"
"""Value of ``segmenter`` for the best segment engine that is present."""
HIGHEST_BOX_PERCENT = 100


@dataclass(frozen=True)
class Sizes:
    """Sizes of pictures and windows. The defaults are those of the released code; tests use smaller ones."""

    shown: int = SHOWN_SIDE
    """Side in pixels of the square pictures that are painted."""
    tuned: int = SIDE
    """Side in pixels of the square pictures that the model is tuned on."""
    num_tuned_frames: int = NUM_FRAMES
    """Frames of a window that the model is tuned on."""
    read: int = READ_SIDE
    """Side in pixels of the square pictures that the segmenter is shown."""


@dataclass(frozen=True)
class TabeOptions:
    """All options of a run. The defaults are the reference's, except ``fewest_whole`` and ``Quirks.lora_dropout``."""

    num_tuning_steps: int = TUNING_STEPS
    num_steps: int = PAINTING_STEPS
    guidance: float = GUIDANCE
    fewest_whole: int = FEWEST_WHOLE
    box_percent: float = 0.0
    segmenter: str = BEST_SEGMENTER
    quirks: Quirks = field(default_factory=Quirks)
    sizes: Sizes = field(default_factory=Sizes)


DEFAULT = TabeOptions()

QUIRKS: Mapping[str, str] = {
    "depth_wrap": "whether something is nearer than the object is computed in eight bits; reference: depths of 253 to "
    "255 wrap to 0 to 2, so the nearest object of a frame is called hidden. repaired: no wrap",
    "level_reference": "what ten frames without a whole one are compared with; reference: nothing, so they are not "
    "called severely hidden. repaired: the whole frames before them",
    "corner_distances": "which corner of the seen part is followed when all four have something in front; reference: "
    "the one that moved least. repaired: none, the box moves as before",
    "growth_axes": "how box_percent is read; reference: the percentages of rows and columns are exchanged. repaired: "
    "they are not",
    "inpaint_masks": "where tuning paints; reference: places are drawn on the whole mask squeezed to a square, which "
    "does not line up with the cropped picture. repaired: on the mask as it was cropped",
    "loss_mean": "what the loss of tuning is the mean of; reference: all frames, those of weight 0 too. repaired: the "
    "frames of weight 1",
    "lora_dropout": "whether a tenth of the tuned inputs is left out while the model paints; reference: yes, by "
    "accident. repaired (the default, with which the same seed gives the same answer on its own and among others): no",
}
"""Name of a quirk -> its meaning. ``Quirks.whole_chunk_values`` is missing: it concerns files, not the engine."""

SEGMENTERS = (BEST_SEGMENTER, "builtin", *(f"{spec.name}{fast}" for spec in MODELS for fast in ("", "-fast")))


def _quirk(name: str) -> Parameter:
    return Parameter(name, getattr(DEFAULT.quirks, name), QUIRKS[name], choices=("reference", "repaired"))


PARAMETERS = (
    Parameter(
        "num_tuning_steps",
        DEFAULT.num_tuning_steps,
        "steps for which the model is tuned on the object; 500 in the reference",
        lowest=1,
        highest=5000,
    ),
    Parameter(
        "num_steps",
        DEFAULT.num_steps,
        "steps of painting; 50 in the reference, fewer take less time and are coarser",
        lowest=1,
        highest=200,
    ),
    Parameter(
        "guidance",
        DEFAULT.guidance,
        "how far to go from the answer without the prompt; 20 in the reference",
        lowest=0,
        highest=50,
    ),
    Parameter(
        "fewest_whole",
        DEFAULT.fewest_whole,
        "frames that must show the object whole before the model is tuned on them; the reference takes any (0)",
        lowest=0,
        highest=1000,
    ),
    Parameter(
        "box_percent",
        DEFAULT.box_percent,
        "percentage by which the box in which the object is painted grows; 0 in the reference",
        lowest=0,
        highest=HIGHEST_BOX_PERCENT,
    ),
    *map(_quirk, QUIRKS),
    Parameter(
        "segmenter",
        DEFAULT.segmenter,
        "the segment engine that reads the mask off the painted frames; auto: the best that is present (SAM 2 in the "
        "reference)",
        choices=SEGMENTERS,
        afterwards=True,
    ),
)
"""Parameters of the amodal stage. The content stage has none of its own and uses these."""


def options_of(settings: Settings, defaults: TabeOptions = DEFAULT) -> TabeOptions:
    """Return the options of a run. Raises EngineError for an unknown name or a value that is not allowed."""
    chosen: dict[str, Any] = checked(PARAMETERS, settings, engine=NAME)
    quirks: dict[str, Quirk] = {name: chosen.pop(name) for name in QUIRKS if name in chosen}
    return replace(defaults, quirks=replace(defaults.quirks, **quirks), **chosen)
