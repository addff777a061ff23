"""CoCoCo's motion modules, which relate several frames. One follows each spatial block of the network.

A module has two attentions over the frames of each pixel, one over all frames and places of a reduced picture, and one
to the text. AnimateDiff's classes are similar and cannot be used: their norm covers all frames, and they have two
attentions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

NUM_HEADS = 8
MOST_FRAMES, MOST_TOKENS = 64, 10_000
"""Rows of the tables of positions: over frames, and over all tokens of the reduced pictures."""
SMALL_HEIGHT = 12
"""Largest height of the reduced pictures, in latents."""


@dataclass
class Surroundings:
    """The inputs of a call of the network that a motion module needs beside its features."""

    num_frames: int = 0
    text: Tensor | None = None
    """(B, K, D) text tokens of each sample."""
    checkpointing: bool = False
    """Whether the backward pass computes the inside again instead of keeping it."""


class Attention(nn.Module):
    """Multi-head attention with the names of the checkpoint. Its callers add the positions."""

    def __init__(self, width: int, memory_width: int, num_positions: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(memory_width, width, bias=False)
        self.to_v = nn.Linear(memory_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.pos_encoder = SinusoidalPositionalEmbedding(width, num_positions)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """Return (N, n, C) for (N, n, C) tokens that attend to (N, m, D) memory."""
        query, key, value = (_heads(part) for part in (self.to_q(tokens), self.to_k(memory), self.to_v(memory)))
        found = functional.scaled_dot_product_attention(query, key, value)
        answer: Tensor = self.to_out[0](found.transpose(1, 2).flatten(2))
        return answer


class FramesAttention(Attention):
    """Attention over the frames at each place."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, MOST_FRAMES)

    def attend(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """(B, F, P, C) -> the same shape."""
        batch = features.shape[0]
        tokens = self.pos_encoder(features.transpose(1, 2).flatten(0, 1))
        return self(tokens, tokens).unflatten(0, (batch, -1)).transpose(1, 2)


class PlacesAttention(Attention):
    """Attention over all frames and places. Pictures that are too high are reduced first."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, MOST_TOKENS)

    def attend(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """Return (B, F, P, C) for features of that shape. As in the reference, the height alone decides whether they
        are reduced.
        """
        num_frames = features.shape[1]
        small_hw = small_size(size_hw)
        tokens = self.pos_encoder(_resized(features, size_hw, small_hw).flatten(1, 2))
        found = self(tokens, tokens).unflatten(1, (num_frames, -1))
        return _resized(found, small_hw, size_hw)


class TextAttention(Attention):
    """Attention to the text. Its keys and values are the same at every place; the reference computes them for each."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__(width, text_width, MOST_FRAMES)

    def attend(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """Return (B, F, P, C) for features of that shape and (B, K, D) text tokens."""
        num_frames = features.shape[1]
        placed = features + self.pos_encoder.pe[0, :num_frames, None]
        return self(placed.flatten(1, 2), text).unflatten(1, (num_frames, -1))


class MotionBlock(nn.Module):
    """Four attentions and a feed-forward net, each after its own norm."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(
            [FramesAttention(width), FramesAttention(width), PlacesAttention(width), TextAttention(width, text_width)]
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.attention_blocks)
        self.ff = FeedForward(width, activation_fn="geglu")
        self.ff_norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """(B, F, P, C) -> the same shape."""
        for attention, norm in zip(self.attention_blocks, self.norms, strict=True):
            features = features + attention.attend(norm(features), size_hw, text)
        return features + self.ff(self.ff_norm(features))


class TemporalTransformer(nn.Module):
    """The body of a motion module: (B F, C, h, w) -> the same shape, added to its input."""

    def __init__(self, width: int, text_width: int, num_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(num_groups, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([MotionBlock(width, text_width)])
        self.proj_out = nn.Linear(width, width)

    def forward(self, features: Tensor, num_frames: int, text: Tensor) -> Tensor:
        """Return (B F, C, h, w) for features of that shape and (B, K, D) text tokens."""
        size_hw = (features.shape[2], features.shape[3])
        tokens = self.proj_in(self.norm(features).flatten(2).transpose(1, 2)).unflatten(0, (-1, num_frames))
        for block in self.transformer_blocks:
            tokens = block(tokens, size_hw, text)
        changed: Tensor = self.proj_out(tokens.flatten(0, 1)).transpose(1, 2).unflatten(2, size_hw)
        return changed + features


class MotionModule(nn.Module):
    """A motion module of the network."""

    def __init__(self, width: int, text_width: int, num_groups: int) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(width, text_width, num_groups)

    def forward(self, features: Tensor, around: Surroundings) -> Tensor:
        """Return (B F, C, h, w) for features of that shape."""
        inner: Any = self.temporal_transformer
        if around.checkpointing and torch.is_grad_enabled():
            repeated: Tensor = checkpoint(inner, features, around.num_frames, around.text, use_reentrant=False)
            return repeated
        changed: Tensor = inner(features, around.num_frames, around.text)
        return changed


def small_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of the reduced pictures."""
    height, width = size_hw
    return (SMALL_HEIGHT, int(SMALL_HEIGHT / height * width)) if height > SMALL_HEIGHT else size_hw


def _resized(features: Tensor, size_hw: tuple[int, int], target_hw: tuple[int, int]) -> Tensor:
    """Return (B, F, h w, C) features at another size, (B, F, h' w', C), by nearest neighbour."""
    if target_hw == size_hw:
        return features
    batch = features.shape[0]
    pictures = features.flatten(0, 1).transpose(1, 2).unflatten(2, size_hw)
    resized = functional.interpolate(pictures, size=target_hw, mode="nearest")
    return resized.flatten(2).transpose(1, 2).unflatten(0, (batch, -1))


def _heads(tokens: Tensor) -> Tensor:
    """Return (N, n, C) as (N, heads, n, C / heads)."""
    return tokens.unflatten(2, (NUM_HEADS, -1)).transpose(1, 2)
