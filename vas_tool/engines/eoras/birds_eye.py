"""The bird's-eye view: front features sampled at the centres of voxels in front of the camera, then convolved.

The reference projects with the intrinsics of the whole picture, but samples the features of a crop; and for KITTI it
passes intrinsics in pixels, with which no voxel comes near the picture: every sample is then zero, and the view is a
constant. Both are kept, for the released weights were trained so.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEIGHT, DEPTH = (-10.0, 10.0, 64), (-3.5, 1.5, 5), (0.0, 20.0, 64)
"""First and last edge, in the units of the camera's position, and number of voxels along x, y and z."""


class BirdsEye(nn.Module):
    """Turns front features (N, C, 16, 16) and intrinsics (N, 3, 3) into a view from above (N, C, 16, 16): rows by
    depth, columns by width.
    """

    points: Tensor
    """(3, X * Y * Z) voxel centres. They follow from the options, so checkpoints do not hold them."""

    def __init__(self, num_channels: int, *, tilt_radians: float) -> None:
        super().__init__()
        self.register_buffer("points", voxel_centres(tilt_radians), persistent=False)
        self.conv = BirdsEyeConvolutions(num_channels)

    def grid(self, intrinsics: Tensor) -> Tensor:
        """Return (N, X, Y * Z, 2): the position of each voxel in the picture, -1 and 1 at its edges. Division by z = 0
        is not guarded, as in the reference.
        """
        projected = intrinsics @ self.points
        centred = 2 * (projected[:, :2] / projected[:, 2:] - 0.5)
        return centred.transpose(1, 2).unflatten(1, (WIDTH[2], HEIGHT[2] * DEPTH[2]))

    def sampled(self, features: Tensor, intrinsics: Tensor) -> Tensor:
        """Return (N, 5 * C, Z, X): the features sampled at every voxel; channel 5 * feature + height."""
        grid = self.grid(intrinsics).to(features.dtype)
        samples = functional.grid_sample(features, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
        voxels = samples.unflatten(-1, (HEIGHT[2], DEPTH[2]))  # (N, C, X, Y, Z)
        return voxels.permute(0, 1, 3, 4, 2).flatten(1, 2)

    def forward(self, features: Tensor, intrinsics: Tensor) -> Tensor:
        """Return the view from above, (N, C, 16, 16)."""
        seen: Tensor = self.conv(self.sampled(features, intrinsics))
        return seen


class BirdsEyeConvolutions(nn.Module):
    """Convolutions from the sampled voxels (N, 5 * C, 64, 64) to the view from above (N, C, 16, 16)."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        every = num_channels * HEIGHT[2]
        half = every // 2
        self.layers = nn.Sequential(Widen(every, half), Shrink(half), Widen(half, num_channels), Shrink(num_channels))

    def forward(self, view: Tensor) -> Tensor:
        """Return (N, C, 16, 16) for (N, 5 * C, 64, 64)."""
        smaller: Tensor = self.layers(view)
        return smaller


class Widen(nn.Module):
    """A 1x1 and a 3x3 convolution, each with batch norm and LeakyReLU(0.01)."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            *(nn.Conv2d(num_in, num_out, 1), nn.BatchNorm2d(num_out), nn.LeakyReLU()),
            *(nn.Conv2d(num_out, num_out, 3, padding=1), nn.BatchNorm2d(num_out), nn.LeakyReLU()),
        )

    def forward(self, view: Tensor) -> Tensor:
        """Return (N, out, H, W) for (N, in, H, W)."""
        wider: Tensor = self.layer(view)
        return wider


class Shrink(nn.Module):
    """A 3x3 convolution of stride 2 with batch norm and LeakyReLU(0.01). Checkpoints call it ``Down``."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        convolution = nn.Conv2d(num_channels, num_channels, 3, stride=2, padding=1)
        self.Down = nn.Sequential(convolution, nn.BatchNorm2d(num_channels), nn.LeakyReLU())

    def forward(self, view: Tensor) -> Tensor:
        """Return (N, C, H / 2, W / 2) for (N, C, H, W)."""
        half: Tensor = self.Down(view)
        return half


def voxel_centres(tilt_radians: float) -> Tensor:
    """Return (3, X * Y * Z) float32: x, y, z of the voxel centres, rotated about the x axis in float64, as the
    reference does.
    """
    axes = (_centres(*axis) for axis in (WIDTH, HEIGHT, DEPTH))
    x, y, z = (axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij"))
    cos, sin = math.cos(tilt_radians), math.sin(tilt_radians)
    return torch.stack([x, cos * y - sin * z, sin * y + cos * z]).float()


def _centres(first: float, last: float, count: int) -> Tensor:
    step = (last - first) / count
    return first + step * (torch.arange(count, dtype=torch.float64) + 0.5)
