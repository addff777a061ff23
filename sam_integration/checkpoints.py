"""Loads a file of weights into sam2's model. Files are not trusted: they are read with weights_only=True."""

from __future__ import annotations

import importlib.util
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sam_integration.errors import CheckpointError, PackageMissing
from sam_integration.presets import Preset
from sam_integration.zoo import MODELS, ModelSpec

BLOCKS_OF_SIZE = {12: "tiny", 16: "small", 24: "base-plus", 48: "large"}
"""Number of blocks of the picture encoder -> size of the model (the sum of ``trunk.stages`` in sam2's configs)."""
NEWER_FAMILY_KEY = "obj_ptr_tpos_proj.weight"
"""A key that only sam2.1 has (its configs set ``proj_tpos_enc_in_obj_ptrs``)."""

State = Mapping[str, Any]
"""Parameter name -> tensor."""


def require_packages() -> None:
    """Raise PackageMissing with the command that installs them when torch, torchvision or sam2 is missing."""
    for package in ("torch", "torchvision", "sam2"):
        if importlib.util.find_spec(package) is None:
            raise PackageMissing(f"the package {package} is not installed; get it with: pip install sam2")


def build_model(spec: ModelSpec, preset: Preset, *, device: str) -> Any:
    """Return the model of ``spec`` with random weights, as sam2 builds it, with its post-processing."""
    require_packages()
    from sam2.build_sam import build_sam2_video_predictor

    overrides = list(spec.overrides)
    if preset.image_size is not None:
        overrides.append(f"++model.image_size={preset.image_size}")
    model = build_sam2_video_predictor(spec.config, device=device, hydra_overrides_extra=overrides)
    if importlib.util.find_spec("sam2._C") is None:
        # Filling holes needs the package's CUDA extension. Without it the package warns on every frame and leaves
        # the mask as it is; asking for no filling gives the same mask in silence.
        model.fill_hole_area = 0
    return model


def load_model(spec: ModelSpec, checkpoint: Path, preset: Preset, *, device: str) -> Any:
    """Return the model of ``spec`` with the weights in ``checkpoint`` (the released form: ``{"model": state}``).

    Raises CheckpointError that names the file and what is wrong with it, and PackageMissing.
    """
    require_packages()
    state = read_checkpoint(checkpoint)
    model = build_model(spec, preset, device="cpu")
    _require_fit(model.state_dict(), state, spec=spec, checkpoint=checkpoint)
    model.load_state_dict(state)
    if not device.startswith("cuda"):
        model.fill_hole_area = 0  # the extension needs CUDA: elsewhere it would fail, and warn, on every frame
    return model.to(device).eval()


def read_checkpoint(checkpoint: Path) -> State:
    """Return the state in a file of the released form. No code in the file is run. Raises CheckpointError."""
    import torch

    if not checkpoint.is_file():
        raise CheckpointError(f"{checkpoint} does not exist")
    try:
        with warnings.catch_warnings():
            # A warning about the pickle's protocol; errors in the file are reported below.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{checkpoint} is no file of weights, or one that holds more than weights") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        size = checkpoint.stat().st_size
        raise CheckpointError(f"{checkpoint} ({size} bytes) is damaged or was not downloaded to its end") from error
    state = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise CheckpointError(f"{checkpoint} holds no SAM2 weights: there is no state under 'model'")
    return state


def _require_fit(wanted: State, state: State, *, spec: ModelSpec, checkpoint: Path) -> None:
    missing = wanted.keys() - state.keys()
    other = {key for key in wanted.keys() & state.keys() if wanted[key].shape != state[key].shape}
    extra = state.keys() - wanted.keys()
    if not (missing or other or extra):
        return
    name = recognise(state)
    looks = f"it looks like {name}" if name and name != spec.name else "it looks like no model that is known here"
    raise CheckpointError(
        f"{checkpoint} does not hold the weights of {spec.name}: {len(missing)} are missing, {len(other)} have another "
        f"shape, {len(extra)} are unknown; {looks}"
    )


def recognise(state: State) -> str | None:
    """Return the name of the released model of a state, by its encoder's depth; None when it is none."""
    prefix = "image_encoder.trunk.blocks."
    blocks = {key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)}
    family = "sam2.1" if NEWER_FAMILY_KEY in state else "sam2"
    name = f"{family}-{BLOCKS_OF_SIZE.get(len(blocks))}"
    return name if any(spec.name == name for spec in MODELS) else None
