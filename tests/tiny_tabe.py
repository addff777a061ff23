"""Stable Diffusion's folder and CoCoCo's shards, random and tiny, in the published layouts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from vas_tool.engines.base import Progress, Segmenter, TrackedFrame, silent
from vas_tool.engines.registry import LoadedEngine
from vas_tool.engines.specs import ENGINES
from vas_tool.engines.tabe.model import TabeModel
from vas_tool.engines.tabe.motion_unet import TabeNetwork
from vas_tool.engines.tabe.released_parts import load_parts
from vas_tool.engines.tabe.settable import Sizes, TabeOptions
from vas_tool.types import Clip, Mask, Prompts

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
"""As many parts as the real one; narrow."""
SHALLOW = UNET | {
    "block_out_channels": WIDTHS[:2],
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}
"""A third of the parts, one of each kind: three times as quick."""
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


def write_tiny(root: Path, config: dict[str, Any] = SHALLOW) -> tuple[Path, Path]:
    """The two folders. Shards hold the motion modules and ``conv_in``, with zeros for tables of positions."""
    torch.manual_seed(3)
    diffusion, cococo = root / "sd", root / "cococo"
    with torch.random.fork_rng():
        network = TabeNetwork(UNet2DConditionModel.from_config(config))
    state = {name: 0.3 * torch.randn(tensor.shape) for name, tensor in network.unet.state_dict().items()}
    spatial = {name: tensor for name, tensor in state.items() if "motion_modules" not in name}
    _write(diffusion / "unet", config, spatial, "diffusion_pytorch_model.bin")
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


SMALL = TabeOptions(
    num_tuning_steps=1, num_steps=1, fewest_whole=0, sizes=Sizes(shown=64, tuned=32, num_tuned_frames=2, read=64)
)
"""Runs of less than a second. Nothing has to be seen whole."""


class NotWhite:
    """A segmenter that takes for the object what is not white."""

    def prepare(self, clip: Clip, frame_index: int) -> None:
        pass

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        return (clip[frame_index] < 250).all(axis=2)

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        for index in frame_indices:
            yield TrackedFrame(index, self.segment(clip, index, prompts), 1.0)


def not_white(name: str) -> LoadedEngine[Segmenter]:
    """In place of the registry's segment engines."""
    return LoadedEngine(replace(ENGINES[0], name="sam2-not-white"), NotWhite())


def tiny_model(root: Path) -> TabeModel:
    """With tiny random weights, written to ``root``."""
    return TabeModel(load_parts(*write_tiny(root), dtype=torch.float32))
