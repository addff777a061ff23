"""The UNet: diffusers' UNet of Stable Video Diffusion, with twelve input channels and a token for each frame.

The released code differs from diffusers' network in two ways: ``conv_in2`` (12 channels) replaces ``conv_in``, and
cross-attention uses one CLIP token per frame, where diffusers repeats a single token over all frames. The second uses
diffusers' attention processors; no part of the network is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0

INPUT_CHANNELS = 12
"""Channels of the input: four of the noisy latents, four of each condition."""
LATENT_CHANNELS = 4
TEMPORAL = ".temporal_transformer_blocks."
CROSS_ATTENTION = ".attn2.processor"

State = Mapping[str, torch.Tensor]


@dataclass
class Tokens:
    """The tokens of the cross-attentions during one call of the UNet."""

    values: torch.Tensor | None = None
    """(B, T, K, D) the K tokens that each frame of each sample sees."""


@dataclass(frozen=True)
class TokenAttention:
    """Cross-attention to the tokens in ``tokens``, independent of what diffusers' network passes.

    With a single token the softmax is 1, so the attention is ``to_out(to_v(token))``: one row for all pixels of a
    frame.
    """

    tokens: Tokens
    is_temporal: bool
    stock: AttnProcessor2_0

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: object
    ) -> torch.Tensor:
        """Return the attention for (B T, h w, C), or for (B h w, T, C) in a temporal block, which uses frame 0's
        tokens.
        """
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
        """Wrap diffusers' network, which has ``INPUT_CHANNELS`` input channels. Its cross-attentions are replaced."""
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

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights."""
        return self.stock.dtype

    def __call__(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        *,
        tokens: torch.Tensor,
        added_time_ids: torch.Tensor,
        keeps_tokens: bool = False,
    ) -> torch.Tensor:
        """Return the velocity (B, T, 4, h, w) of ``sample`` (B, T, 12, h, w) with ``tokens`` (B, T, K, D).

        ``timestep`` is 0.25 ln(sigma). ``added_time_ids`` is (B, 3): rate, motion and noise.

        ``keeps_tokens``: for training, where the backward pass may compute parts of the network again.
        """
        self._tokens.values = tokens
        try:
            unused = tokens[:, 0, :1]  # (B, 1, D): diffusers' network repeats it, and our processors do not read it
            return self.stock(sample, timestep, unused, added_time_ids, return_dict=False)[0]
        finally:
            if not keeps_tokens:
                self._tokens.values = None


def stock_state(state: State) -> dict[str, torch.Tensor]:
    """Return the released state with diffusers' names: ``conv_in2`` replaces the unused ``conv_in``."""
    kept = {key: value for key, value in state.items() if not key.startswith("conv_in.")}
    return {
        key.replace("conv_in2.", "conv_in.", 1) if key.startswith("conv_in2.") else key: v for key, v in kept.items()
    }
