"""The stock network's own sums, taken in fewer steps. Nothing here changes an answer by more than float32's rounding.

Each shortcut gives a module of the stock network another ``forward``; its weights stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch.nn.functional import conv2d, conv_transpose2d, gelu, linear

Forward = Callable[..., torch.Tensor]

CACHE_BYTES = 6_000_000
"""Of a feed-forward's inner rows that are worked on at once on a CPU, so that they stay in its cache: the UNet is 1 to
2 % faster (measured, tiny and small random weights), the numbers are the same."""
MIN_ROWS = 128
"""Fewer make a matrix product slow."""
INNER_WIDTH = 8
"""Times its own width a feed-forward is wide inside: four, twice for the gate."""


def take_shortcuts(network: Any, device: torch.device) -> None:
    """All that hold for any network of Stable Video Diffusion's kind, UNet or VAE."""
    for module in network.modules():
        if type(module).__name__ == "AlphaBlender":
            module.forward = partial(_blended, module)
        if type(module).__name__ == "FeedForward" and device.type == "cpu":
            module.forward = partial(_in_pieces, partial(_gated, module) if _has_gate(module) else module.forward)
        if _doubles(module) and device.type == "cpu":
            module.forward = Doubling(module)
        # torch has no fast path for these on a CPU: 1.2 to 2.2 times as fast as two-dimensional ones (measured).
        if isinstance(module, torch.nn.Conv3d) and module.kernel_size[1:] == (1, 1) and device.type == "cpu":
            module.forward = partial(_along_time, module)


def skip_norms(unet: Any, is_unread: Callable[[], bool]) -> None:
    """Leave out the norms before the cross-attentions while ``is_unread``: with one token nothing reads them."""
    for module in unet.modules():
        if getattr(module, "attn2", None) is not None:
            module.norm2.forward = partial(_unless_unread, module.norm2.forward, is_unread)


def _blended(
    blender: Any, *, x_spatial: torch.Tensor, x_temporal: torch.Tensor, image_only_indicator: object = None
) -> torch.Tensor:
    """One step instead of four. ``image_only_indicator`` is not read: every frame here is one of a video."""
    share = torch.sigmoid(blender.mix_factor.float()).to(x_spatial.dtype)
    first, second = (x_temporal, x_spatial) if blender.switch_spatial_to_temporal_mix else (x_spatial, x_temporal)
    return torch.lerp(second, first, share)


def _along_time(conv: Any, shown: torch.Tensor) -> torch.Tensor:
    """A convolution over (T, 1, 1) of (B, C, T, h, w) as one over (T, 1) of (B, C, T, h w)."""
    flat = conv2d(shown.flatten(3), conv.weight.flatten(3), conv.bias, padding=(conv.padding[0], 0))
    return flat.unflatten(3, shown.shape[3:])


def _has_gate(feed_forward: Any) -> bool:
    """Whether it is Linear, GEGLU, (dropout,) Linear in float32, as in every network of the kind."""
    return type(feed_forward.net[0]).__name__ == "GEGLU" and feed_forward.net[0].proj.weight.dtype == torch.float32


def _gated(feed_forward: Any, shown: torch.Tensor) -> torch.Tensor:
    """Half of the first layer times the GELU of the other half, each in one step with its matrix product.

    The UNet is 2 to 5 % faster (measured, tiny and small random weights).
    """
    first, last = feed_forward.net[0].proj, feed_forward.net[2]
    (value, gate), (value_bias, gate_bias) = first.weight.chunk(2), first.bias.chunk(2)
    fused = torch.ops.mkldnn
    if not _can_fuse():
        return last(linear(shown, value, value_bias) * gelu(linear(shown, gate, gate_bias)))
    opened = fused._linear_pointwise(shown, gate, gate_bias, "gelu", [], "none")
    return last(fused._linear_pointwise.binary(shown, opened, value, value_bias, "mul"))


@cache
def _can_fuse() -> bool:
    """Whether this torch has oneDNN's fused products, and they give what they should. They are what torch.compile uses
    on a CPU, but no part of torch's public face.
    """
    shown, weight, bias = (torch.linspace(-2, 2, num).view(shape) for num, shape in ((6, (2, 3)), (12, (4, 3)), (4, 4)))
    try:
        got = torch.ops.mkldnn._linear_pointwise(shown, weight, bias, "gelu", [], "none")
        got = torch.ops.mkldnn._linear_pointwise.binary(shown, got, weight, bias, "mul")
    except (AttributeError, RuntimeError, TypeError):
        return False
    plain = linear(shown, weight, bias)
    return bool(torch.allclose(got, plain * gelu(plain), atol=1e-5))


def _doubles(module: Any) -> bool:
    """Whether it is diffusers' doubling of width and height, in float32: every pixel four times, then a convolution."""
    return bool(
        type(module).__name__ == "Upsample2D"
        and getattr(module, "conv", None) is not None
        and module.norm is None
        and module.interpolate
        and module.conv.kernel_size == (3, 3)
        and module.conv.weight.dtype == torch.float32
    )


class Doubling:
    """Doubling and convolution at once: 16 products a pixel instead of 36."""

    def __init__(self, stock: Any) -> None:
        self._stock, self._conv = stock.forward, stock.conv
        self._kernel = _doubling_kernel(stock.conv.weight)

    def __call__(self, shown: torch.Tensor, output_size: Sequence[int] | None = None) -> torch.Tensor:
        """(B, C, h, w) -> (B, C', 2 h, 2 w); ``output_size`` where a side is to be odd: then as the stock module."""
        if output_size is not None and [*output_size] != [2 * side for side in shown.shape[2:]]:
            answer: torch.Tensor = self._stock(shown, output_size)
            return answer
        return conv_transpose2d(shown, self._kernel, self._conv.bias, stride=2, padding=1)


def _doubling_kernel(weight: torch.Tensor) -> torch.Tensor:
    """(O, I, 3, 3) -> (I, O, 4, 4): what a pixel, doubled to 2 x 2, adds to the 4 x 4 around those."""
    kernel = weight.new_zeros(weight.shape[1], weight.shape[0], 4, 4)
    for y in range(2):
        for x in range(2):
            kernel[:, :, y : y + 3, x : x + 3] += weight.flip(2, 3).transpose(0, 1)
    return kernel


def _in_pieces(feed_forward: Forward, shown: torch.Tensor) -> torch.Tensor:
    """A feed-forward looks at each row by itself: (..., C) piece by piece."""
    width = shown.shape[-1]
    num_rows = max(MIN_ROWS, CACHE_BYTES // (INNER_WIDTH * width * shown.element_size()))
    pieces = shown.reshape(-1, width).split(num_rows)
    return torch.cat([feed_forward(piece) for piece in pieces]).unflatten(0, shown.shape[:-1])


def _unless_unread(norm: Forward, is_unread: Callable[[], bool], shown: torch.Tensor) -> torch.Tensor:
    return shown if is_unread() else norm(shown)
