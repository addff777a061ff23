"""Parameters of the two engines on the command line and the page. The module imports no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vas_tool.engines.diffusion_vas.parameters import LONGEST_WINDOW, MAX_CHANNEL_SUM, DiffusionVasParameters
from vas_tool.engines.settings import Parameter, Settings

DEFAULT = DiffusionVasParameters()
RESOLUTION = "resolution"
MAX_GUIDANCE = 20
"""Largest guidance. Pictures saturate far below it."""
MAX_FPS = 120
_RESOLUTIONS = ("256x512", "512x1024")
_SHARED = (
    Parameter(
        RESOLUTION,
        _RESOLUTIONS[0],
        "height x width of the model's input. The paper measured 256x512; 512x1024 shows finer parts and takes over "
        "four times as long",
        choices=_RESOLUTIONS,
    ),
    Parameter(
        "num_steps",
        DEFAULT.num_steps,
        "denoising steps. The paper measured 25; time grows with them",
        lowest=1,
        highest=200,
    ),
    Parameter(
        "guidance",
        DEFAULT.guidance,
        "guidance scale: 1.5 in the paper; 1 turns guidance off and halves the time",
        lowest=0,
        highest=MAX_GUIDANCE,
    ),
    Parameter(
        "min_guidance",
        DEFAULT.min_guidance,
        "guidance scale of a window's first frame; it grows evenly to guidance on the last. 0: guidance on every "
        "frame, as in the paper",
        lowest=0,
        highest=MAX_GUIDANCE,
    ),
    Parameter(
        "window_length",
        DEFAULT.window_length,
        "frames of a window. The weights were trained and measured with 25; an even number loses the context that the "
        "frames of a window share",
        lowest=1,
        highest=LONGEST_WINDOW,
    ),
    Parameter(
        "window_overlap",
        DEFAULT.window_overlap,
        "frames that neighbouring windows share, faded from one to the other. More is smoother and slower: 5 of 25 "
        "takes 1.25 times as long as 0",
        lowest=0,
        highest=LONGEST_WINDOW - 1,
    ),
    Parameter(
        "noise_augmentation",
        DEFAULT.noise_augmentation,
        "noise on the model's conditions; 0.02 in the released inference",
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
        "soft: grey edges of the modal mask as in the demo; hard: as in training and the SAIL-VOS evaluation; linear: "
        "as in the TAO-Amodal evaluation",
        choices=("soft", "hard", "linear"),
    ),
    Parameter(
        "fps",
        DEFAULT.fps,
        "frame rate that is passed to the model; 8 in the demo, 2 in the TAO-Amodal evaluation",
        lowest=1,
        highest=MAX_FPS,
    ),
    Parameter(
        "condition_noise",
        DEFAULT.condition_noise,
        "noise on the conditions. shared: the same for all seeds, encoded once; by_seed: as the released code",
        choices=("shared", "by_seed"),
    ),
)

AMODAL_PARAMETERS = (
    *_SHARED,
    Parameter(
        "threshold",
        DEFAULT.threshold,
        "a pixel belongs to the object when red + green + blue exceed it; 600 of 765 in the paper; lower gives larger "
        "masks",
        lowest=0,
        highest=MAX_CHANNEL_SUM - 1,
        afterwards=True,
    ),
    Parameter(
        "union_with_modal",
        DEFAULT.union_with_modal,
        "unite the amodal mask with the modal mask, as in the demo",
        afterwards=True,
    ),
)
CONTENT_PARAMETERS = _SHARED


def parameters_of(settings: Settings, defaults: DiffusionVasParameters = DEFAULT) -> DiffusionVasParameters:
    """Return all parameters of a run. Raises EngineError for values that are not allowed together."""
    chosen: dict[str, Any] = dict(settings)
    if RESOLUTION in chosen:
        height, width = str(chosen.pop(RESOLUTION)).split("x")
        chosen |= {"height": int(height), "width": int(width)}
    return replace(defaults, **chosen)
