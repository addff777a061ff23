"""Dense optical flow between two frames (DIS, Kroeger et al. 2016)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv

Floats = npt.NDArray[np.float32]

SHORTEST_SIDE = 32
"""Pixels: OpenCV 5.0 crashes the process on wide pictures that are less tall than this."""


def flow_between(here: npt.NDArray[np.uint8], there: npt.NDArray[np.uint8]) -> Floats:
    """Return (h, w, 2) the offset in pixels, right and down, of each pixel of ``here`` in ``there``; both (h, w)
    grey.
    """
    height, width = here.shape
    missing = [max(0, SHORTEST_SIDE - side) for side in (height, width)]
    one, other = (_continued(picture, *missing) for picture in (here, there))
    return np.ascontiguousarray(opencv.dense_flow(one, other)[:height, :width])


def _continued(picture: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Return the picture with its last row and column repeated."""
    if not rows and not columns:
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, rows, 0, columns, cv2.BORDER_REPLICATE), np.uint8)


def pulled(picture: Floats, flow: Floats) -> Floats:
    """Return (h, w) ``picture`` of another frame, warped by the flow from this frame to that frame."""
    height, width = picture.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return opencv.remap(picture, columns + flow[..., 0], rows + flow[..., 1])
