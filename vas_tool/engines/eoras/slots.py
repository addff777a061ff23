"""Object slots that are carried from frame to frame, updated by the bird's-eye view, then by the front features."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from vas_tool.engines.eoras.options import EorasOptions

GRID_SIDE = 16
"""Number of rows, and of columns, of a frame's tokens."""

BASE = 10000.0
"""Base of the wavelengths of the fixed position embeddings."""


class PositionedLayer(nn.TransformerDecoderLayer):
    """A post-norm decoder layer in which positions are added to queries and keys, never to values (as in DETR)."""

    def forward(self, tokens: Tensor, memory: Tensor, *, position: Tensor, memory_position: Tensor) -> Tensor:
        """Return the updated tokens (B, n, d) for tokens (B, n, d) that attend to memory (B, m, d)."""
        placed = tokens + position
        attended = self.self_attn(placed, placed, tokens, need_weights=False)[0]
        tokens = self.norm1(tokens + self.dropout1(attended))
        keys = memory + memory_position
        attended = self.multihead_attn(tokens + position, keys, memory, need_weights=False)[0]
        tokens = self.norm2(tokens + self.dropout2(attended))
        widened = self.linear2(self.dropout(self.linear1(tokens).relu()))
        return cast(Tensor, self.norm3(tokens + self.dropout3(widened)))


class PositionedDecoder(nn.Module):
    """A sequence of decoder layers without a final norm. Before training, all layers are copies of one."""

    def __init__(self, options: EorasOptions) -> None:
        super().__init__()
        width, heads = options.d_model, options.num_heads
        layer = PositionedLayer(width, heads, options.feedforward, batch_first=True)
        self.layers = nn.ModuleList(deepcopy(layer) for _ in range(options.num_layers))

    def forward(self, tokens: Tensor, memory: Tensor, *, position: Tensor, memory_position: Tensor) -> Tensor:
        """Return the updated tokens (B, n, d) for tokens (B, n, d) that attend to memory (B, m, d)."""
        for layer in self.layers:
            tokens = layer(tokens, memory, position=position, memory_position=memory_position)
        return tokens


def sin_cos(count: int, width: int) -> Tensor:
    """Return (1, count, width) float32: sin(i / 10000 ** (2j / width)) in even columns, the cosine in odd ones."""
    wavelengths = torch.tensor([math.pow(BASE, j / width) for j in range(0, width, 2)], dtype=torch.float64)
    angles = torch.arange(count, dtype=torch.float64)[:, None] / wavelengths
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1).float()[None]


def position_table(options: EorasOptions, count: int) -> nn.Parameter | nn.Embedding:
    """Return position embeddings in the form of the checkpoints: a parameter without gradient when fixed, an embedding
    when learned.
    """
    if options.positions == "sincos":
        return nn.Parameter(sin_cos(count, options.d_model), requires_grad=False)
    return nn.Embedding(count, options.d_model)


def positions_in(table: nn.Parameter | nn.Embedding) -> Tensor:
    """Return the (1, count, d) embeddings of a table."""
    return table.weight[None] if isinstance(table, nn.Embedding) else table
