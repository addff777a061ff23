"""Overlap of two boxes, as in metric_diffusion_vas_tao_amodal.py of Diffusion-VAS, and strictly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""(N, 4) float64: x, y, width, height in pixels."""

THRESHOLDS = (0.25, 0.5, 0.75)
"""IoU thresholds of AP25, AP50 and AP75 (metric_diffusion_vas_tao_amodal.py)."""


def box_iou(first: Boxes, second: Boxes) -> npt.NDArray[np.float64]:
    """Return (N,) the intersection over union of each pair of boxes, 0..1; 0 where the union is 0."""
    start = np.maximum(first[:, :2], second[:, :2])
    end = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    inter = np.prod(np.clip(end - start, 0, None), axis=1)
    union = np.prod(first[:, 2:], axis=1) + np.prod(second[:, 2:], axis=1) - inter
    out = np.zeros(len(inter), np.float64)
    np.divide(inter, union, out=out, where=union > 0)
    return out


def reference_hits(iou: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.float64]:
    """Return (N,) 1 where the IoU is strictly above the threshold, else 0.

    The AP of the Diffusion-VAS paper is the mean of these numbers: a share of frames, without ranking, categories or
    scores (metric_diffusion_vas_tao_amodal.py).
    """
    return (iou > threshold).astype(np.float64)


def strict_hits(iou: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.float64]:
    """Return (N,) 1 where the IoU is at or above the threshold, as in COCO, else 0."""
    return (iou >= threshold).astype(np.float64)
