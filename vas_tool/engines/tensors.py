"""Files of tensors, read without trusting them: ``weights_only=True`` for pickles, safetensors as they are."""

from __future__ import annotations

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


def read_tensors(path: Path) -> Tensors:
    """The tensors in a ``.safetensors`` file, or in what ``torch.save`` wrote. Runs nothing that the file holds.

    Raises EngineError, naming the file, when it is missing, cut short, a git-lfs pointer, or holds anything else.
    """
    if not path.is_file():
        raise EngineError(f"{path} does not exist; check where your weights are")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise EngineError(f"{path} is a git-lfs pointer, not the weights; run `git lfs pull` in its folder")
    content = _safetensors(path) if path.suffix == ".safetensors" else _pickle(path)
    import torch

    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise EngineError(f"{path} does not hold a plain table of tensors; get the released file")
    return content


def _safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise EngineError(_damaged(path)) from error


def _pickle(path: Path) -> object:
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


def _damaged(path: Path) -> str:
    return f"{path} ({path.stat().st_size} bytes) is damaged or was not downloaded to its end; remove it, get it again"
