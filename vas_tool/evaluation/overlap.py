"""How well two masks agree on one frame, in the two forms that are never mixed.

``reference``: as the published scripts compute it, quirks and all, so that numbers can be put beside the papers'.
``strict``: what the words mean: a total miss counts, an empty frame is defined, nothing is eroded or dropped.

All masks are (H, W) bool of one size. They may be cut to a window that holds every True pixel of all of them with
``MARGIN`` pixels around (fewer only where the picture ends): every function gives the same number on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vas_tool.masks import iou
from vas_tool.types import Mask

EPSILON = 1e-6
"""Added to unions by the scripts of Diffusion-VAS and EoRaS (spec.md 2.4, 5.4)."""

EROSION = np.ones((5, 5), np.uint8)
"""What Diffusion-VAS takes off occluded parts before it compares them (spec.md 2.4)."""

MARGIN = 2
"""Pixels that a window needs around the masks: half of the erosion."""

BOUNDARY_TOLERANCE = 0.008
"""Of the picture's diagonal: how far boundaries may lie apart (Perazzi et al., DAVIS, CVPR 2016, section 4)."""

NOT_COUNTED = math.nan
"""A frame that a measure says nothing about."""


@dataclass(frozen=True)
class FrameMasks:
    """One frame: what is true, what is seen, what was answered."""

    amodal: Mask
    modal: Mask
    predicted: Mask
    diagonal: float = 0.0
    """Of the whole picture, in pixels; 0: that of the masks."""
    level: str = ""
    """Of occlusion, as TABE annotates it."""

    @property
    def hidden(self) -> Mask:
        """(H, W): what is truly there and not seen."""
        return self.amodal & ~self.modal

    @property
    def predicted_hidden(self) -> Mask:
        """(H, W): what the answer adds to what is seen."""
        return self.predicted & ~self.modal


def _pixels(mask: Mask) -> int:
    return cv2.countNonZero(mask.view(np.uint8))


# --- Diffusion-VAS ----------------------------------------------------------------------------------------------------


def reference_iou(first: Mask, second: Mask) -> float:
    """|A and B| / (|A or B| + 1e-6): 0 when both are empty (spec.md 2.4)."""
    return _pixels(first & second) / (_pixels(first | second) + EPSILON)


def reference_occluded_iou(frame: FrameMasks) -> float:
    """IoU of both hidden parts after an erosion by 5 x 5 that spares the picture's border (spec.md 2.4).

    0 when nothing is left of one of them; ``dropped_zeros`` leaves those frames out afterwards, as the script does.
    """
    return reference_iou(_eroded(frame.hidden), _eroded(frame.predicted_hidden))


def _eroded(mask: Mask) -> Mask:
    return cv2.erode(mask.astype(np.uint8), EROSION).view(np.bool_)


# --- TABE -------------------------------------------------------------------------------------------------------------


def tabe_iou(first: Mask, second: Mask) -> float:
    """|A and B| / |A or B|; 0 when both are empty (spec.md 4.5)."""
    union = _pixels(first | second)
    return _pixels(first & second) / union if union else 0.0


def tabe_occluded_iou(frame: FrameMasks) -> float:
    """IoU of what is left of both masks after what is seen is *subtracted*, as numbers (spec.md 4.5).

    A pixel that is seen and not in the mask becomes -1, which counts as hidden: on 0 and 1, a subtraction that is
    then asked for non-zeros is an exclusive or. ``NOT_COUNTED`` where the truth minus what is seen has no pixels.
    """
    hidden = frame.amodal ^ frame.modal
    return tabe_iou(hidden, frame.predicted ^ frame.modal) if hidden.any() else NOT_COUNTED


# --- EoRaS ------------------------------------------------------------------------------------------------------------


def eoras_iou(first: Mask, second: Mask) -> float:
    """I / (U + 1e-6) in 32 bit: 0 when both are empty, exactly 1 on equal masks of 32 pixels and more (spec.md 5.4)."""
    inter, union = np.float32(_pixels(first & second)), np.float32(_pixels(first | second))
    return float(inter / (union + np.float32(EPSILON)))


def eoras_occluded_iou(frame: FrameMasks) -> float:
    """The same of the hidden parts; nothing hidden is 0 (spec.md 5.4).

    ``dropped_ones`` leaves exact answers out afterwards, as the script does.
    """
    return eoras_iou(frame.hidden, frame.predicted_hidden)


# --- strict -----------------------------------------------------------------------------------------------------------


def strict_iou(frame: FrameMasks) -> float:
    """IoU of the whole masks in 0..1; 1 when both are empty."""
    return iou(frame.amodal, frame.predicted)


def strict_occluded_iou(frame: FrameMasks) -> float:
    """IoU of the hidden parts; a total miss is 0, ``NOT_COUNTED`` only where truly nothing is hidden."""
    return iou(frame.hidden, frame.predicted_hidden) if frame.hidden.any() else NOT_COUNTED


def gone_iou(frame: FrameMasks) -> float:
    """IoU of the whole masks where the object is there and nothing of it is seen; elsewhere ``NOT_COUNTED``."""
    return strict_iou(frame) if frame.amodal.any() and not frame.modal.any() else NOT_COUNTED


def invented(frame: FrameMasks) -> float:
    """Where truly nothing is hidden: the pixels the answer adds, by those of the object; elsewhere ``NOT_COUNTED``."""
    if frame.hidden.any() or not frame.amodal.any():
        return NOT_COUNTED
    return _pixels(frame.predicted & ~frame.amodal) / _pixels(frame.amodal)


def boundary_f(frame: FrameMasks) -> float:
    """F measure of the outlines: 2PR / (P + R), where a boundary pixel is right when one of the other outline lies
    within 0.8 % of the picture's diagonal. 1 when both masks are empty, 0 when one is (Perazzi et al. 2016).
    """
    if not frame.amodal.any() and not frame.predicted.any():
        return 1.0
    reach = math.ceil(BOUNDARY_TOLERANCE * (frame.diagonal or math.hypot(*frame.amodal.shape)))
    true, answered = _outline(frame.amodal), _outline(frame.predicted)
    precision, recall = _within(answered, true, reach), _within(true, answered, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: Mask) -> Mask:
    """(H, W): pixels of the mask with a neighbour outside it; the picture's border is no outline of its own."""
    inside = mask.astype(np.uint8)
    outline = (inside - cv2.erode(inside, np.ones((3, 3), np.uint8))).view(np.bool_)
    return outline if outline.any() else mask


def _within(these: Mask, those: Mask, reach: int) -> float:
    """The share of ``these`` pixels that have one of ``those`` within ``reach`` pixels; 0 when there are none."""
    if not these.any() or not those.any():
        return 0.0
    distance = cv2.distanceTransform((~those).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[these] <= reach + EPSILON).mean())
