"""Reads files of tensors safely: pickles with ``weights_only=True``, safetensors as they are.

A model's tensors are in one file, or in several shards with an index that says which shard holds which tensor.
"""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vas_tool.errors import EngineError

Tensors = Mapping[str, Any]
"""Parameter name -> tensor, on the CPU."""

LFS_POINTER = b"version https://git-lfs"
"""First bytes of a git-lfs pointer, which a ``git clone`` without git-lfs leaves in place of weights."""


INDEX = ".index."
"""Part of the name of an index: ``model.safetensors.index.json``, ``model.safetensors.index.fp16.json``."""
PICKLED_STEMS = {"model": "pytorch_model"}
"""Stem of a file -> stem of transformers' pickled file."""


def tensor_names(stem: str, *, half: bool) -> tuple[str, ...]:
    """Return the names of a model's file in a folder of diffusers or transformers, the best first.

    A single file comes before shards, safetensors before pickles. ``half`` returns the names of half precision files.
    """
    names: list[str] = []
    for base, ending in ((stem, ".safetensors"), (PICKLED_STEMS.get(stem, stem), ".bin")):
        if half:
            indices = (f"{base}{ending}.index.fp16.json", f"{base}.fp16{ending}.index.json")
            names += [f"{base}.fp16{ending}", *indices]
        else:
            names += [f"{base}{ending}", f"{base}{ending}.index.json"]
    return tuple(names)


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a ``.safetensors`` file, of a ``torch.save`` file, or of the shards that an index names.

    No code in the files is run. Raises EngineError that names the file when one is missing, truncated, a git-lfs
    pointer, or holds anything else.
    """
    if INDEX in path.name and path.suffix == ".json":
        return _pieces(path)
    content = _safetensors(path) if path.suffix == ".safetensors" else read_pickled(path)
    import torch

    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise EngineError(f"{path} does not hold a plain table of tensors; get the released file")
    return content


def _pieces(index: Path) -> Tensors:
    """Return all tensors of the shards beside an index, each from the shard that the index names."""
    pieces: dict[str, list[str]] = {}
    for tensor, piece in _table_of(index).items():
        pieces.setdefault(piece, []).append(tensor)
    found: dict[str, Any] = {}
    for piece, names in sorted(pieces.items()):
        path = index.with_name(piece)
        if not path.is_file():
            raise EngineError(f"{index} names {piece}, which is missing beside it; finish the copy, or get it again")
        tensors = read_tensors(path)
        lacking = [name for name in names if name not in tensors]
        if lacking:
            raise EngineError(f"{path} lacks {len(lacking)} tensors that {index.name} says it has (first {lacking[0]})")
        found |= {name: tensors[name] for name in names}
    return found


def _table_of(index: Path) -> dict[str, str]:
    """Return the name of each tensor -> the file name of its shard."""
    try:
        table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        if not table or any(Path(piece).name != piece for piece in table.values()):
            raise ValueError("it names no files beside it")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise EngineError(f"{index} does not read as an index of weights ({error}); get it again") from error
    return dict(table)


def _safetensors(path: Path) -> object:
    _check_file(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise EngineError(_damaged(path)) from error


def read_pickled(path: Path) -> object:
    """Return the content of a ``torch.save`` file: tensors, numbers, text and plain containers, on the CPU.

    No code in the file is run. Raises EngineError that names the file when it is missing, truncated, a git-lfs pointer,
    or holds anything else.
    """
    _check_file(path)
    import torch

    try:
        with warnings.catch_warnings():
            # A warning about the pickle's protocol; errors in the file are reported below.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EngineError(f"{path} is no file of weights, or one that holds more than weights") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise EngineError(_damaged(path)) from error
    return content


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise EngineError(f"{path} does not exist; check where your weights are")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise EngineError(f"{path} is a git-lfs pointer, not the weights; run `git lfs pull` in its folder")


def _damaged(path: Path) -> str:
    return f"{path} ({path.stat().st_size} bytes) is damaged or was not downloaded to its end; remove it, get it again"
