"""Similarity of each place of a window with places of reference frames that belong to the object, or do not.

As in FEELVOS (Voigtlaender et al., CVPR 2019), the most similar known place counts, by its embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.click_network import NUM_MATCHES, STRIDE, Encoded

SURELY, HARDLY = 0.8, 0.2
"""Coverage from which a place belongs to the object, and coverage up to which it does not."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """Known places of reference frames."""

    inside: Floats
    """(n, channels) embeddings of places of the object."""
    outside: Floats
    """(m, channels) embeddings of other places."""

    @classmethod
    def of(cls, encoded: Encoded, soft: Floats) -> Reference:
        """Return the reference of an encoded picture and its (S, S) mask, 0..1."""
        channels, height, width = encoded.embedding.shape
        shares = cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA).ravel()
        places = encoded.embedding.reshape(channels, -1).T
        return cls(places[shares >= SURELY], places[shares <= HARDLY])

    @classmethod
    def together(cls, references: Sequence[Reference]) -> Reference:
        """Return the places of several references as one."""
        return cls(np.concatenate([r.inside for r in references]), np.concatenate([r.outside for r in references]))


def matches(
    encoded: Encoded,
    *,
    sure: Reference | None = None,
    recent: Reference | None = None,
    clicked: tuple[Iterable[tuple[float, float]], Iterable[tuple[float, float]]] = ((), ()),
) -> Floats:
    """Return (NUM_MATCHES, h, w): cosine with the most similar place of each kind; 0 where there is none.

    ``sure`` comes from prompted frames, ``recent`` from the latest frames. ``clicked`` holds positive and negative
    clicks, (x, y) in pixels of the encoded picture.
    """
    channels, height, width = encoded.embedding.shape
    out = np.zeros((NUM_MATCHES, height, width), np.float32)
    for slot, reference in enumerate((sure, recent)):
        if reference is not None:
            out[2 * slot] = _most_similar(encoded.embedding, reference.inside)
            out[2 * slot + 1] = _most_similar(encoded.embedding, reference.outside)
    for kind, points in enumerate(clicked):
        cells = [(_cell(y, height), _cell(x, width)) for x, y in points]
        places = [encoded.embedding[:, row, column] for row, column in cells]
        out[4 + kind] = _most_similar(encoded.embedding, np.reshape(places, (-1, channels)).astype(np.float32))
    return out


def _most_similar(embedding: Floats, places: Floats) -> Floats:
    channels, height, width = embedding.shape
    if not len(places):
        return np.zeros((height, width), np.float32)
    return np.asarray((places @ embedding.reshape(channels, -1)).max(axis=0).reshape(height, width))


def _cell(at: float, most: int) -> int:
    return min(max(int((at + 0.5) // STRIDE), 0), most - 1)
