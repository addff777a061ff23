"""A small SAM2 with random weights, in a file of the released form; and moving pictures for it to look at."""

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sam_integration.zoo import MODELS, ModelSpec
from vas_tool.video.clip import FolderClip

IMAGE_SIZE = 64
SIZE_WH = (96, 64)
TINY_OVERRIDES = (
    f"++model.image_size={IMAGE_SIZE}",
    "++model.image_encoder.trunk.embed_dim=16",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
    "++model.memory_attention.num_layers=1",
)
TINY = {
    spec.name.split("-")[0]: replace(spec, name=f"{spec.name}-toy", overrides=TINY_OVERRIDES)
    for spec in MODELS
    if spec.name.endswith("tiny")
}
"""Family -> a model of its configuration, with a smaller picture encoder and smaller pictures."""


def skip_without_sam2() -> None:
    """At the top of a test file. REQUIRE_SAM2=1 forbids the skip."""
    missing = [name for name in ("torch", "torchvision", "sam2") if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("REQUIRE_SAM2") == "1":
        pytest.fail(f"REQUIRE_SAM2=1, but {', '.join(missing)} is not installed: pip install {' '.join(missing)}")
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed", allow_module_level=True)
    import torch

    # Sums in another order are other bits; and pictures this small gain nothing from more.
    torch.set_num_threads(1)


def write_checkpoint(path: Path, spec: ModelSpec, *, seed: int = 0) -> Path:
    """Random weights under which objects are seen (mostly), as the released files hold them."""
    import torch

    from sam_integration.checkpoints import build_model
    from sam_integration.presets import EXACT

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = build_model(spec, EXACT, device="cpu").state_dict()
        for key, value in state.items():
            if key.endswith("maskmem_tpos_enc") or "no_obj" in key:
                state[key] = torch.randn_like(value)
    state["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] += 0.3
    torch.save({"model": state}, path)
    return path


def write_clip(folder: Path, num_frames: int, *, size_wh: tuple[int, int] = SIZE_WH) -> FolderClip:
    """Two soft blobs that cross each other on a textured ground, as JPEG files."""
    folder.mkdir(parents=True)
    width, height = size_wh
    ground = np.random.default_rng(3).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    base = np.asarray(Image.fromarray(ground).resize(size_wh), np.float32)
    rows, columns = np.mgrid[:height, :width]
    for i in range(num_frames):
        picture = base.copy()
        for x, y, colour in ((20 + 4 * i, 25, (255, 30, 20)), (70 - 3 * i, 40, (10, 60, 240))):
            weight = np.exp(-(((columns - x) / 9) ** 2 + ((rows - y) / 7) ** 4))[..., None]
            picture = picture * (1 - weight) + np.array(colour) * weight
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{i:05d}.jpg", quality=92)
    return FolderClip(folder, fps=8.0, size_wh=size_wh)


def open_toy(*, checkpoint: str) -> object:
    """What an engine's line in the registry calls, for a toy."""
    from vas_tool.engines.sam2 import Sam2Segmenter

    return Sam2Segmenter.from_checkpoint(TINY["sam2.1"], Path(checkpoint), device="cpu")
