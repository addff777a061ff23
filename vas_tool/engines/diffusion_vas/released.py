"""The two released checkpoints: their repositories and their files. The module imports no torch."""

from __future__ import annotations

from vas_tool.engines.tensors import tensor_names
from vas_tool.engines.weights import Part, WeightsFolder

LICENCE = "Stable Video Diffusion Community License (its terms bind: not for every commercial use)"
NUM_MEGABYTES = 4510
"""Megabytes in half precision: UNet 3050, CLIP 1264, VAE 196, as in Stable Video Diffusion."""


def _part(folder: str, name: str) -> Part:
    """Return a part in half precision, or in full precision where only that exists."""
    names = (f"{folder}/{one}" for half in (True, False) for one in tensor_names(name, half=half))
    first, plain = f"{folder}/{name}.fp16.safetensors", f"{folder}/{name}.safetensors"
    return Part(first, (plain,), own_names=tuple(one for one in names if one not in (first, plain)))


PARTS = (
    Part("unet/config.json"),
    _part("unet", "diffusion_pytorch_model"),
    Part("vae/config.json"),
    _part("vae", "diffusion_pytorch_model"),
    Part("image_encoder/config.json"),
    _part("image_encoder", "model"),
    Part("scheduler/scheduler_config.json"),
    Part("feature_extractor/preprocessor_config.json"),
)

AMODAL_WEIGHTS = WeightsFolder(
    "diffusion-vas-amodal", "kaihuac/diffusion-vas-amodal-segmentation", PARTS, NUM_MEGABYTES, LICENCE
)
CONTENT_WEIGHTS = WeightsFolder(
    "diffusion-vas-content", "kaihuac/diffusion-vas-content-completion", PARTS, NUM_MEGABYTES, LICENCE
)
