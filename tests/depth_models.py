"""Tiny Depth Anything V2: checkpoints in the original's form, and its arithmetic said again in plain torch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vas_tool.engines.depth_anything.released import Architecture

TINY = Architecture(24, 4, 2, (0, 1, 2, 3), features=16, tap_channels=(8, 12, 16, 20))
TINY_GATED = Architecture(24, 4, 2, (0, 1, 2, 3), features=16, tap_channels=(8, 12, 16, 20), gated=True)


def skip_without_transformers() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")


def original_shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    """Every tensor of an original file, by its name there."""
    width, features = a.width, a.features
    shapes: dict[str, tuple[int, ...]] = {
        "pretrained.cls_token": (1, 1, width),
        "pretrained.mask_token": (1, width),
        "pretrained.pos_embed": (1, 1 + 37 * 37, width),
        **layer("pretrained.patch_embed.proj", width, 3, 14, 14),
        **layer("pretrained.norm", width),
        **layer("depth_head.scratch.output_conv1", features // 2, features, 3, 3),
        **layer("depth_head.scratch.output_conv2.0", 32, features // 2, 3, 3),
        **layer("depth_head.scratch.output_conv2.2", 1, 32, 1, 1),
    }
    for index in range(a.num_blocks):
        shapes |= {f"pretrained.blocks.{index}.{name}": shape for name, shape in block_shapes(a).items()}
    for level, channels in enumerate(a.tap_channels):
        shapes |= layer(f"depth_head.projects.{level}", channels, width, 1, 1)
        shapes[f"depth_head.scratch.layer{level + 1}_rn.weight"] = (features, channels, 3, 3)
        if level != 2:
            side = (4, 2, 0, 3)[level]
            shapes |= layer(f"depth_head.resize_layers.{level}", channels, channels, side, side)
        refine = f"depth_head.scratch.refinenet{level + 1}"
        shapes |= layer(f"{refine}.out_conv", features, features, 1, 1)
        for unit in ("1.conv1", "1.conv2", "2.conv1", "2.conv2"):
            shapes |= layer(f"{refine}.resConfUnit{unit}", features, features, 3, 3)
    return shapes


def layer(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def block_shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    width = a.width
    gated = (4 * width * 2 // 3 + 7) // 8 * 8
    return {
        **layer("norm1", width),
        **layer("norm2", width),
        **layer("attn.qkv", 3 * width, width),
        **layer("attn.proj", width, width),
        "ls1.gamma": (width,),
        "ls2.gamma": (width,),
        **(layer("mlp.w12", 2 * gated, width) if a.gated else layer("mlp.fc1", 4 * width, width)),
        **(layer("mlp.w3", width, gated) if a.gated else layer("mlp.fc2", width, 4 * width)),
    }


def original_state(a: Architecture, seed: int = 0) -> dict[str, Any]:
    """Random weights that let every part of the network be seen in its answer, and keep that above zero."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in original_shapes(a).items():
        inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        values = torch.randn(shape, generator=generator) / max(1, inputs) ** 0.5
        if name.endswith("pos_embed"):
            values = torch.randn(shape, generator=generator)
        elif len(shape) == 1:
            values = 0.2 * values + (1.0 if ("norm" in name and name.endswith("weight")) or "gamma" in name else 0.0)
        state[name] = values
    state["depth_head.scratch.output_conv2.2.weight"] *= 0.3
    state["depth_head.scratch.output_conv2.2.bias"] = torch.tensor([2.0])
    return state


def write_original(path: Path, a: Architecture = TINY, **changed: Any) -> Path:
    """A file in the original's form, ``.pth`` or ``.safetensors``."""
    import torch
    from safetensors.torch import save_file

    state = original_state(a) | changed
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


def write_folder(folder: Path, a: Architecture = TINY) -> Path:
    """The same weights as a folder of transformers, made by converting them."""
    from vas_tool.engines.depth_anything.checkpoints import load_network

    original = folder.with_suffix(".pth")
    write_original(original, a)
    load_network(original, architecture=a).save_pretrained(folder)
    original.unlink()
    return folder


def plain_answer(state: dict[str, Any], pictures: Any, a: Architecture) -> Any:
    """(N, 3, h, w) -> (N, h, w): the original network, said in plain torch with the original's own names."""
    import torch
    from torch.nn import functional as f

    def conv(name: str, x: Any, **how: int) -> Any:
        return f.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **how)

    def norm(name: str, x: Any) -> Any:
        return f.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    def linear(name: str, x: Any) -> Any:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def attention(name: str, x: Any) -> Any:
        count, tokens, width = x.shape
        joint = linear(f"{name}.qkv", x).reshape(count, tokens, 3, a.num_heads, width // a.num_heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        likeness = (query @ key.transpose(-1, -2) / (width // a.num_heads) ** 0.5).softmax(-1)
        return linear(f"{name}.proj", (likeness @ value).transpose(1, 2).reshape(count, tokens, width))

    def forward(name: str, x: Any) -> Any:
        if not a.gated:
            return linear(f"{name}.fc2", f.gelu(linear(f"{name}.fc1", x)))
        gate, up = linear(f"{name}.w12", x).chunk(2, -1)
        return linear(f"{name}.w3", gate * gate.sigmoid() * up)

    def unit(name: str, x: Any) -> Any:
        return x + conv(f"{name}.conv2", conv(f"{name}.conv1", x.relu(), padding=1).relu(), padding=1)

    def stretched(x: Any, size: Any) -> Any:
        return f.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)

    rows, columns = pictures.shape[-2] // 14, pictures.shape[-1] // 14
    patches = conv("pretrained.patch_embed.proj", pictures, stride=14).flatten(2).transpose(1, 2)
    x = torch.cat((state["pretrained.cls_token"].expand(len(pictures), -1, -1), patches), 1)
    x = x + plain_positions(state["pretrained.pos_embed"], rows, columns)
    taps = []
    for index in range(a.num_blocks):
        block = f"pretrained.blocks.{index}"
        x = x + state[f"{block}.ls1.gamma"] * attention(f"{block}.attn", norm(f"{block}.norm1", x))
        x = x + state[f"{block}.ls2.gamma"] * forward(f"{block}.mlp", norm(f"{block}.norm2", x))
        if index in a.taps:
            taps.append(norm("pretrained.norm", x)[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)))

    maps = []
    for level, tap in enumerate(taps):
        x, name = conv(f"depth_head.projects.{level}", tap), f"depth_head.resize_layers.{level}"
        if level < 2:
            stride = (4, 2)[level]
            x = f.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=stride)
        elif level == 3:
            x = conv(name, x, stride=2, padding=1)
        maps.append(conv(f"depth_head.scratch.layer{level + 1}_rn", x, padding=1))

    path = None
    for level in (3, 2, 1, 0):
        refine = f"depth_head.scratch.refinenet{level + 1}"
        path = maps[level] if path is None else path + unit(f"{refine}.resConfUnit1", maps[level])
        path = unit(f"{refine}.resConfUnit2", path)
        size = maps[level - 1].shape[-2:] if level else [2 * side for side in path.shape[-2:]]
        path = conv(f"{refine}.out_conv", stretched(path, size))
    x = stretched(conv("depth_head.scratch.output_conv1", path, padding=1), (14 * rows, 14 * columns))
    x = conv("depth_head.scratch.output_conv2.0", x, padding=1).relu()
    return conv("depth_head.scratch.output_conv2.2", x).relu()[:, 0]


def plain_positions(learnt: Any, rows: int, columns: int) -> Any:
    """(1, 1 + rows * columns, width): the learnt 37 x 37 grid sampled as the original does it, weight by weight."""
    import torch

    if (rows, columns) == (37, 37):
        return learnt
    grid = learnt[0, 1:].reshape(37, 37, -1).double()
    down, across = (torch.from_numpy(cubic_samples(count)) for count in (rows, columns))
    samples = torch.einsum("ri,cj,ijw->rcw", down, across, grid).flatten(0, 1)
    return torch.cat((learnt[:, :1], samples[None].to(learnt.dtype)), 1)


def cubic_samples(count: int, *, offset: float = 0.1) -> np.ndarray:
    """(count, 37): how much of each learnt position a sample takes, by the cubic of a = -0.75; ends repeated."""
    a, weights = -0.75, np.zeros((count, 37))
    for index in range(count):
        place = (index + 0.5) * 37 / (count + offset) - 0.5
        first = int(np.floor(place)) - 1
        for source in range(first, first + 4):
            d = abs(place - source)
            near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
            weights[index, min(max(source, 0), 36)] += near if d <= 1 else far
    return weights
