"""Computes the overlap of two masks on one frame, in two forms that are never mixed.

``reference``: as the published scripts compute it, with their special cases, for comparison with the papers.
``strict``: as the name of the measure says. A total miss counts as 0, an empty frame has a defined value, and nothing
is eroded or dropped.

All masks are (H, W) bool of one size. They may be cut to a window that contains all their True pixels and a margin of
``MARGIN`` pixels (less only at the border of the picture): every function returns the same number for the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vas_tool.masks import iou
from vas_tool.types import Mask

EPSILON = 1e-6
"""Added to unions in metric_diffusion_vas_sailvos.py and in EoRaS's test scripts."""

EROSION = np.ones((5, 5), np.uint8)
"""Kernel by which metric_diffusion_vas_sailvos.py erodes hidden parts before it compares them."""

MARGIN = 2
"""Pixels: margin that a window needs around the masks, half of the erosion's kernel."""

BOUNDARY_TOLERANCE = 0.008
"""Share of the picture's diagonal by which boundaries may differ (Perazzi et al., DAVIS, CVPR 2016, section 4)."""

NOT_COUNTED = math.nan
"""Value of a measure on a frame that does not count for it."""


@dataclass(frozen=True)
class FrameMasks:
    """The masks of one frame: true amodal mask, modal mask, predicted amodal mask."""

    amodal: Mask
    """(H, W) bool: the true amodal mask."""
    modal: Mask
    """(H, W) bool: the modal mask."""
    predicted: Mask
    """(H, W) bool: the predicted amodal mask."""
    diagonal: float = 0.0
    """Diagonal of the whole picture, in pixels; 0 takes that of the masks."""
    others: Mask | None = None
    """(H, W) modal masks of the picture's other objects, united; None when the truth does not have them."""
    level: str = ""
    """TABE's level of occlusion; empty for other benchmarks."""

    @property
    def hidden(self) -> Mask:
        """(H, W) bool: the true hidden part, amodal minus modal."""
        return self.amodal & ~self.modal

    @property
    def predicted_hidden(self) -> Mask:
        """(H, W) bool: the predicted hidden part, predicted minus modal."""
        return self.predicted & ~self.modal


def _pixels(mask: Mask) -> int:
    return cv2.countNonZero(mask.view(np.uint8))


# --- Diffusion-VAS ----------------------------------------------------------------------------------------------------


def reference_iou(first: Mask, second: Mask) -> float:
    """Return |A and B| / (|A or B| + 1e-6): 0 when both are empty (metric_diffusion_vas_sailvos.py)."""
    return _pixels(first & second) / (_pixels(first | second) + EPSILON)


def reference_occluded_iou(frame: FrameMasks) -> float:
    """Return the IoU of both hidden parts after an erosion by 5 x 5 that spares the picture's border.

    It is 0 when nothing is left of one of them. ``averages.dropped_zeros`` then leaves such frames out, as
    metric_diffusion_vas_sailvos.py does.
    """
    return reference_iou(eroded(frame.hidden), eroded(frame.predicted_hidden))


def eroded(mask: Mask) -> Mask:
    """Return the (H, W) mask eroded by 5 x 5. The border of the picture does not erode it."""
    return cv2.erode(mask.astype(np.uint8), EROSION).view(np.bool_)


# --- TABE -------------------------------------------------------------------------------------------------------------


def tabe_iou(first: Mask, second: Mask) -> float:
    """Return |A and B| / |A or B|; 0 when both are empty (TABE's eval_tabe51.py)."""
    union = _pixels(first | second)
    return _pixels(first & second) / union if union else 0.0


def tabe_occluded_iou(frame: FrameMasks) -> float:
    """Return the IoU of what is left of both masks after the modal mask is *subtracted* as numbers (TABE's
    eval_tabe51.py).

    A pixel of the modal mask outside the other mask becomes -1, which is not zero and counts as hidden. The subtraction
    is therefore an exclusive or. ``NOT_COUNTED`` where the truth minus the modal mask has no pixels.
    """
    hidden = frame.amodal ^ frame.modal
    return tabe_iou(hidden, frame.predicted ^ frame.modal) if hidden.any() else NOT_COUNTED


# --- EoRaS ------------------------------------------------------------------------------------------------------------


def eoras_iou(first: Mask, second: Mask) -> float:
    """Return I / (U + 1e-6) in float32, as EoRaS's test scripts do.

    It is 0 when both masks are empty, and exactly 1 on equal masks of 32 or more pixels.
    """
    inter, union = np.float32(_pixels(first & second)), np.float32(_pixels(first | second))
    return float(inter / (union + np.float32(EPSILON)))


def eoras_occluded_iou(frame: FrameMasks) -> float:
    """Return ``eoras_iou`` of the hidden parts; 0 when nothing is hidden.

    ``averages.dropped_ones`` then leaves exact answers out, as EoRaS's test scripts do.
    """
    return eoras_iou(frame.hidden, frame.predicted_hidden)


# --- SaVos ------------------------------------------------------------------------------------------------------------


def savos_iou(first: Mask, second: Mask) -> float:
    """Return (I + 1e-6) / (U + 1e-6): 1 when both masks are empty (SaVos's Kins_Car/eval.py)."""
    return (_pixels(first & second) + EPSILON) / (_pixels(first | second) + EPSILON)


def savos_hidden_iou(frame: FrameMasks) -> float:
    """Return ``savos_iou`` of the parts of both masks where other objects are visible; 1 when both parts are empty.

    ``averages.dropped_ones`` then leaves out exact answers and frames without such a part, as SaVos's Kins_Car/eval.py
    does.
    """
    others = np.zeros_like(frame.modal) if frame.others is None else frame.others
    return savos_iou(frame.amodal & others, frame.predicted & others)


# --- strict -----------------------------------------------------------------------------------------------------------


def strict_iou(frame: FrameMasks) -> float:
    """Return the IoU of the amodal masks, 0..1; 1 when both are empty."""
    return iou(frame.amodal, frame.predicted)


def strict_occluded_iou(frame: FrameMasks) -> float:
    """Return the IoU of the hidden parts, 0..1. A total miss is 0; ``NOT_COUNTED`` where the truth has no hidden
    part.
    """
    return iou(frame.hidden, frame.predicted_hidden) if frame.hidden.any() else NOT_COUNTED


def gone_iou(frame: FrameMasks) -> float:
    """Return the IoU of the amodal masks, 0..1, where the object is wholly hidden; elsewhere ``NOT_COUNTED``."""
    return strict_iou(frame) if frame.amodal.any() and not frame.modal.any() else NOT_COUNTED


def invented(frame: FrameMasks) -> float:
    """Return the pixels that the answer adds, divided by those of the object, where the truth has no hidden part.

    Elsewhere ``NOT_COUNTED``.
    """
    if frame.hidden.any() or not frame.amodal.any():
        return NOT_COUNTED
    return _pixels(frame.predicted & ~frame.amodal) / _pixels(frame.amodal)


def boundary_f(frame: FrameMasks) -> float:
    """Return the F measure of the outlines, 2PR / (P + R), 0..1 (Perazzi et al., DAVIS, CVPR 2016).

    A boundary pixel is right when a pixel of the other outline lies within 0.8 % of the picture's diagonal. It is 1
    when both masks are empty, and 0 when one is.
    """
    if not frame.amodal.any() and not frame.predicted.any():
        return 1.0
    reach = math.ceil(BOUNDARY_TOLERANCE * (frame.diagonal or math.hypot(*frame.amodal.shape)))
    true, answered = _outline(frame.amodal), _outline(frame.predicted)
    precision, recall = _within(answered, true, reach), _within(true, answered, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: Mask) -> Mask:
    """Return (H, W) the pixels of the mask with a neighbour outside it. The border of the picture is no outline."""
    inside = mask.astype(np.uint8)
    outline = (inside - cv2.erode(inside, np.ones((3, 3), np.uint8))).view(np.bool_)
    return outline if outline.any() else mask


def _within(these: Mask, those: Mask, reach: int) -> float:
    """Return the share of ``these`` pixels with one of ``those`` within ``reach`` pixels; 0 when there are none."""
    if not these.any() or not those.any():
        return 0.0
    distance = cv2.distanceTransform((~those).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[these] <= reach + EPSILON).mean())
