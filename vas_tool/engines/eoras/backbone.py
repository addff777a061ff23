"""Front features: torchvision's ResNet-50 with group norms, and a feature pyramid of which the finest level is used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import Bottleneck, ResNet

NUM_GROUPS = 16
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FrontFeatures(ResNet):
    """The backbone: crops (N, 3, 128, 128) in 0..1 -> features (N, C, 16, 16), C = 256 in the released checkpoints.

    Every norm but the stem's is GroupNorm(16). The reference keeps ImageNet's mean and deviation as buffers and two
    more convolutions (``conv6``, ``conv7``) without using any of them; they are here so that checkpoints read.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_channels: int, blocks: Sequence[int]) -> None:
        super().__init__(Bottleneck, list(blocks), norm_layer=partial(nn.GroupNorm, NUM_GROUPS))
        self.bn1 = nn.BatchNorm2d(64)
        del self.fc
        self.conv6 = nn.Conv2d(2048, num_channels, 3, stride=2, padding=1)
        self.conv7 = nn.Conv2d(num_channels, num_channels, 3, stride=2, padding=1)
        self.latlayer1 = nn.Conv2d(2048, num_channels, 1)
        self.latlayer2 = nn.Conv2d(1024, num_channels, 1)
        self.latlayer3 = nn.Conv2d(512, num_channels, 1)
        self.toplayer1 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.toplayer2 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN))
        self.register_buffer("std", torch.tensor(IMAGENET_STD))

    def levels(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return ResNet's four levels of each crop: c2 (N, 256, 32, 32), c3 (N, 512, 16, 16), c4 (N, 1024, 8, 8), c5
        (N, 2048, 4, 4).
        """
        stem = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        c2 = self.layer1(stem)
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return c2, c3, c4, self.layer4(c4)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (N, C, 16, 16) features, level p3 of the pyramid, for (N, 3, 128, 128) crops in 0..1."""
        _, c3, c4, c5 = self.levels(pictures)
        p5 = self.latlayer1(c5)
        p4 = self.toplayer1(_enlarged(p5, c4) + self.latlayer2(c4))
        p3: Tensor = self.toplayer2(_enlarged(p4, c3) + self.latlayer3(c3))
        return p3


def _enlarged(features: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=False)
