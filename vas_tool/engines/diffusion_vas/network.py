"""The UNet: diffusers' own of Stable Video Diffusion, with twelve input channels and a token for each frame.

The released code differs from the stock network in two ways: ``conv_in2`` (12 channels) in the place of ``conv_in``,
and cross-attention to one CLIP token a frame, where the stock one repeats a single token over all frames. The second
is done by diffusers' own means, attention processors; no part of the network is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0

from vas_tool.engines.diffusion_vas.shortcuts import skip_norms

INPUT_CHANNELS = 12
"""Four of the noisy latents, four of each condition."""
LATENT_CHANNELS = 4
TEMPORAL = ".temporal_transformer_blocks."
CROSS_ATTENTION = ".attn2.processor"

State = Mapping[str, torch.Tensor]


@dataclass
class Tokens:
    """What the cross-attentions look at during one call of the UNet."""

    values: torch.Tensor | None = None
    """(B, T, K, D): the K tokens that each frame of each sample sees."""

    @property
    def are_single(self) -> bool:
        """Whether each frame sees only one."""
        return self.values is not None and self.values.shape[2] == 1


@dataclass(frozen=True)
class TokenAttention:
    """Cross-attention to the tokens in ``tokens``, whatever the stock network hands over.

    With a single token its softmax is 1, so the attention is ``to_out(to_v(token))``, one row for all pixels of a
    frame.
    """

    tokens: Tokens
    is_temporal: bool
    stock: AttnProcessor2_0

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: object
    ) -> torch.Tensor:
        """``hidden_states``: (B T, h w, C), or (B h w, T, C) in a temporal block (of the first frame's tokens)."""
        values = self.tokens.values
        assert values is not None
        rows = values[:, 0] if self.is_temporal else values.flatten(0, 1)  # (B, K, D) or (B T, K, D)
        num_repeats = hidden_states.shape[0] // rows.shape[0]  # h w in a temporal block, else 1
        if rows.shape[1] == 1:
            return attn.to_out[0](attn.to_v(rows)).repeat_interleave(num_repeats, dim=0)  # (.., 1, C): broadcast
        return self.stock(attn, hidden_states, encoder_hidden_states=rows.repeat_interleave(num_repeats, dim=0))


class DiffusionVasUNet:
    """The network of both stages."""

    def __init__(self, stock: UNetSpatioTemporalConditionModel) -> None:
        """``stock`` has ``INPUT_CHANNELS`` input channels; its cross-attentions are set to the frames' tokens."""
        self.stock = stock
        self._tokens = Tokens()
        self._redirect()

    def _redirect(self) -> None:
        processors = {
            name: TokenAttention(self._tokens, is_temporal=TEMPORAL in name, stock=AttnProcessor2_0())
            if name.endswith(CROSS_ATTENTION)
            else processor
            for name, processor in self.stock.attn_processors.items()
        }
        self.stock.set_attn_processor(processors)
        skip_norms(self.stock, lambda: self._tokens.are_single)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.stock.dtype

    def __call__(
        self, sample: torch.Tensor, timestep: torch.Tensor, *, tokens: torch.Tensor, added_time_ids: torch.Tensor
    ) -> torch.Tensor:
        """The velocity, (B, T, 4, h, w), of ``sample`` (B, T, 12, h, w) with ``tokens`` (B, T, K, D).

        ``timestep``: 0.25 ln(sigma). ``added_time_ids``: (B, 3), rate, motion and noise.
        """
        self._tokens.values = tokens
        try:
            unused = tokens[:, 0, :1]  # (B, 1, D): what the stock network repeats, and the processors do not read
            return self.stock(sample, timestep, unused, added_time_ids, return_dict=False)[0]
        finally:
            self._tokens.values = None


def stock_state(state: State) -> dict[str, torch.Tensor]:
    """The released state with the stock network's names: ``conv_in2`` becomes ``conv_in``, whose own is not used."""
    kept = {key: value for key, value in state.items() if not key.startswith("conv_in.")}
    return {
        key.replace("conv_in2.", "conv_in.", 1) if key.startswith("conv_in2.") else key: v for key, v in kept.items()
    }
