"""The result of a run: a folder in the released layout, which the engines and the released scripts load."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from vas_tool.engines.diffusion_vas.loading import DIFFUSERS_FILE, TRANSFORMERS_FILE, read_config, weights_file
from vas_tool.engines.diffusion_vas.released import PARTS
from vas_tool.engines.tensors import read_tensors
from vas_tool.engines.tuned import CARD
from vas_tool.errors import EngineError, InputError
from vas_tool.storage import write_atomically

FINAL = "final"
"""Name of the result's folder in the folder of a run."""
MODEL_INDEX = {
    "_class_name": "DiffusionVASPipeline",
    "_diffusers_version": "0.29.1",
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "unet": ["models.diffusion_vas.unet_diffusion_vas", "UNetSpatioTemporalConditionModel"],
    "vae": ["diffusers", "AutoencoderKLTemporalDecoder"],
}
"""The content of model_index.json as in the released folders, with module names of the authors' repository."""
FROZEN = (("vae", DIFFUSERS_FILE), ("image_encoder", TRANSFORMERS_FILE))
PLAIN = ("scheduler/scheduler_config.json", "feature_extractor/preprocessor_config.json")

State = Mapping[str, Tensor]


def require_start(folder: Path) -> None:
    """Raise EngineError unless ``folder`` has all parts of a checkpoint in the released layout."""
    missing = [part.names for part in PARTS if part.find(folder) is None]
    if missing:
        lacking = ", ".join(" or ".join(names) for names in missing)
        raise EngineError(
            f"{folder} lacks {lacking}; --from needs a folder in the layout of Stable Video Diffusion or of "
            "Diffusion-VAS's released weights"
        )


def write_unet(folder: Path, state: State, config: Mapping[str, Any], *, half: bool = True) -> None:
    """Write ``folder``/config.json and the tensors in float32; with ``half`` also in float16, under the name that the
    released evaluation scripts ask for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(config), indent=2))
    _write_tensors(folder, DIFFUSERS_FILE, state, half=half)


def write_final(out: Path, state: State, *, start: Path, card: Mapping[str, Any]) -> Path:
    """Write ``out``/final with the trained UNet and the other parts of ``start``, and return it. A temporary folder is
    written first, then renamed.

    Raises InputError when it cannot be written.
    """
    new, final = out / f"{FINAL}.new", out / FINAL
    shutil.rmtree(new, ignore_errors=True)
    try:
        write_unet(new / "unet", state, read_config(start / "unet" / "config.json"))
        for part, name in FROZEN:
            _copy_part(start / part, new / part, name)
        for name in PLAIN:
            (new / name).parent.mkdir()
            shutil.copyfile(start / name, new / name)
        write_atomically(new / "model_index.json", json.dumps(MODEL_INDEX, indent=2).encode())
        write_atomically(new / CARD, json.dumps(dict(card), indent=2).encode())
        shutil.rmtree(final, ignore_errors=True)
        new.rename(final)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise InputError(
            f"{final} could not be written ({' '.join(str(error).split())[:200]}); make room on the disk, and run the "
            "same command with --resume: the last checkpoint is whole"
        ) from error
    return final


def digest_of(state: State) -> str:
    """Return eight hexadecimal digits of a hash of the weights: the revision of the engine."""
    digest = hashlib.blake2b(digest_size=4)
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _copy_part(source: Path, target: Path, name: str) -> None:
    """Copy the configuration and the tensors in both precisions. Files are hard links when the disk supports them."""
    target.mkdir()
    shutil.copyfile(source / "config.json", target / "config.json")
    for half in (False, True):
        file = target / _file(name, half=half)
        whole = source / file.name
        if whole.is_file():
            _link(whole, file)
        else:
            dtype = torch.float16 if half else torch.float32
            state = read_tensors(weights_file(source, name, dtype=dtype))
            _save(file, {key: _cast(value, dtype) for key, value in state.items()})


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _write_tensors(folder: Path, name: str, state: State, *, half: bool) -> None:
    for is_half in (False, True) if half else (False,):
        dtype = torch.float16 if is_half else torch.float32
        _save(folder / _file(name, half=is_half), {key: _cast(value, dtype) for key, value in state.items()})


def _save(path: Path, state: State) -> None:
    save_file({key: value.contiguous().cpu() for key, value in state.items()}, path, metadata={"format": "pt"})
    path.chmod(0o644)


def _cast(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value


def _file(name: str, *, half: bool) -> str:
    return f"{name}{'.fp16' if half else ''}.safetensors"
