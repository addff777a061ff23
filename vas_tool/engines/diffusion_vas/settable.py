"""What a person can set of the two engines, on the command line and in the page alike. Imports no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vas_tool.engines.diffusion_vas.parameters import MAX_CHANNEL_SUM, DiffusionVasParameters
from vas_tool.engines.settings import Parameter, Settings

DEFAULT = DiffusionVasParameters()
RESOLUTION = "resolution"
_RESOLUTIONS = ("256x512", "512x1024")
_SHARED = (
    Parameter(
        RESOLUTION,
        _RESOLUTIONS[0],
        "height x width of what the model sees; the paper measured 256x512, 512x1024 shows finer parts and takes over "
        "four times as long",
        choices=_RESOLUTIONS,
    ),
    Parameter(
        "num_steps",
        DEFAULT.num_steps,
        "steps of denoising; time grows with them, and the paper measured 25",
        lowest=1,
        highest=200,
    ),
    Parameter(
        "guidance",
        DEFAULT.guidance,
        "how far to go from the unconditional answer; 1.5 in the paper, 1 turns it off and halves the time",
        lowest=0,
        highest=20,
    ),
    Parameter(
        "noise_augmentation",
        DEFAULT.noise_augmentation,
        "noise on what the model is shown; 0.02 in the released inference",
        lowest=0,
        highest=1,
    ),
    Parameter(
        "clip_layout",
        DEFAULT.clip_layout,
        "which CLIP token each frame sees; only the reference layout was measured with the released weights",
        choices=("reference", "aligned", "all_tokens"),
    ),
    Parameter(
        "mask_edges",
        DEFAULT.mask_edges,
        "soft: grey edges of the modal mask as in the demo; hard: as in training",
        choices=("soft", "hard"),
    ),
    Parameter(
        "condition_noise",
        DEFAULT.condition_noise,
        "shared: one noise on what the model is shown for all seeds, encoded once; by_seed: as the released code",
        choices=("shared", "by_seed"),
    ),
)

AMODAL_PARAMETERS = (
    *_SHARED,
    Parameter(
        "threshold",
        DEFAULT.threshold,
        "a pixel belongs to the object when red + green + blue exceed it; 600 of 765 in the paper, lower is fuller",
        lowest=0,
        highest=MAX_CHANNEL_SUM - 1,
        afterwards=True,
    ),
    Parameter(
        "union_with_modal",
        DEFAULT.union_with_modal,
        "what is seen belongs to the whole object, as in the demo",
        afterwards=True,
    ),
)
CONTENT_PARAMETERS = _SHARED


def parameters_of(settings: Settings, defaults: DiffusionVasParameters = DEFAULT) -> DiffusionVasParameters:
    """All parameters of a run. Raises EngineError for values that do not go together."""
    chosen: dict[str, Any] = dict(settings)
    if RESOLUTION in chosen:
        height, width = str(chosen.pop(RESOLUTION)).split("x")
        chosen |= {"height": int(height), "width": int(width)}
    return replace(defaults, **chosen)
