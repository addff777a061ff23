"""EoRaS with few channels and random weights."""

from functools import cache
from pathlib import Path

import torch

from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.eoras.options import EorasOptions

TINY = EorasOptions(
    d_model=16,
    num_layers=1,
    num_slots=3,
    feedforward=32,
    feature_channels=8,
    blocks=(1, 1, 1, 1),
    decoder_channels=(8, 4),
)


@cache
def tiny_network(options: EorasOptions = TINY, seed: int = 0) -> EorasNetwork:
    """The same weights on every machine of one torch version."""
    torch.manual_seed(seed)
    return EorasNetwork(options).eval()


def write_released(path: Path, network: EorasNetwork) -> None:
    """As the reference's training writes it."""
    model = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    group = {"lr": 1e-5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 5e-4, "amsgrad": False, "params": []}
    optimiser = {"state": {}, "param_groups": [group]}
    torch.save({"epoch": 50, "model": model, "optim": optimiser, "scheduler": {"gamma": 1.0}, "iters": 1}, path)
