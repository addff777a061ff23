"""The network of the learned engine: a small U-Net that mixes registered outlines at each pixel, or paints.

The result is a mixture of the candidates and of the network's own paint. Sharp outlines that many frames show stay
sharp, and only what none shows is guessed. It takes one step, without sampling.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from vas_tool.engines.learned.evidence import CANDIDATES, CHANNELS

WIDTHS = (32, 64, 128, 192)
"""Channels at full, half, quarter and eighth resolution."""

GROUPS = 8


class _Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, channels)
        self.past = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.silu(self.norm1(self.first(x)))
        inner = self.norm2(self.second(inner))
        past: Tensor = self.past(x)
        return functional.silu(inner + past)


class AmodalNet(nn.Module):
    """The network: shares and paint from (N, CHANNELS, R, R) evidence. R is a multiple of 8."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_Block(a, b) for a, b in zip((widths[0], *widths), widths, strict=False))
        self.middle = _Block(widths[-1], widths[-1])
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairs)
        self.up = nn.ModuleList(_Block(b, b) for _, b in pairs)
        self.head = nn.Conv2d(widths[0], CANDIDATES + 2, 1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Return ((N, CANDIDATES + 1, R, R) shares that sum to 1, the last for the paint; (N, R, R) paint in 0..1)."""
        x = self.stem(picture)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(functional.avg_pool2d(x, 2) if level else x)
            skips.append(x)
        x = self.middle(x)
        for narrow, block, skip in zip(self.narrow, self.up, skips[-2::-1], strict=True):
            x = functional.interpolate(narrow(x), scale_factor=2, mode="bilinear", align_corners=False)
            x = block(x + skip)
        answer = self.head(x).float()
        return answer[:, :-1].softmax(dim=1), answer[:, -1].sigmoid()


def mixed(shares: Tensor, paint: Tensor, candidates: Tensor) -> Tensor:
    """Return (N, R, R) the probability of the whole object. ``candidates`` is (N, CANDIDATES, R, R)."""
    return (shares[:, :-1] * candidates).sum(dim=1) + shares[:, -1] * paint


def probability(net: AmodalNet, picture: Tensor, candidates: Tensor) -> Tensor:
    """Return (N, R, R) the probability of the whole object, 0..1."""
    shares, paint = net(picture)
    return mixed(shares, paint, candidates).clamp(1e-4, 1 - 1e-4)


def num_parameters(net: nn.Module) -> int:
    """Return the number of parameters of a network."""
    return sum(p.numel() for p in net.parameters())
