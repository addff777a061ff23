"""How much each place of a window resembles places of reference frames that are known to be the object, or not.

As in FEELVOS (Voigtlaender et al. 2019): the most similar of all known places counts, by its embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.click_network import NUM_MATCHES, STRIDE, Encoded

SURELY, HARDLY = 0.8, 0.2
"""The part of a place that is covered by the object, from which on it is the object, and up to which it is not."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """Places that are known."""

    inside: Floats
    """(n, channels): embeddings of places of the object."""
    outside: Floats
    """(m, channels): of others."""

    @classmethod
    def of(cls, encoded: Encoded, soft: Floats) -> Reference:
        """From an (S, S) mask, 0..1, of the picture that was encoded."""
        channels, height, width = encoded.embedding.shape
        shares = cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA).ravel()
        places = encoded.embedding.reshape(channels, -1).T
        return cls(places[shares >= SURELY], places[shares <= HARDLY])

    @classmethod
    def together(cls, references: Sequence[Reference]) -> Reference:
        """All that several know."""
        return cls(np.concatenate([r.inside for r in references]), np.concatenate([r.outside for r in references]))


def matches(
    encoded: Encoded,
    *,
    sure: Reference | None = None,
    recent: Reference | None = None,
    clicked: tuple[Iterable[tuple[float, float]], Iterable[tuple[float, float]]] = ((), ()),
) -> Floats:
    """(NUM_MATCHES, h, w): cosine with the most similar place of each kind, 0 where there is none.

    ``sure``: of frames that the person answered for. ``recent``: of the latest frame. ``clicked``: positive and
    negative clicks, (x, y) in pixels of the picture that was encoded.
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
