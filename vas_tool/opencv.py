"""OpenCV's functions whose type stubs are wrong or missing, with the types that they have.

The stubs promise wider arrays than OpenCV returns (it keeps the element type of its input), reject keyword arguments
that are passed together, and lack SIFT and DIS. The numbers are OpenCV's own.
"""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.types import SizeWH

_cv2: Any = cv2

Scalar = TypeVar("Scalar", bound=np.generic)
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def resize(picture: npt.NDArray[Scalar], size_wh: SizeWH, interpolation: int) -> npt.NDArray[Scalar]:
    """Return (h, w) or (h, w, C) at another size (``cv2.resize``)."""
    out: npt.NDArray[Scalar] = _cv2.resize(picture, size_wh, interpolation=interpolation)
    return out


def warp_affine(
    picture: npt.NDArray[Scalar], matrix: npt.NDArray[Any], size_wh: SizeWH, **options: Any
) -> npt.NDArray[Scalar]:
    """Return (h, w) or (h, w, C), moved by a (2, 3) matrix (``cv2.warpAffine``, with its ``options``)."""
    out: npt.NDArray[Scalar] = _cv2.warpAffine(picture, matrix, size_wh, **options)
    return out


def remap(
    picture: npt.NDArray[Scalar], columns: Floats, rows: Floats, *, border: int = cv2.BORDER_CONSTANT
) -> npt.NDArray[Scalar]:
    """Return ``picture`` sampled at (h, w) ``columns`` and ``rows``, linearly (``cv2.remap``)."""
    out: npt.NDArray[Scalar] = _cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=border)
    return out


def decoded(content: bytes, flags: int) -> npt.NDArray[Any]:
    """Return (H, W) or (H, W, 3) of a picture file's bytes (``cv2.imdecode``). Raises ValueError for anything else."""
    picture = _cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if picture is None:
        raise ValueError("these bytes are no picture that OpenCV reads")
    return np.asarray(picture)


def good_corners(grey: Bytes, most: int, *, quality: float, apart: float, where: npt.NDArray[Any]) -> Floats:
    """Return (N, 2) corners x, y inside ``where``, at most ``most`` (``cv2.goodFeaturesToTrack``)."""
    found = _cv2.goodFeaturesToTrack(grey, most, quality, apart, mask=where)
    corners: Floats = np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2)
    return corners


def tracked_points(
    before: Bytes, after: Bytes, points: Floats, *, guesses: Floats | None = None, **options: Any
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return (N, 2) where points of a grey frame are on another one, and (N,) whether each was found.

    Lucas and Kanade in a pyramid (``cv2.calcOpticalFlowPyrLK``, with its ``options``); ``guesses`` (N, 2) are where
    the search begins.
    """
    begun = None if guesses is None else guesses.copy()
    flags = 0 if guesses is None else cv2.OPTFLOW_USE_INITIAL_FLOW
    ends, there, _ = _cv2.calcOpticalFlowPyrLK(before, after, points, begun, flags=flags, **options)
    return ends, there.ravel() == 1


def dense_flow(before: Bytes, after: Bytes) -> Floats:
    """Return (h, w, 2) DIS optical flow of two grey frames (Kroeger et al. 2016, preset "fast")."""
    method = _cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow: Floats = method.calc(before, after, None)
    return flow


def sift(most: int, *, contrast: float) -> Any:
    """Return a ``cv2.SIFT`` detector of at most ``most`` features."""
    return _cv2.SIFT_create(most, contrastThreshold=contrast)
