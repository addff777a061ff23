"""Reads a model from a folder of transformers. Files are not trusted: only safetensors are read, never a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vas_tool.engines.weights import WeightsFolder
from vas_tool.errors import EngineError


def load_model(model_class: str, folder: Path, weights: WeightsFolder) -> Any:
    """Return a model on the CPU, in float32, from the ``config.json`` and ``model.safetensors`` of ``folder``.

    Raises EngineError that names the folder when a file is missing or damaged, or when the weights do not fit.
    """
    import transformers

    lacking = weights.missing_in(folder)
    if lacking:
        raise EngineError(f"{folder} lacks {', '.join(part.name for part in lacking)}; get it with: {weights.get}")
    try:
        with quiet():
            model, found = getattr(transformers, model_class).from_pretrained(
                folder, output_loading_info=True, local_files_only=True, use_safetensors=True, dtype="float32"
            )
    except Exception as error:  # any part of the reader can be the first to reject a file
        raise EngineError(_unreadable(folder, weights, " ".join(str(error).split())[:300])) from error
    missing = sorted(found["missing_keys"])
    if missing:
        said = f"{len(missing)} tensors are missing (first {missing[0]})"
        raise EngineError(_unreadable(folder, weights, said))
    return model.eval().requires_grad_(False)


def _unreadable(folder: Path, weights: WeightsFolder, said: str) -> str:
    return f"{folder} does not hold the weights of {weights.name}: {said}; remove it and get it again: {weights.get}"


@contextmanager
def quiet() -> Iterator[None]:
    """Turn off transformers' progress bar and report in the block. Errors are still raised."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
