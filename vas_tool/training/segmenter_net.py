"""The network of the builtin segmenter for training.

The encoder is EfficientNet-Lite0 (Tan and Le, 2019; the Lite variant by Google, 2020), with batch normalisation folded
into its convolutions. Its input is the picture alone. The decoder's inputs are the features, the prompts, and the
similarity of each place with reference places. A picture is therefore encoded once for any number of clicks, and
features can be compared between frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAPS = ("positive clicks", "negative clicks", "prior mask", "box")
"""Channels of the prompts, at full size."""
MATCHES = ("sure object", "sure background", "recent object", "recent background", "positive clicks", "negative clicks")
"""Channels of the similarity, at an eighth of the size: cosines, 0 where there is no such reference."""
EMBEDDING, STRIDE = 64, 8
TAPS = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}
"""Block of the encoder whose output is kept -> its channels; the strides are 2, 4, 8, 16 and 32."""
FROZEN = 5
"""Number of blocks that keep their ImageNet weights. Depthwise convolutions of the others keep theirs, too, because
their gradient is slow."""

_STAGES = ((1, 32, 16, 3, 1, 1), (2, 16, 24, 3, 2, 6), (2, 24, 40, 5, 2, 6), (3, 40, 80, 3, 2, 6),
           (3, 80, 112, 5, 1, 6), (4, 112, 192, 5, 2, 6), (1, 192, 320, 3, 1, 6))  # fmt: skip
"""Repeats, channels in, channels out, kernel, stride, expansion."""

Features = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class _SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: the odd pixel is right and below."""

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] == 1:
            return F.conv2d(x, self.weight, self.bias, padding=self.kernel_size[0] // 2, groups=self.groups)
        total = self.kernel_size[0] - self.stride[0]
        before, after = total // 2, total - total // 2
        return F.conv2d(
            F.pad(x, (before, after, before, after)), self.weight, self.bias, self.stride, groups=self.groups
        )


class _Block(nn.Module):
    """A mobile inverted bottleneck block."""

    def __init__(self, channels: tuple[int, int], *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        source, target = channels
        wide = source * expansion
        self.expand = _SameConv2d(source, wide, 1) if expansion != 1 else None
        self.depthwise = _SameConv2d(wide, wide, kernel, stride=stride, groups=wide)
        self.project = _SameConv2d(wide, target, 1)
        self.skips = stride == 1 and source == target

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.skips else y


class Encoder(nn.Module):
    """The encoder: picture (N, 3, H, W) in 0..1 -> features at strides 2 to 32, and an embedding of length 1 at stride
    8.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.stem = _SameConv2d(3, 32, 3, stride=2)
        self.blocks = nn.ModuleList(
            _Block(
                ((source if i == 0 else target), target), kernel=kernel, stride=stride if i == 0 else 1, expansion=by
            )
            for repeats, source, target, kernel, stride, by in _STAGES
            for i in range(repeats)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(n, EMBEDDING, 1) for n in list(TAPS.values())[2:])
        self.embed = nn.Conv2d(EMBEDDING, EMBEDDING, 3, padding=1)
        for module in (self.stem, *self.blocks[:FROZEN], *(b.depthwise for b in self.blocks)):
            module.requires_grad_(requires_grad=False)

    def forward(self, picture: Tensor) -> tuple[Features, Tensor]:
        """Return the features (strides 2, 4, 8, 16, 32) and the (N, 64, H/8, W/8) embedding. H and W are multiples of
        32.
        """
        with torch.no_grad(), torch.autocast(picture.device.type, torch.bfloat16, enabled=self.training):
            h = F.relu6(self.stem((picture - self.mean) / self.deviation))
            low = []
            for i, block in enumerate(self.blocks[:FROZEN]):
                h = block(h)
                if i in TAPS:
                    low.append(h)
        low = [x.to(picture.dtype) for x in low]
        h = low[-1]
        high = []
        for i, block in enumerate(self.blocks[FROZEN:], FROZEN):
            h = block(h)
            if i in TAPS:
                high.append(h)
        features = (low[0], low[1], low[2], high[0], high[1])
        return features, self._embedding(features)

    def _embedding(self, features: Features) -> Tensor:
        fine, middle, coarse = (layer(x) for layer, x in zip(self.lateral, features[2:], strict=True))
        y = middle + F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        y = fine + F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.normalize(self.embed(F.relu(y)), dim=1)


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm2(self.second(F.relu(self.norm(self.first(x))))))


class _Level(nn.Module):
    """Joins the coarser level, the encoder's features and the prompts at one stride."""

    def __init__(self, *, channels: int, lateral: int, prompt: int, below: int, blocks: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(lateral, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.prompt = nn.Conv2d(prompt, channels, 3, padding=1)
        self.below = nn.Conv2d(below, channels, 1) if below else None
        self.blocks = nn.Sequential(*(_Residual(channels, 1 + i % 2) for i in range(blocks)))

    def forward(self, feature: Tensor, prompt: Tensor, below: Tensor | None) -> Tensor:
        y = self.norm(self.lateral(feature)) + self.prompt(prompt)
        if self.below is not None:
            y = y + F.interpolate(self.below(below), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.blocks(F.relu(y))


class Decoder(nn.Module):
    """The decoder: features, (N, 4, H, W) prompts and (N, 6, H/8, W/8) similarities -> (N, 1, H, W) logits, and coarse
    ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.prompt4 = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(len(MAPS), 16, 3, padding=1), nn.ReLU())
        self.prompt8 = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU())
        self.matched = nn.Sequential(nn.Conv2d(len(MATCHES), 32, 3, padding=1), nn.ReLU())
        self.prompt16 = nn.Sequential(nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU())
        self.prompt32 = nn.Sequential(nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.ReLU())
        self.level32 = _Level(channels=160, lateral=320, prompt=96, below=0, blocks=2)
        self.context = nn.Sequential(nn.Conv2d(160, 160, 1), nn.ReLU())
        self.level16 = _Level(channels=96, lateral=112, prompt=64, below=160, blocks=2)
        self.level8 = _Level(channels=64, lateral=40, prompt=64, below=96, blocks=2)
        self.level4 = _Level(channels=32, lateral=24, prompt=16, below=64, blocks=1)
        self.level2 = _Level(channels=16, lateral=16, prompt=len(MAPS), below=32, blocks=1)
        self.head = nn.Sequential(nn.Conv2d(16, 4, 3, padding=1), nn.PixelShuffle(2))
        self.coarse = nn.Conv2d(64, 1, 1)

    def forward(self, features: Features, maps: Tensor, match: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 1, H, W) logits, and (N, 1, H/8, W/8) coarse ones, which are used only in training."""
        p4 = self.prompt4(maps)
        p8 = torch.cat([self.prompt8(p4), self.matched(match)], 1)
        p16 = self.prompt16(p8)
        y = self.level32(features[4], self.prompt32(p16), None)
        y = y + self.context(y.mean((2, 3), keepdim=True))
        y = self.level8(features[2], p8, self.level16(features[3], p16, y))
        fine = self.level4(features[1], p4, y)
        fine = self.level2(features[0], F.avg_pool2d(maps, 2), fine)
        return self.head(fine), self.coarse(y)


class SegmenterNet(nn.Module):
    """Encoder, decoder, and the scale that converts similarity to log odds in training."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        self.sharpness = nn.Parameter(torch.tensor([8.0, 0.0]))


def resemblance(embedding: Tensor, reference: Tensor, shares: Tensor) -> Tensor:
    """Return (N, 2, h, w): the cosine with the most similar object place and background place of the reference; 0
    without one.

    ``embedding`` (N, 64, h, w) and ``reference`` (N, 64, h', w') have length 1. ``shares`` is (N, h', w'): the part of
    each place that the object covers. Places between 0.2 and 0.8 count as neither object nor background.
    """
    cosine = torch.einsum("nchw,ncm->nhwm", embedding, reference.flatten(2))
    flat = shares.flatten(1)[:, None, None]
    found = []
    for member in (flat >= 0.8, flat <= 0.2):
        best = cosine.masked_fill(~member, -1.0).amax(-1)
        found.append(torch.where(member.any(-1), best, torch.zeros_like(best)))
    return torch.stack(found, 1)


def imagenet(encoder: Encoder, weights: dict[str, Tensor]) -> None:
    """Load the published ImageNet weights, with batch normalisation folded into the convolutions."""
    _fold(encoder.stem, weights, convolution="_conv_stem", norm="_bn0")
    for i, block in enumerate(encoder.blocks):
        if block.expand is not None:
            _fold(block.expand, weights, convolution=f"_blocks.{i}._expand_conv", norm=f"_blocks.{i}._bn0")
        _fold(block.depthwise, weights, convolution=f"_blocks.{i}._depthwise_conv", norm=f"_blocks.{i}._bn1")
        _fold(block.project, weights, convolution=f"_blocks.{i}._project_conv", norm=f"_blocks.{i}._bn2")


def _fold(layer: nn.Conv2d, weights: dict[str, Tensor], *, convolution: str, norm: str) -> None:
    scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + 1e-3).sqrt()
    with torch.no_grad():
        layer.weight.copy_(weights[f"{convolution}.weight"] * scale[:, None, None, None])
        assert layer.bias is not None
        layer.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)
