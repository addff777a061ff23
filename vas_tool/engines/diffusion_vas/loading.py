"""Loads the parts of a checkpoint, each from its own sub-folder.

``model_index.json`` is not read, because it names a module of the authors' repository. No code in a file is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from vas_tool.engines.diffusion_vas.unet import INPUT_CHANNELS, LATENT_CHANNELS, DiffusionVasUNet, stock_state
from vas_tool.engines.tensors import read_tensors, tensor_names
from vas_tool.engines.weights import WeightsFolder
from vas_tool.errors import EngineError

DIFFUSERS_FILE, TRANSFORMERS_FILE = "diffusion_pytorch_model", "model"
SHOWN_NAMES = 3
"""Most names of wrong tensors in a message."""
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Parts:
    """The parts of a checkpoint."""

    unet: DiffusionVasUNet
    vae: Any
    """AutoencoderKLTemporalDecoder."""
    image_encoder: Any
    """CLIPVisionModelWithProjection."""
    scheduler: Mapping[str, object]
    """The configuration of an EulerDiscreteScheduler."""
    clip_mean: tuple[float, ...]
    clip_std: tuple[float, ...]


def load_parts(folder: Path, *, dtype: torch.dtype) -> Parts:
    """Return the parts in ``folder`` with weights of ``dtype``, on the CPU.

    Raises EngineError that names the file when one is missing, damaged or of another model.
    """
    if not folder.is_dir():
        raise EngineError(f"{folder} does not exist; it should hold the checkpoint's sub-folders unet, vae, ...")
    extractor = read_config(folder / "feature_extractor" / "preprocessor_config.json")
    return Parts(
        unet=DiffusionVasUNet(load_unet(folder / "unet", dtype=dtype)),
        vae=load_vae(folder / "vae", dtype=dtype),
        image_encoder=load_image_encoder(folder / "image_encoder", dtype=dtype),
        scheduler=load_scheduler(folder / "scheduler"),
        clip_mean=tuple(extractor.get("image_mean", CLIP_MEAN)),
        clip_std=tuple(extractor.get("image_std", CLIP_STD)),
    )


def found_folder(weights: WeightsFolder) -> Path:
    """Return the folder of a complete checkpoint. Raises EngineError that names what is missing and the command to
    get it.
    """
    folder = weights.find()
    if folder is None:
        raise EngineError(f"{weights.lack()}; get it with: {weights.get}")
    return folder


def load_unet(folder: Path, *, dtype: torch.dtype) -> UNetSpatioTemporalConditionModel:
    """Return diffusers' network with the checkpoint's ``conv_in2`` as its input layer."""
    path = weights_file(folder, DIFFUSERS_FILE, dtype=dtype)
    state = dict(read_tensors(path))
    if "conv_in2.weight" not in state:
        raise EngineError(f"{path} has no conv_in2: it is a Stable Video Diffusion UNet, not one of Diffusion-VAS")
    return filled_unet(folder, stock_state(state), path, dtype=dtype)


def filled_unet(
    folder: Path, state: State, path: Path, *, dtype: torch.dtype, num_channels: int = INPUT_CHANNELS
) -> UNetSpatioTemporalConditionModel:
    """Return diffusers' network of the folder's configuration with the tensors of ``state``, read from ``path``.

    ``num_channels``: of its input layer.
    """
    config = _config_of(folder, UNetSpatioTemporalConditionModel)
    # The config's in_channels is 8, for the unused conv_in. Latents have 4 channels, whatever the config states.
    config = {**config, "in_channels": num_channels, "out_channels": LATENT_CHANNELS}
    return _filled(lambda: UNetSpatioTemporalConditionModel.from_config(config), state, path, dtype=dtype)


def load_vae(folder: Path, *, dtype: torch.dtype) -> AutoencoderKLTemporalDecoder:
    """Return diffusers' autoencoder with a temporal decoder."""
    config = _config_of(folder, AutoencoderKLTemporalDecoder)
    path = weights_file(folder, DIFFUSERS_FILE, dtype=dtype)
    return _filled(
        lambda: AutoencoderKLTemporalDecoder.from_config(config), dict(read_tensors(path)), path, dtype=dtype
    )


def load_image_encoder(folder: Path, *, dtype: torch.dtype) -> CLIPVisionModelWithProjection:
    """Return the vision model of CLIP."""
    config = read_config(folder / "config.json")
    architectures = config.get("architectures") or []
    if "CLIPVisionModelWithProjection" not in architectures:
        raise EngineError(f"{folder / 'config.json'} names {architectures}, not CLIPVisionModelWithProjection")
    path = weights_file(folder, TRANSFORMERS_FILE, dtype=dtype)
    state = {key: value for key, value in dict(read_tensors(path)).items() if not key.endswith("position_ids")}
    return _filled(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**config)), state, path, dtype=dtype)


def load_scheduler(folder: Path) -> Mapping[str, object]:
    """Return the configuration of the sampler's noise levels."""
    path = folder / "scheduler_config.json"
    config = read_config(path)
    if config.get("_class_name") != "EulerDiscreteScheduler" or config.get("prediction_type") != "v_prediction":
        raise EngineError(f"{path} is not of an EulerDiscreteScheduler that predicts velocities")
    scheduler: Mapping[str, object] = EulerDiscreteScheduler.from_config(config).config
    return scheduler


def weights_file(folder: Path, name: str, *, dtype: torch.dtype) -> Path:
    """Return the file of a part's weights, or the index of its shards. The precision of ``dtype`` is preferred."""
    halves = (True, False) if dtype == torch.float16 else (False, True)
    names = [one for half in halves for one in tensor_names(name, half=half)]
    found = next((folder / one for one in names if (folder / one).is_file()), None)
    if found is None:
        raise EngineError(
            f"{folder / name}.safetensors is missing, whole, in pieces and in half precision; "
            "download the checkpoint again or finish its copy"
        )
    return found


def read_config(path: Path) -> dict[str, Any]:
    """Return the JSON configuration of a part."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineError(f"{path} is missing; download the checkpoint again or finish its copy") from error
    except ValueError as error:
        raise EngineError(f"{path} is damaged: it does not read as JSON; download the checkpoint again") from error
    if not isinstance(config, dict):
        raise EngineError(f"{path} is damaged: it does not hold a configuration; download the checkpoint again")
    return config


def _config_of(folder: Path, part: type[Any]) -> dict[str, Any]:
    path = folder / "config.json"
    config = read_config(path)
    if config.get("_class_name") != part.__name__:
        raise EngineError(f"{path} is of {config.get('_class_name')}, not of {part.__name__}: another model's folder")
    return config


def _filled(make: Callable[[], Any], state: State, path: Path, *, dtype: torch.dtype) -> Any:
    """Return the part with the weights of ``state``. It is created without memory for random initial weights."""
    with _no_memory():
        try:
            part = make()
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise EngineError(f"{path.parent / 'config.json'} does not describe a network: {error}") from error
    _require_fit(part.state_dict(), state, path)
    part.load_state_dict({key: value.to(dtype) for key, value in state.items()}, strict=True, assign=True)
    for module in part.modules():  # buffers that no file holds, such as CLIP's position ids, have no memory yet
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_meta:
                module._buffers[name] = _recomputed(name, buffer)
    return part.requires_grad_(False).eval()


def _recomputed(name: str, buffer: torch.Tensor) -> torch.Tensor:
    if name != "position_ids":
        raise EngineError(f"this version of transformers has a buffer {name!r} that is not known here; update vas-tool")
    return torch.arange(buffer.shape[-1]).expand(buffer.shape).clone()


def _require_fit(wanted: Mapping[str, torch.Tensor], state: State, path: Path) -> None:
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    other = sorted(k for k in wanted.keys() & state.keys() if wanted[k].shape != state[k].shape)
    for names, what in ((missing, "are missing"), (extra, "are unknown"), (other, "have another size")):
        if names:
            shown = ", ".join(names[:SHOWN_NAMES]) + (", ..." if len(names) > SHOWN_NAMES else "")
            raise EngineError(
                f"{path} does not fit the configuration beside it: {len(names)} tensors {what} ({shown}); "
                "it is another model's file, or one of another size"
            )


def _no_memory() -> AbstractContextManager[object]:
    context: AbstractContextManager[object] = torch.device("meta")
    return context
