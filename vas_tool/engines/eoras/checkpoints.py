"""Checkpoints in the released format: ``checkpoint-%04d.pth.gz``, a zip of torch in spite of its name.

{"epoch", "model": {"module.<key>": tensor}, "optim", "scheduler", "iters"}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.eoras.options import Tilt, options_of
from vas_tool.engines.tensors import read_pickled
from vas_tool.errors import EngineError

PREFIX = "module."
"""DistributedDataParallel puts this before the name of every weight."""


def load_network(path: Path, *, tilt: Tilt = "none") -> EorasNetwork:
    """Return a network with the weights of a checkpoint, on the CPU, in evaluation mode.

    Its sizes are read from the weights. Nothing in the file is run. Raises EngineError, naming the file.
    """
    tensors = model_tensors(read_pickled(path), path)
    network = EorasNetwork(options_of({name: tuple(t.shape) for name, t in tensors.items()}, tilt=tilt))
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise EngineError(
            f"{path} does not fit the network of EoRaS ({_first_line(error)}); name another file"
        ) from error
    network.eval()
    return network


def model_tensors(content: object, path: Path) -> Mapping[str, Any]:
    """Return name -> tensor of a loaded checkpoint's model, without ``PREFIX``. Raises EngineError for any other
    content.
    """
    import torch

    model = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(model, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in model.values()):
        raise EngineError(f"{path} holds no 'model' of EoRaS; name a checkpoint-NNNN.pth.gz of its training")
    return {str(name).removeprefix(PREFIX): tensor for name, tensor in model.items()}


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
