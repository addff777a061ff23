"""The weights of TABE. The module imports no torch."""

from __future__ import annotations

from vas_tool.engines.tensors import tensor_names
from vas_tool.engines.weights import Part, WeightsFolder


def _part(folder: str, name: str) -> Part:
    """Return a part that may be one file, shards or pickled, as the hub or a local copy has it."""
    first, *others = (f"{folder}/{one}" for one in tensor_names(name, half=False))
    return Part(first, (), own_names=tuple(others))


STABLE_DIFFUSION = WeightsFolder(
    "stable-diffusion-v1-5-inpainting",
    "stable-diffusion-v1-5/stable-diffusion-inpainting",
    (
        Part("unet/config.json"),
        _part("unet", "diffusion_pytorch_model"),
        Part("vae/config.json"),
        _part("vae", "diffusion_pytorch_model"),
        Part("text_encoder/config.json"),
        _part("text_encoder", "model"),
        Part("tokenizer/vocab.json"),
        Part("tokenizer/merges.txt"),
        Part("tokenizer/tokenizer_config.json"),
    ),
    4270,
    "CreativeML OpenRAIL-M (its terms bind: not for every use)",
    other_names=("stable-diffusion-v1-5-inpainting",),
)

COCOCO = WeightsFolder(
    "cococo",
    "",
    tuple(Part(f"model_{number}.pth") for number in range(4)),
    6000,  # not seen: two to four bytes for each of 1465 million weights
    "not stated by their authors: ask them before you use these; we neither ship nor fetch them",
)
"""The four shards of CoCoCo, which no hub has; the user provides them."""
