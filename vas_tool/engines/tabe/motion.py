"""CoCoCo's motion modules: what looks at several frames at once, behind each spatial block of the network.

Two attentions over the frames of each pixel, one over all frames and places of a small picture, one to the text. They
resemble AnimateDiff's, whose classes cannot be used: there the norm sees all frames, and there are two attentions.
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
"""Rows of the tables of positions: over frames, and over all tokens of the small pictures."""
SMALL_HEIGHT = 12
"""Of the pictures whose places are all compared with one another."""


@dataclass
class Surroundings:
    """What a module must know of the call beside its features."""

    num_frames: int = 0
    text: Tensor | None = None
    """(B, K, D): tokens of each sample."""
    checkpointing: bool = False
    """Compute the inside again in the backward pass, instead of keeping it."""


class Attention(nn.Module):
    """Multi-head attention with the names of the checkpoint; positions are added by its callers."""

    def __init__(self, width: int, memory_width: int, num_positions: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(memory_width, width, bias=False)
        self.to_v = nn.Linear(memory_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.pos_encoder = SinusoidalPositionalEmbedding(width, num_positions)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """(N, n, C), (N, m, D) -> (N, n, C)."""
        query, key, value = (_heads(part) for part in (self.to_q(tokens), self.to_k(memory), self.to_v(memory)))
        found = functional.scaled_dot_product_attention(query, key, value)
        answer: Tensor = self.to_out[0](found.transpose(1, 2).flatten(2))
        return answer


class FramesAttention(Attention):
    """Over the frames at each place."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, MOST_FRAMES)

    def attend(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """(B, F, P, C) -> the same shape."""
        batch = features.shape[0]
        tokens = self.pos_encoder(features.transpose(1, 2).flatten(0, 1))
        return self(tokens, tokens).unflatten(0, (batch, -1)).transpose(1, 2)


class PlacesAttention(Attention):
    """Over all frames and places, of pictures that are made small when they are high."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, MOST_TOKENS)

    def attend(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """(B, F, P, C) -> the same shape. Only the height decides whether it is made small, as in the reference."""
        num_frames = features.shape[1]
        small_hw = small_size(size_hw)
        tokens = self.pos_encoder(_resized(features, size_hw, small_hw).flatten(1, 2))
        found = self(tokens, tokens).unflatten(1, (num_frames, -1))
        return _resized(found, small_hw, size_hw)


class TextAttention(Attention):
    """To the text. Its keys and values are the same at every place: the reference computes them for each."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__(width, text_width, MOST_FRAMES)

    def attend(self, features: Tensor, size_hw: tuple[int, int], text: Tensor) -> Tensor:
        """(B, F, P, C), (B, K, D) -> (B, F, P, C)."""
        num_frames = features.shape[1]
        placed = features + self.pos_encoder.pe[0, :num_frames, None]
        return self(placed.flatten(1, 2), text).unflatten(1, (num_frames, -1))


class MotionBlock(nn.Module):
    """Four attentions and a feed-forward net, each behind its own norm."""

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
    """(B F, C, h, w) -> the same shape; added to its input."""

    def __init__(self, width: int, text_width: int, num_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(num_groups, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([MotionBlock(width, text_width)])
        self.proj_out = nn.Linear(width, width)

    def forward(self, features: Tensor, num_frames: int, text: Tensor) -> Tensor:
        """``text``: (B, K, D)."""
        size_hw = (features.shape[2], features.shape[3])
        tokens = self.proj_in(self.norm(features).flatten(2).transpose(1, 2)).unflatten(0, (-1, num_frames))
        for block in self.transformer_blocks:
            tokens = block(tokens, size_hw, text)
        changed: Tensor = self.proj_out(tokens.flatten(0, 1)).transpose(1, 2).unflatten(2, size_hw)
        return changed + features


class MotionModule(nn.Module):
    """One of the network's, with what surrounds the call."""

    def __init__(self, width: int, text_width: int, num_groups: int) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(width, text_width, num_groups)

    def forward(self, features: Tensor, around: Surroundings) -> Tensor:
        """(B F, C, h, w) -> the same shape."""
        inner: Any = self.temporal_transformer
        if around.checkpointing and torch.is_grad_enabled():
            repeated: Tensor = checkpoint(inner, features, around.num_frames, around.text, use_reentrant=False)
            return repeated
        changed: Tensor = inner(features, around.num_frames, around.text)
        return changed


def small_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Of the pictures whose places are compared."""
    height, width = size_hw
    return (SMALL_HEIGHT, int(SMALL_HEIGHT / height * width)) if height > SMALL_HEIGHT else size_hw


def _resized(features: Tensor, size_hw: tuple[int, int], target_hw: tuple[int, int]) -> Tensor:
    """(B, F, h w, C) -> (B, F, h' w', C), by the nearest place."""
    if target_hw == size_hw:
        return features
    batch = features.shape[0]
    pictures = features.flatten(0, 1).transpose(1, 2).unflatten(2, size_hw)
    resized = functional.interpolate(pictures, size=target_hw, mode="nearest")
    return resized.flatten(2).transpose(1, 2).unflatten(0, (batch, -1))


def _heads(tokens: Tensor) -> Tensor:
    """(N, n, C) -> (N, heads, n, C / heads)."""
    return tokens.unflatten(2, (NUM_HEADS, -1)).transpose(1, 2)
