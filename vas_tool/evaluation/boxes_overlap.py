"""How well two boxes agree (spec.md 2.7). Boxes are (N, 4): x, y, width, height, real numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""(N, 4): x, y, width, height."""

THRESHOLDS = (0.25, 0.5, 0.75)
"""Of AP25, AP50, AP75 (spec.md 2.7)."""


def box_iou(first: Boxes, second: Boxes) -> npt.NDArray[np.float64]:
    """(N,) intersection over union of the pairs, in 0..1; 0 where the union is 0."""
    start = np.maximum(first[:, :2], second[:, :2])
    end = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    inter = np.prod(np.clip(end - start, 0, None), axis=1)
    union = np.prod(first[:, 2:], axis=1) + np.prod(second[:, 2:], axis=1) - inter
    out = np.zeros(len(inter), np.float64)
    np.divide(inter, union, out=out, where=union > 0)
    return out


def reference_hits(iou: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.float64]:
    """(N,) 1 where IoU lies strictly above the threshold. What the papers call AP is the mean of these: a rate of
    frames, without ranking, categories or scores (spec.md 2.7).
    """
    return (iou > threshold).astype(np.float64)


def strict_hits(iou: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.float64]:
    """(N,) 1 where IoU reaches the threshold, as COCO counts it."""
    return (iou >= threshold).astype(np.float64)
