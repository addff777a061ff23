"""Files of tensors, read without trusting them: ``weights_only=True`` for pickles, safetensors as they are.

A model's tensors are one file, or several pieces ("shards") with an index that says which piece holds which tensor.
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
"""How a file begins that a ``git clone`` without git-lfs leaves in a weight's place."""


INDEX = ".index."
"""In the name of an index: ``model.safetensors.index.json``, ``model.safetensors.index.fp16.json``."""
PICKLED_STEMS = {"model": "pytorch_model"}
"""transformers calls its pickled files otherwise."""


def tensor_names(stem: str, *, half: bool) -> tuple[str, ...]:
    """The names that a model's tensors go by in a folder of diffusers or transformers, the best first.

    Whole before in pieces, safetensors before pickled. ``half``: those of half precision.
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
    """The tensors in a ``.safetensors`` file, in what ``torch.save`` wrote, or in the pieces that an index names.

    Runs nothing that the files hold. Raises EngineError, naming the file, when one is missing, cut short, a git-lfs
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
    """All tensors of the pieces beside an index, each from the piece that it is said to lie in."""
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
    """Name of a tensor -> the file name of the piece that holds it."""
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
    """What ``torch.save`` wrote: tensors, numbers, text and plain containers of them, on the CPU.

    Runs nothing that the file holds. Raises EngineError, naming the file, when it is missing, cut short, a git-lfs
    pointer, or holds anything else.
    """
    _check_file(path)
    import torch

    try:
        with warnings.catch_warnings():
            # About a pickle's age: what is wrong with the file is said below.
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
