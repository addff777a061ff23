"""Object slots that are carried from frame to frame, updated by the bird's-eye view, then by the front features."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from vas_tool.engines.eoras.options import EorasOptions

GRID_SIDE = 16
"""Rows and columns of the tokens of a frame, row-major."""

BASE = 10000.0
"""Of the wavelengths of the fixed positions."""


class PositionedLayer(nn.TransformerDecoderLayer):
    """A post-norm decoder layer in which positions are added to queries and keys, never to values (as in DETR)."""

    def forward(self, tokens: Tensor, memory: Tensor, *, position: Tensor, memory_position: Tensor) -> Tensor:
        """(B, n, d), (B, m, d) -> (B, n, d)."""
        placed = tokens + position
        attended = self.self_attn(placed, placed, tokens, need_weights=False)[0]
        tokens = self.norm1(tokens + self.dropout1(attended))
        keys = memory + memory_position
        attended = self.multihead_attn(tokens + position, keys, memory, need_weights=False)[0]
        tokens = self.norm2(tokens + self.dropout2(attended))
        widened = self.linear2(self.dropout(self.linear1(tokens).relu()))
        return cast(Tensor, self.norm3(tokens + self.dropout3(widened)))


class PositionedDecoder(nn.Module):
    """Layers one after the other, without a norm at the end. Untrained, they are copies of one layer."""

    def __init__(self, options: EorasOptions) -> None:
        super().__init__()
        width, heads = options.d_model, options.num_heads
        layer = PositionedLayer(width, heads, options.feedforward, batch_first=True)
        self.layers = nn.ModuleList(deepcopy(layer) for _ in range(options.num_layers))

    def forward(self, tokens: Tensor, memory: Tensor, *, position: Tensor, memory_position: Tensor) -> Tensor:
        """(B, n, d), (B, m, d) -> (B, n, d)."""
        for layer in self.layers:
            tokens = layer(tokens, memory, position=position, memory_position=memory_position)
        return tokens


def sin_cos(count: int, width: int) -> Tensor:
    """(1, count, width) float32: even columns sin(i / 10000 ** (2j / width)), odd ones the cosine."""
    wavelengths = torch.tensor([math.pow(BASE, j / width) for j in range(0, width, 2)], dtype=torch.float64)
    angles = torch.arange(count, dtype=torch.float64)[:, None] / wavelengths
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1).float()[None]


def position_table(options: EorasOptions, count: int) -> nn.Parameter | nn.Embedding:
    """Fixed positions are a parameter without gradient, learned ones an embedding, as in the checkpoints."""
    if options.positions == "sincos":
        return nn.Parameter(sin_cos(count, options.d_model), requires_grad=False)
    return nn.Embedding(count, options.d_model)


def positions_in(table: nn.Parameter | nn.Embedding) -> Tensor:
    """(1, count, d)."""
    return table.weight[None] if isinstance(table, nn.Embedding) else table
