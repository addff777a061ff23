"""The UNet in training: diffusers' UNet, in which the temporal blocks and the input convolution are trained.

The released code calls the twelve-channel convolution ``conv_in2`` and keeps Stable Video Diffusion's ``conv_in``
beside it, frozen and unused; here the stock ``conv_in`` has twelve channels, and files have the released names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vas_tool.engines.diffusion_vas import conditioning
from vas_tool.engines.diffusion_vas.loading import DIFFUSERS_FILE, filled_unet, weights_file
from vas_tool.engines.diffusion_vas.unet import INPUT_CHANNELS, DiffusionVasUNet
from vas_tool.engines.tensors import read_tensors
from vas_tool.errors import EngineError
from vas_tool.training.diffusion_vas.recipe import Recipe

TEMPORAL, INPUT, OWN_INPUT = "temporal_transformer_block", "conv_in.", "conv_in2."
STOCK_CHANNELS = 8

State = Mapping[str, Tensor]


class TrainedUnet(nn.Module):
    """Diffusers' UNet with a choice of token layout. Only trained parameters have gradients."""

    def __init__(self, stock: Any, original: State, recipe: Recipe) -> None:
        """``original`` holds weight and bias of the checkpoint's ``conv_in``, which the written files contain."""
        super().__init__()
        self.stock, self.recipe = stock, recipe
        self.original = {name: value.detach().clone() for name, value in original.items()}
        self._own: DiffusionVasUNet | None = None
        if recipe.tokens != "all_tokens":
            self._own = DiffusionVasUNet(stock)
        if recipe.gradient_checkpointing:
            stock.enable_gradient_checkpointing()
        for name, parameter in stock.named_parameters():
            parameter.requires_grad_(learns(name))

    def forward(self, sample: Tensor, timestep: Tensor, *, tokens: Tensor, added_time_ids: Tensor) -> Tensor:
        """Return the velocity (1, T, 4, h, w) for latents (1, T, C, h, w) and ``tokens`` (1, T, D).

        With ``all_tokens`` the stock network does by itself what the released training does: it repeats the T tokens
        for every frame, so that spatial and temporal attention alike see all of them.
        """
        if self._own is None:
            answer: Tensor = self.stock(sample, timestep, tokens, added_time_ids, return_dict=False)[0]
            return answer
        laid_out = conditioning.tokens(tokens[0], layout=self.recipe.tokens, is_guided=True)[1:]
        return self._own(sample, timestep, tokens=laid_out, added_time_ids=added_time_ids, keeps_tokens=True)

    def learning(self) -> dict[str, nn.Parameter]:
        """Return released name -> trained parameter, in the order of the network."""
        named = ((name, p) for name, p in self.stock.named_parameters() if p.requires_grad)
        return {self.released_name(name): parameter for name, parameter in named}

    def released_name(self, name: str) -> str:
        """Return the name in the released files of a parameter of diffusers' UNet."""
        is_input = name.startswith(INPUT) and self.recipe.conditions == "both"
        return name.replace(INPUT, OWN_INPUT, 1) if is_input else name

    def released_state(self) -> dict[str, Tensor]:
        """Return released name -> detached tensor, on its device, with the checkpoint's ``conv_in``."""
        state = {self.released_name(name): value.detach() for name, value in self.stock.state_dict().items()}
        return {**self.original, **state} if self.recipe.conditions == "both" else state

    def load_released(self, state: State) -> None:
        """Load what ``released_state`` returned. Raises EngineError when it does not fit."""
        names = {self.released_name(name): name for name in self.stock.state_dict()}
        try:
            self.stock.load_state_dict({names[name]: value for name, value in state.items() if name in names})
        except RuntimeError as error:
            words = " ".join(str(error).split())[:200]
            raise EngineError(f"the checkpoint does not fit this network ({words}); choose another --out") from error

    @contextmanager
    def as_engine(self) -> Iterator[DiffusionVasUNet]:
        """Within it, the network is in the form that the engine runs."""
        processors = dict(self.stock.attn_processors)
        norms = [m.norm2 for m in self.stock.modules() if getattr(m, "attn2", None) is not None]
        forwards = [vars(norm).get("forward") for norm in norms]
        was_training = self.stock.training
        try:
            yield DiffusionVasUNet(self.stock.eval())
        finally:
            self.stock.set_attn_processor(processors)
            for norm, forward in zip(norms, forwards, strict=True):
                vars(norm).pop("forward", None)
                vars(norm).update({"forward": forward} if forward else {})
            self.stock.train(was_training)


def learns(name: str) -> bool:
    """Return whether a parameter is trained: those of the temporal transformer blocks and of the input convolution
    are.
    """
    return TEMPORAL in name or name.startswith(INPUT)


def load_network(folder: Path, recipe: Recipe) -> TrainedUnet:
    """Return the network of a checkpoint's folder (Stable Video Diffusion's, or our own) in float32.

    The released scripts read the half precision file; here the full one is read where both are there. Raises
    EngineError for folders that are no such checkpoint.
    """
    path = weights_file(folder / "unet", DIFFUSERS_FILE, dtype=torch.float32)
    state = dict(read_tensors(path))
    if not any(f"{name}weight" in state for name in (INPUT, OWN_INPUT)):
        raise EngineError(
            f"{path} has neither conv_in nor conv_in2; name the folder of a UNet of Stable Video Diffusion"
        )
    original = {name: value.float() for name, value in state.items() if name.startswith(INPUT)}
    stock = {name: value for name, value in state.items() if not name.startswith((INPUT, OWN_INPUT))}
    stock |= _input(state, recipe)
    network = filled_unet(folder / "unet", stock, path, dtype=torch.float32, num_channels=recipe.input_channels)
    if recipe.frozen_half:
        halve_frozen(network)
    return TrainedUnet(network.train(), original, recipe)


def _input(state: State, recipe: Recipe) -> dict[str, Tensor]:
    """Return the initial input convolution, by the names of diffusers' UNet."""
    if recipe.conditions == "both" and recipe.input_convolution == "keep" and f"{OWN_INPUT}weight" in state:
        return {f"{INPUT}{part}": state[f"{OWN_INPUT}{part}"] for part in ("weight", "bias")}
    if f"{INPUT}weight" not in state:
        raise EngineError("the checkpoint has no conv_in to begin with; say input_convolution=keep, or another --from")
    weight, bias = state[f"{INPUT}weight"], state[f"{INPUT}bias"]
    if recipe.conditions == "first":
        return {f"{INPUT}weight": weight, f"{INPUT}bias": bias}
    wide = weight.new_zeros(weight.shape[0], INPUT_CHANNELS, *weight.shape[2:])
    wide[:, :STOCK_CHANNELS] = weight
    return {f"{INPUT}weight": wide, f"{INPUT}bias": bias}


def halve_frozen(network: Any) -> None:
    """Convert parameters that are not trained to half precision. Norms stay in float32, because autocast does not
    convert their inputs.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d):
            for name, parameter in module.named_parameters(recurse=False):
                full = f"{_path_of(network, module)}.{name}"
                if not learns(full):
                    parameter.data = parameter.data.half()


def _path_of(network: Any, module: nn.Module) -> str:
    names = {id(other): str(name) for name, other in network.named_modules()}
    return names[id(module)]
