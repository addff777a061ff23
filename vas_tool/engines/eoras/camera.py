"""The camera matrix that EoRaS takes: intrinsics relative to the picture's size, with Kubric's signs."""

from __future__ import annotations

import numpy as np

from vas_tool.engines.eoras.patches import Floats
from vas_tool.types import Intrinsics

KUBRIC_FOCAL = 35 / 32
"""Focal length divided by the picture's width, the same for every Kubric camera (35 mm lens, 32 mm sensor)."""

GUESSED = (
    "the camera of this clip is not known; EoRaS was told of one with a lens of 35 mm (a view 49 degrees wide). Give "
    "its intrinsics with --intrinsics FX,FY,CX,CY (pixels) for what the method was made for"
)


def guessed_intrinsics(size_wh: tuple[int, int]) -> Intrinsics:
    """Return intrinsics in pixels with Kubric's focal length, square pixels, and the principal point in the picture's
    middle.
    """
    width, height = size_wh
    focal = KUBRIC_FOCAL * width
    return Intrinsics(focal, focal, width / 2, height / 2)


def kubric_matrix(camera: Intrinsics, size_wh: tuple[int, int]) -> Floats:
    """Return the (3, 3) matrix for u = cx / W - fx / W * x / z and v = cy / H + fy / H * y / z, both 0..1 inside the
    picture.

    Kubric's own matrix is this one with the picture's middle: [[f, 0, -.5], [0, -f, -.5], [0, 0, -1]].
    """
    width, height = size_wh
    across, down = (camera.fx / width, -camera.cx / width), (-camera.fy / height, -camera.cy / height)
    return np.array([[across[0], 0, across[1]], [0, down[0], down[1]], [0, 0, -1]], np.float32)


def pixel_matrix(camera: Intrinsics) -> Floats:
    """Return the (3, 3) matrix in pixels, as the reference passes KITTI's. With it, every sample of the bird's-eye view
    is 0.
    """
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]], np.float32)
