"""The tuned part of the model: low-rank additions to its attentions, by peft."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

UNET_LAYERS = ["to_q", "to_k", "to_v", "to_out.0"]
TEXT_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj"]
RANK, ALPHA, DROPOUT = 8, 16, 0.1

State = dict[str, Tensor]


def add_lora(model: nn.Module, layers: list[str]) -> None:
    """Add the low-rank layers in place. Everything else is frozen, and the dropout is off.

    Names are those of the plain model with the suffixes ``lora_A`` and ``lora_B``.
    """
    inject_adapter_in_model(
        LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=DROPOUT, bias="none", target_modules=layers), model
    )
    set_dropout(model, on=False)


def factors(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield all tuned parameters with their names."""
    return ((name, parameter) for name, parameter in model.named_parameters() if ".lora_" in name)


def reset(model: nn.Module, random_state: torch.Generator) -> None:
    """Reset the tuned parameters: the first factors as peft draws them, the second factors 0."""
    for name, parameter in factors(model):
        if ".lora_A." in name:
            drawn = torch.empty(parameter.shape)
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=random_state)
            parameter.data.copy_(drawn)
        else:
            parameter.data.zero_()


def state_of(model: nn.Module) -> State:
    """Return copies of all tuned parameters, float32, on the CPU."""
    return {name: parameter.detach().float().cpu().clone() for name, parameter in factors(model)}


def restore(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load the tuned parameters. Raises KeyError when the state is of another model."""
    for name, parameter in factors(model):
        parameter.data.copy_(state[name])


def set_dropout(model: nn.Module, *, on: bool) -> None:
    """Turn the dropout of the low-rank layers on or off. The model has no other dropout."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            dropouts: Any = module.lora_dropout
            dropouts.train(on)
