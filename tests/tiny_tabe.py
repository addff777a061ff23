"""Stable Diffusion's folder and CoCoCo's shards, random and tiny, in the published layouts."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from vas_tool.engines.tabe.motion_unet import TabeNetwork

WIDTHS = (16, 16, 16, 16)
UNET = {
    "_class_name": "UNet2DConditionModel",
    "in_channels": 9,
    "block_out_channels": WIDTHS,
    "cross_attention_dim": 16,
    "layers_per_block": 2,
    "norm_num_groups": 8,
    "attention_head_dim": 8,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
VAE = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": (8, 8, 8, 8),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
TEXT = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 190,
    "eos_token_id": 189,
}


def write_tiny(root: Path) -> tuple[Path, Path]:
    """The two folders. Shards hold the motion modules and ``conv_in``, with zeros for tables of positions."""
    torch.manual_seed(3)
    diffusion, cococo = root / "sd", root / "cococo"
    with torch.random.fork_rng():
        network = TabeNetwork(UNet2DConditionModel.from_config(UNET))
    state = {name: 0.3 * torch.randn(tensor.shape) for name, tensor in network.unet.state_dict().items()}
    spatial = {name: tensor for name, tensor in state.items() if "motion_modules" not in name}
    _write(diffusion / "unet", UNET, spatial, "diffusion_pytorch_model.bin")
    vae = AutoencoderKL.from_config(VAE).state_dict()
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    _write(diffusion / "vae", VAE, {_renamed(name, old): t for name, t in vae.items()}, "diffusion_pytorch_model.bin")
    text = CLIPTextModel(CLIPTextConfig(**TEXT)).state_dict()
    named = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in text.items()}
    _write(diffusion / "text_encoder", TEXT, named, "pytorch_model.bin")
    _write_tokenizer(diffusion / "tokenizer")
    motion = {name: t for name, t in state.items() if "motion_modules" in name} | {"conv_in.bias": torch.full((16,), 7)}
    _write_shards(cococo, motion)
    return diffusion, cococo


def _write_shards(folder: Path, motion: dict[str, torch.Tensor]) -> None:
    folder.mkdir()
    names = sorted(motion)
    for number in range(4):
        held = {f"module.{name}": motion[name] for name in names[number::4]}
        held = {name: torch.zeros_like(t) if name.endswith(".pe") else t for name, t in held.items()}
        torch.save(held, folder / f"model_{number}.pth")


def _write(folder: Path, config: dict, state: dict[str, torch.Tensor], name: str) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(state, folder / name)


def _renamed(name: str, names: dict[str, str]) -> str:
    for now, then in names.items():
        name = name.replace(now, then)
    return name


def _write_tokenizer(folder: Path) -> None:
    """Single characters, inside a word and at its end."""
    folder.mkdir()
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>"})
    )
