"""Diffusion-VAS with tiny random weights, in the released on-disk format."""

import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.parameters import DiffusionVasParameters

SMALL = DiffusionVasParameters(num_steps=2, height=32, width=32, window_length=7, window_overlap=1)
"""A run that takes a moment."""

UNET = {
    "_class_name": "UNetSpatioTemporalConditionModel",
    "sample_size": 8,
    "in_channels": 8,
    "out_channels": 4,
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"],
    "up_block_types": ["UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"],
    "block_out_channels": [32, 64],
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
    "layers_per_block": 1,
    "cross_attention_dim": 16,
    "num_attention_heads": [2, 4],
    "num_frames": 25,
}
VAE = {
    "_class_name": "AutoencoderKLTemporalDecoder",
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "block_out_channels": [32, 32, 32, 32],
    "layers_per_block": 1,
    "sample_size": 64,
    "force_upcast": True,
}
CLIP = {
    "architectures": ["CLIPVisionModelWithProjection"],
    "hidden_size": 16,
    "intermediate_size": 32,
    "projection_dim": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 224,
    "patch_size": 112,
}
SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "sigma_max": 700.0,
    "sigma_min": 0.002,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}
EXTRACTOR = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
FILES = {
    "unet": "unet/diffusion_pytorch_model",
    "vae": "vae/diffusion_pytorch_model",
    "image_encoder": "image_encoder/model",
}


def write_checkpoint(folder: Path, *, seed: int = 1, half: bool = False) -> Path:
    """The released folder. ``half``: float16 weights under their ``.fp16.`` names."""
    configs = {"unet/config": UNET, "vae/config": VAE, "image_encoder/config": CLIP}
    configs |= {"scheduler/scheduler_config": SCHEDULER, "feature_extractor/preprocessor_config": EXTRACTOR}
    for name, config in configs.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config))
    # Names a module that is not there, as the released one does.
    (folder / "model_index.json").write_text(json.dumps({"unet": ["models.diffusion_vas", "UNet"]}))
    for part, state in states(seed).items():
        kept = {key: value.half() if half else value for key, value in state.items()}
        save_file(kept, folder / f"{FILES[part]}{'.fp16' if half else ''}.safetensors")
    return folder


@cache
def states(seed: int) -> dict[str, dict[str, torch.Tensor]]:
    """part -> name -> tensor; the UNet with both of its inputs, of 8 and of 12 channels."""
    unet = UNetSpatioTemporalConditionModel.from_config(UNET).state_dict()
    unet["conv_in2.weight"], unet["conv_in2.bias"] = torch.empty(32, 12, 3, 3), torch.empty(32)
    parts = {
        "unet": unet,
        "vae": AutoencoderKLTemporalDecoder.from_config(VAE).state_dict(),
        "image_encoder": CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP)).state_dict(),
    }
    return {part: {key: _random(key, value, seed) for key, value in state.items()} for part, state in parts.items()}


def _random(name: str, like: torch.Tensor, seed: int) -> torch.Tensor:
    """Weights under which nothing dies out: the same for a name and a seed."""
    random = np.random.default_rng([zlib.crc32(name.encode()), seed])
    shape = tuple(like.shape)
    if name.endswith("mix_factor"):
        array: Any = random.uniform(-1, 1, shape)
    elif name.endswith("bias"):
        array = 0.1 * random.standard_normal(shape)
    elif len(shape) == 1:
        array = 1 + 0.1 * random.standard_normal(shape)
    else:
        array = 1.5 * random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(array, np.float32).reshape(shape))


def tiny_pipeline(folder: Path, *, seed: int = 1) -> DiffusionVasPipeline:
    """A pipeline on the CPU, from a checkpoint that is written into ``folder`` when it is not there."""
    if not (folder / "model_index.json").exists():
        write_checkpoint(folder, seed=seed)
    return DiffusionVasPipeline.load(folder, device="cpu")
