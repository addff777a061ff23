"""The border of a mask, laid along the edges of the picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.pixel_model import signed_distance, tidy
from vas_tool.types import Frame, Mask

BAND = 3.0
"""Pixels from the old border within which the new one lies, at most."""

BAND_SHARE, NARROWEST_BAND = 0.5, 2.0
"""The same relative to the mask's depth, and at least: a thin thing must not be cut away."""

AROUND = 17
"""Pixels around the mask from which the colours of the background are learned."""

ROUNDS = 2
"""Of learning colours and cutting."""

Labels = npt.NDArray[np.uint8]
"""(h, w): GrabCut's, cv2.GC_BGD and so on."""


def cut_border(frame: Frame, mask: Mask, *, inside: Mask, outside: Mask) -> Mask:
    """(h, w): the mask, its border along the cheapest cut (GrabCut, Rother et al. 2004) in a band around the old one.

    ``frame``: (h, w, 3) RGB. ``inside`` and ``outside`` are sure. What is farther from the border stands as it is.
    """
    labels = _labels(mask, inside=inside, outside=outside)
    rows, columns = (np.flatnonzero((mask | inside).any(axis=axis)) for axis in (1, 0))
    if not len(rows) or not (labels == cv2.GC_FGD).any() or not (labels == cv2.GC_BGD).any():
        return (mask | inside) & ~outside
    window = tuple(slice(max(0, at[0] - AROUND), at[-1] + 1 + AROUND) for at in (rows, columns))
    new = mask.copy()
    new[window] = grab_cut(frame[window], labels[window], rounds=ROUNDS)
    return tidy(new | inside, keep=inside) & ~outside


def _labels(mask: Mask, *, inside: Mask, outside: Mask) -> Labels:
    signed = signed_distance(mask)
    band = min(BAND, max(NARROWEST_BAND, BAND_SHARE * float(signed.max())))
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[(signed >= band) | inside] = cv2.GC_FGD
    labels[(signed <= -band) | outside] = cv2.GC_BGD
    return labels


def grab_cut(frame: Frame, labels: Labels, *, rounds: int) -> Mask:
    """(h, w): what GrabCut (Rother et al. 2004) takes for the object on an (h, w, 3) RGB frame; the same every time."""
    cv2.setRNGSeed(0)
    found, picture = labels.copy(), np.ascontiguousarray(frame[..., ::-1])
    cv2.grabCut(picture, found, None, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK)
    return np.isin(found, (cv2.GC_FGD, cv2.GC_PR_FGD))
