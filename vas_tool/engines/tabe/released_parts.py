"""Loads the parts of TABE from the published weights: a folder of Stable Diffusion, four shards of CoCoCo.

No code in a file is run. Every tensor is rounded to half precision, as in the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from vas_tool.engines.diffusion_vas.loading import DIFFUSERS_FILE, TRANSFORMERS_FILE, read_config, weights_file
from vas_tool.engines.tabe.motion_unet import INPUT_CHANNELS, TabeNetwork
from vas_tool.engines.tensors import read_tensors
from vas_tool.errors import EngineError

NUM_SHARDS = 4
TABLE = "pe"
"""Part of the names in the shards that are skipped, as in the reference: tables of positions, which are computed."""
PREFIX = "module."
OLD_VAE_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Part of a name in files of 2022 -> present name, for the autoencoder's attention."""
TEXT_PREFIX = "text_model."
"""Prefix of the text encoder's names in files. The model of transformers 5 has no such prefix."""

State = dict[str, Tensor]


@dataclass(frozen=True)
class Parts:
    """The parts of TABE before tuning."""

    network: TabeNetwork
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer

    def ids(self, prompt: str) -> Tensor:
        """Return the (1, 77) int64 tokens of a prompt."""
        found: Tensor = self.tokenizer(
            prompt,
            max_length=self.tokenizer.model_max_length,
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return found

    def text(self, ids: Tensor) -> Tensor:
        """Return (B, 77, D) for (B, 77) tokens: all tokens, including padding, after the last norm."""
        found: Tensor = self.text_encoder(ids)[0]
        return found


def load_parts(stable_diffusion: Path, cococo: Path, *, dtype: torch.dtype, rounded: bool = True) -> Parts:
    """Return the parts on the CPU with weights of ``dtype``. ``rounded`` rounds them to half precision.

    Raises EngineError that names the file when one is missing, damaged or of another model.
    """
    return Parts(
        load_network(stable_diffusion / "unet", cococo, dtype=dtype, rounded=rounded),
        load_vae(stable_diffusion / "vae", dtype=dtype, rounded=rounded),
        load_text_encoder(stable_diffusion / "text_encoder", dtype=dtype, rounded=rounded),
        CLIPTokenizer.from_pretrained(stable_diffusion / "tokenizer", local_files_only=True),
    )


def load_network(folder: Path, cococo: Path, *, dtype: torch.dtype, rounded: bool = True) -> TabeNetwork:
    """Return the network with Stable Diffusion's weights, overwritten by those of the shards."""
    config = read_config(folder / "config.json")
    if config.get("in_channels") != INPUT_CHANNELS:
        raise EngineError(f"{folder} is no inpainting network (it has {config.get('in_channels')} input channels)")
    path = weights_file(folder, DIFFUSERS_FILE, dtype=torch.float32)
    with torch.device("meta"):
        network = TabeNetwork(UNet2DConditionModel.from_config(config))
    state = dict(read_tensors(path)) | shards_state(cococo) | _tables(network.unet)
    _fill(network.unet, _rounded(state, rounded), f"{path} and the shards in {cococo}", dtype=dtype)
    return network


def shards_state(folder: Path) -> State:
    """Return the tensors of the four shards, without position embeddings. Of a repeated tensor the last counts."""
    found: State = {}
    for number in range(NUM_SHARDS):
        tensors = read_tensors(folder / f"model_{number}.pth")
        found |= {_plain(name): tensor for name, tensor in tensors.items() if TABLE not in name}
    return found


def load_vae(folder: Path, *, dtype: torch.dtype, rounded: bool = True) -> AutoencoderKL:
    """Return diffusers' autoencoder, from old or new names."""
    path = weights_file(folder, DIFFUSERS_FILE, dtype=torch.float32)
    state = {_renamed(name): tensor for name, tensor in read_tensors(path).items()}
    config = read_config(folder / "config.json")
    return _filled(lambda: AutoencoderKL.from_config(config), _rounded(state, rounded), path, dtype=dtype)


def load_text_encoder(folder: Path, *, dtype: torch.dtype, rounded: bool = True) -> CLIPTextModel:
    """Return CLIP's text model."""
    path = weights_file(folder, TRANSFORMERS_FILE, dtype=torch.float32)
    config = CLIPTextConfig(**read_config(folder / "config.json"))
    state = {name: tensor for name, tensor in read_tensors(path).items() if not name.endswith("position_ids")}

    def make() -> CLIPTextModel:
        return CLIPTextModel(config)

    with torch.device("meta"):
        keeps_prefix = any(name.startswith(TEXT_PREFIX) for name in make().state_dict())
    if not keeps_prefix:
        state = {name.removeprefix(TEXT_PREFIX): tensor for name, tensor in state.items()}
    return _filled(make, _rounded(state, rounded), path, dtype=dtype)


def _plain(name: str) -> str:
    """Return the part of a name between the first and the second ``module.``."""
    return name.split(PREFIX)[1] if PREFIX in name else name


def _renamed(name: str) -> str:
    for old, new in OLD_VAE_NAMES.items():
        name = name.replace(old, new)
    return name


def _tables(unet: UNet2DConditionModel) -> State:
    """Return all tables of positions."""
    return {
        f"{name}.pe": SinusoidalPositionalEmbedding(module.pe.shape[2], module.pe.shape[1]).pe
        for name, module in unet.named_modules()
        if isinstance(module, SinusoidalPositionalEmbedding)
    }


def _rounded(state: State, really: bool) -> State:
    return {name: tensor.half() for name, tensor in state.items()} if really else state


def _filled(make: Callable[[], Any], state: Mapping[str, Tensor], path: Path, *, dtype: torch.dtype) -> Any:
    with torch.device("meta"):
        part = make()
    _fill(part, state, str(path), dtype=dtype)
    return part


def _fill(part: Any, state: Mapping[str, Tensor], what: str, *, dtype: torch.dtype) -> None:
    """Load the weights and set evaluation mode. Names that the part does not have are left out, as in the reference."""
    wanted = part.state_dict()
    lacking = sorted(wanted.keys() - state.keys())
    other = sorted(name for name in wanted.keys() & state.keys() if wanted[name].shape != state[name].shape)
    for names, fault in ((lacking, "missing"), (other, "of another size")):
        if names:
            raise EngineError(f"{what} do not fit: {len(names)} tensors are {fault} (first {names[0]})")
    part.load_state_dict({name: state[name].to(dtype) for name in wanted}, strict=True, assign=True)
    for module in part.modules():  # buffers that no file holds
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_meta:
                module._buffers[name] = torch.arange(buffer.shape[-1]).expand(buffer.shape).clone()
    part.requires_grad_(False).eval()
