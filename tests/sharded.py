"""A file of weights cut into pieces, as diffusers and transformers write large ones."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

NUM_PIECES = 3


def shard(whole: Path, index: Path) -> list[Path]:
    """The pieces of a safetensors file, which is removed, beside ``index``; pickled when its name says ``.bin``."""
    state, ending = load_file(whole), ".bin" if ".bin" in index.name else ".safetensors"
    names = sorted(state)
    table: dict[str, str] = {}
    paths = [index.with_name(f"piece-0000{n}-of-0000{NUM_PIECES}{ending}") for n in range(NUM_PIECES)]
    for number, path in enumerate(paths):
        part = {name: state[name] for name in names[number::NUM_PIECES]}
        torch.save(part, path) if ending == ".bin" else save_file(part, path)
        table |= dict.fromkeys(part, path.name)
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": table}))
    whole.unlink()
    return paths
