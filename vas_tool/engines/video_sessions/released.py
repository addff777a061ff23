"""The released models in the form of transformers, and their weights. The module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from sam_integration.zoo import MODELS
from vas_tool.engines.tensors import tensor_names
from vas_tool.engines.weights import Part, WeightsFolder

CONFIG = Part("config.json")
TENSORS = Part("model.safetensors", own_names=tensor_names("model", half=False)[1:2])
"""The tensors in one file or, in local folders, in several with an index."""


@dataclass(frozen=True)
class VideoModel:
    """One released model."""

    model_class: str
    """Name of the model's class in transformers. Its session's class has the same name with another ending."""
    weights: WeightsFolder
    note: str
    cost: str
    packages: tuple[str, ...] = ("torch", "torchvision", "transformers")
    needs_gpu: bool = True
    finds_text: bool = False

    @property
    def session_class(self) -> str:
        """Name of the session's class in transformers."""
        return f"{self.model_class.removesuffix('Model')}InferenceSession"


EDGETAM = VideoModel(
    "EdgeTamVideoModel",
    WeightsFolder("edgetam", "yonigozlan/EdgeTAM-hf", (CONFIG, TENSORS), num_megabytes=56, licence="Apache-2.0"),
    note="EdgeTAM: SAM 2 made small for phones: the best tracker for a computer without a GPU.",
    cost="Input of 1024 pixels in a quarter of the time of sam2.1-tiny: about 2.6 s per frame on one processor core.",
    packages=("torch", "torchvision", "transformers", "timm"),
    needs_gpu=False,
)
"""13.9 million parameters. Time per tracked frame on one core, all models in turns (benchmarks/trackers_speed.py):
edgetam 2.6 s, sam2.1-tiny 9.5 s, sam2.1-tiny-fast 1.0 s.

facebookresearch/EdgeTAM's README, section License: code and checkpoints are Apache-2.0."""


SAM2_HF: tuple[VideoModel, ...] = tuple(
    VideoModel(
        "Sam2VideoModel",
        WeightsFolder(
            f"{spec.name}-hf", spec.repo_id, (CONFIG, TENSORS), num_megabytes=spec.num_megabytes, licence=spec.licence
        ),
        note="SAM 2.1 through transformers, for computers on which the package sam2 cannot be installed.",
        cost="Clicks on a frame count together, so masks differ slightly from those of the package. Made for a GPU.",
    )
    for spec in MODELS
    if spec.name.startswith("sam2.1-")
)
"""SAM 2.1. The repositories that hold sam2's file hold the same weights in the form of transformers, too."""

SAM3 = VideoModel(
    "Sam3VideoModel",
    WeightsFolder(
        "sam3",
        "facebook/sam3",
        (CONFIG, TENSORS, Part("tokenizer.json"), Part("tokenizer_config.json")),
        num_megabytes=3440,
        licence="SAM License (Meta); gated: accept it on the hub's page of facebook/sam3, then run `hf auth login`",
    ),
    note="SAM 3: finds every instance of what words name (person, dog), follows all of them, and takes clicks.",
    cost="Made for a GPU. Its licence allows research and commercial use, and forbids some uses, such as weapons.",
    finds_text=True,
)
"""About 860 million parameters (facebookresearch/sam3). Detector and tracker share one picture encoder."""

VIDEO_MODELS: dict[str, VideoModel] = {model.weights.name: model for model in (EDGETAM, *SAM2_HF, SAM3)}
"""Name of the engine -> its model."""
