"""The part of the model that is tuned: low-rank additions to its attentions, by peft."""

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
    """In place; all else is frozen, and the dropout is off.

    Names stay those of the plain model, with ``lora_A`` and ``lora_B`` behind.
    """
    inject_adapter_in_model(
        LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=DROPOUT, bias="none", target_modules=layers), model
    )
    set_dropout(model, on=False)


def factors(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """All that is tuned, by name."""
    return ((name, parameter) for name, parameter in model.named_parameters() if ".lora_" in name)


def reset(model: nn.Module, random_state: torch.Generator) -> None:
    """As untuned: the first factors as peft draws them, the second ones 0."""
    for name, parameter in factors(model):
        if ".lora_A." in name:
            drawn = torch.empty(parameter.shape)
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=random_state)
            parameter.data.copy_(drawn)
        else:
            parameter.data.zero_()


def state_of(model: nn.Module) -> State:
    """Copies of all that is tuned, float32, on the CPU."""
    return {name: parameter.detach().float().cpu().clone() for name, parameter in factors(model)}


def restore(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Raises KeyError when the state is of another model."""
    for name, parameter in factors(model):
        parameter.data.copy_(state[name])


def set_dropout(model: nn.Module, *, on: bool) -> None:
    """Of the additions alone: nothing else in the model drops anything."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            dropouts: Any = module.lora_dropout
            dropouts.train(on)
