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


Similarity = tuple[Floats | None, Floats | None]
"""Each (h, w): cosine with the most similar place inside of a reference, and outside; None if it has no such place."""


def similarity(encoded: Encoded, reference: Reference) -> Similarity:
    """Return the similarity of each place of an encoded picture with a reference."""
    return _most_similar(encoded.embedding, reference.inside), _most_similar(encoded.embedding, reference.outside)


def together(found: Sequence[Similarity]) -> Similarity:
    """Return the similarity with the places of several references."""
    return _largest([inside for inside, _ in found]), _largest([outside for _, outside in found])


def _largest(maps: Sequence[Floats | None]) -> Floats | None:
    known = [one for one in maps if one is not None]
    return np.asarray(np.max(known, axis=0), np.float32) if known else None


def matches(
    encoded: Encoded,
    *,
    sure: Similarity = (None, None),
    recent: Similarity = (None, None),
    clicked: tuple[Iterable[tuple[float, float]], Iterable[tuple[float, float]]] = ((), ()),
) -> Floats:
    """Return (NUM_MATCHES, h, w): cosine with the most similar place of each kind; 0 where there is none.

    ``sure`` comes from prompted frames, ``recent`` from the latest frames. ``clicked`` holds positive and negative
    clicks, (x, y) in pixels of the encoded picture.
    """
    channels, height, width = encoded.embedding.shape
    out = np.zeros((NUM_MATCHES, height, width), np.float32)
    for slot, found in enumerate((*sure, *recent)):
        if found is not None:
            out[slot] = found
    for kind, points in enumerate(clicked):
        cells = [(_cell(y, height), _cell(x, width)) for x, y in points]
        places = [encoded.embedding[:, row, column] for row, column in cells]
        found = _most_similar(encoded.embedding, np.reshape(places, (-1, channels)).astype(np.float32))
        if found is not None:
            out[4 + kind] = found
    return out


def _most_similar(embedding: Floats, places: Floats) -> Floats | None:
    channels, height, width = embedding.shape
    if not len(places):
        return None
    return np.asarray((places @ embedding.reshape(channels, -1)).max(axis=0).reshape(height, width))


def _cell(at: float, most: int) -> int:
    return min(max(int((at + 0.5) // STRIDE), 0), most - 1)
