"""Loads a file or a folder of weights into the network of transformers.

Two forms are read: the original's (``depth_anything_v2_vitl.pth``, also as ``.safetensors``), whose names are
translated to those of the released transformers folders, and such a folder (``config.json``, ``model.safetensors``).
transformers changes the names inside its network between versions; the last step follows it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vas_tool.engines.depth_anything.released import ARCHITECTURES, CONFIG, TENSORS, Architecture, Size
from vas_tool.engines.depth_anything.settable import PATCH, SHORT_SIDE
from vas_tool.engines.tensors import Tensors, read_tensors
from vas_tool.errors import EngineError

HEAD_CHANNELS = 32
"""Channels of the last layer but one, in every size."""

FROM_ORIGINAL = (
    (r"^pretrained\.pos_embed$", "backbone.embeddings.position_embeddings"),
    (r"^pretrained\.patch_embed\.proj\.", "backbone.embeddings.patch_embeddings.projection."),
    (r"^pretrained\.(cls_token|mask_token)$", r"backbone.embeddings.\1"),
    (r"^pretrained\.norm\.", "backbone.layernorm."),
    (r"^pretrained\.blocks\.", "backbone.encoder.layer."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.ls([12])\.gamma$", r".layer_scale\1.lambda1"),
    (r"\.mlp\.w12\.", ".mlp.weights_in."),
    (r"\.mlp\.w3\.", ".mlp.weights_out."),
    (r"^depth_head\.projects\.(\d)\.", r"neck.reassemble_stage.layers.\1.projection."),
    (r"^depth_head\.resize_layers\.(\d)\.", r"neck.reassemble_stage.layers.\1.resize."),
    (r"^depth_head\.scratch\.output_conv1\.", "head.conv1."),
    (r"^depth_head\.scratch\.output_conv2\.0\.", "head.conv2."),
    (r"^depth_head\.scratch\.output_conv2\.2\.", "head.conv3."),
    (r"\.out_conv\.", ".projection."),
    (r"\.resConfUnit([12])\.conv([12])\.", r".residual_layer\1.convolution\2."),
)
"""(pattern in an original name, its replacement in a released transformers folder), all applied in this order. The
levels of the head, which are numbered from the other end, and the joint query, key and value are handled separately."""

TO_CURRENT = (
    (".attention.attention.query.", ".attention.q_proj."),
    (".attention.attention.key.", ".attention.k_proj."),
    (".attention.attention.value.", ".attention.v_proj."),
    (".attention.output.dense.", ".attention.o_proj."),
    (".mlp.weights_out.", ".mlp.down_proj."),
)
"""(part of a name in a released folder, the name inside the network since transformers 5)."""


def load_network(path: Path, *, size: Size | None = None, architecture: Architecture | None = None) -> Any:
    """Return the network with the weights at ``path``, on the CPU, in evaluation mode, in the weights' number format.

    A folder states its architecture. For an original file, ``size`` or ``architecture`` gives it, or it is recognised
    by its shapes. Raises EngineError that names the file when it is missing, damaged, or another model.
    """
    wanted = ARCHITECTURES[size] if size else architecture
    if path.is_dir():
        config, tensors, source = *_read_folder(path, wanted), path
    else:
        tensors = read_tensors(path)
        config, source = config_of(wanted or _recognised(tensors, path)), path
        tensors = from_original(tensors)
    return _assemble(config, tensors, source=source)


def config_of(architecture: Architecture) -> Any:
    """Return the ``DepthAnythingConfig`` of an architecture, as the released folders state it."""
    from transformers import DepthAnythingConfig, Dinov2Config

    backbone = Dinov2Config(
        hidden_size=architecture.width,
        num_hidden_layers=architecture.num_blocks,
        num_attention_heads=architecture.num_heads,
        image_size=SHORT_SIDE,  # of the learnt position embedding: 37 x 37 patches
        patch_size=PATCH,
        use_swiglu_ffn=architecture.gated,
        out_indices=[tap + 1 for tap in architecture.taps],  # 0 is what goes into the first block
        reshape_hidden_states=False,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=PATCH,
        reassemble_hidden_size=architecture.width,
        neck_hidden_sizes=list(architecture.tap_channels),
        fusion_hidden_size=architecture.features,
        head_hidden_size=HEAD_CHANNELS,
    )


def architecture_of(config: Any) -> Architecture:
    """Return the architecture of a ``DepthAnythingConfig``."""
    backbone = config.backbone_config
    return Architecture(
        width=backbone.hidden_size,
        num_blocks=backbone.num_hidden_layers,
        num_heads=backbone.num_attention_heads,
        taps=tuple(index - 1 for index in backbone.out_indices),
        features=config.fusion_hidden_size,
        tap_channels=tuple(config.neck_hidden_sizes),
        gated=backbone.use_swiglu_ffn,
    )


def from_original(tensors: Tensors) -> dict[str, Any]:
    """Return the original's tensors under the names of a released transformers folder, with the joint qkv split."""
    found: dict[str, Any] = {}
    for name, tensor in tensors.items():
        new = _counted_from_the_other_end(name)
        for pattern, replacement in FROM_ORIGINAL:
            new = re.sub(pattern, replacement, new)
        if ".attn.qkv." in new:
            for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[new.replace(".attn.qkv.", f".attention.attention.{part}.")] = third
        else:
            found[new] = tensor
    return found


def _counted_from_the_other_end(name: str) -> str:
    name = re.sub(r"^depth_head\.scratch\.layer(\d)_rn\.", lambda m: f"neck.convs.{int(m[1]) - 1}.", name)
    pattern = r"^depth_head\.scratch\.refinenet(\d)\."
    return re.sub(pattern, lambda m: f"neck.fusion_stage.layers.{4 - int(m[1])}.", name)


def _to_current(tensors: Tensors, wanted: Tensors) -> dict[str, Any]:
    """Return tensors of a released folder under the names of this version of transformers (``wanted``)."""
    found: dict[str, Any] = {}
    for name, tensor in tensors.items():
        new = name
        for old, current in TO_CURRENT:
            new = new.replace(old, current)
        gate, up = (name.replace(".weights_in.", f".{part}_proj.") for part in ("gate", "up"))
        if name in wanted:
            found[name] = tensor
        elif ".weights_in." in name and gate in wanted:
            found[gate], found[up] = tensor.chunk(2)
        else:
            found[new] = tensor
    return found


def _assemble(config: Any, tensors: Tensors, *, source: Path) -> Any:
    network = _empty_network(config, source)
    wanted = network.state_dict()
    tensors = _to_current(tensors, wanted)
    _require_fit(wanted, tensors, source=source, name=_name_of(architecture_of(config)))
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False)


def _empty_network(config: Any, source: Path) -> Any:
    """Return the network without weights, because random weights would take time and memory and be replaced at once."""
    import torch
    from transformers import DepthAnythingForDepthEstimation

    try:
        with torch.device("meta"):
            return DepthAnythingForDepthEstimation(config)
    except Exception as error:  # any layer can be the first to reject its sizes
        raise EngineError(f"{source} does not describe a network that can be built ({error}); get it again") from error


def _require_fit(wanted: Tensors, tensors: Tensors, *, source: Path, name: str) -> None:
    missing = sorted(wanted.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - wanted.keys())
    other = sorted(key for key in wanted.keys() & tensors.keys() if wanted[key].shape != tensors[key].shape)
    if not (missing or unknown or other):
        return
    written = [
        f"{len(keys)} tensors {what} (first {keys[0]})"
        for keys, what in ((missing, "are missing"), (unknown, "are unknown"), (other, "have another shape"))
        if keys
    ]
    raise EngineError(f"{source} does not hold the weights of Depth Anything V2 {name}: {'; '.join(written)}")


def _read_folder(folder: Path, wanted: Architecture | None) -> tuple[Any, Tensors]:
    """Return (config, tensors) of a transformers folder."""
    config_path, tensors_path = (part.find(folder) for part in (CONFIG, TENSORS))
    if config_path is None or tensors_path is None:
        names = " or ".join((CONFIG if config_path is None else TENSORS).names)
        raise EngineError(f"{folder} lacks {names}; get the whole folder again")
    config = _read_config(config_path)
    found = architecture_of(config)
    if wanted is not None and found != wanted:
        raise EngineError(
            f"{folder} holds Depth Anything V2 {_name_of(found)}, not {_name_of(wanted)}: its config.json says {found}"
        )
    return config, read_tensors(tensors_path)


def _read_config(path: Path) -> Any:
    from transformers import DepthAnythingConfig

    try:
        written = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} does not read ({error}); get the folder again") from error
    kind = written.get("model_type") if isinstance(written, dict) else None
    if kind != "depth_anything" or written.get("depth_estimation_type", "relative") != "relative":
        raise EngineError(f"{path} describes no network for relative depth, but {kind}; get Depth Anything V2's folder")
    try:
        config = DepthAnythingConfig.from_dict(written)
        architecture_of(config)
        return config
    except Exception as error:  # transformers' checks of fields depend on its version
        raise EngineError(f"{path} does not describe a network ({error}); get the folder again") from error


def _recognised(tensors: Tensors, path: Path) -> Architecture:
    """Return the released model of an original file, by the width of its tokens."""
    positions = tensors.get("pretrained.pos_embed")
    width = None if positions is None else positions.shape[-1]
    for architecture in ARCHITECTURES.values():
        if architecture.width == width:
            return architecture
    raise EngineError(f"{path} holds no released model of Depth Anything V2 (its tokens are {width} wide)")


def _name_of(architecture: Architecture) -> str:
    known = (size for size, released in ARCHITECTURES.items() if released == architecture)
    return next(known, "of no released size")
