"""The click network. It encodes a picture once and then decodes masks from clicks, a box, a prior mask and references.

``vas_tool.training.train_segmenter`` made it and describes its inputs. It runs here without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vas_tool.engines.onnx_session import open_session
from vas_tool.types import Frame

ENCODER = Path(__file__).parent / "segmenter_encoder.onnx"
DECODER = Path(__file__).parent / "segmenter_decoder.onnx"

STRIDE = 8
"""Pixels of the picture per embedding vector, on each axis."""

NUM_MAPS, NUM_MATCHES = 4, 6

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """The encoder's output for a picture of (h, w) pixels."""

    features: tuple[Floats, ...]
    embedding: Floats
    """(channels, h / STRIDE, w / STRIDE) vectors of length 1."""


class ClickNetwork:
    """The network, for pictures whose sides are multiples of 32. The same input gives the same bits."""

    def __init__(self, encoder: Path = ENCODER, decoder: Path = DECODER) -> None:
        """Load the weights, which are part of the package. Raises EngineError when they or onnxruntime cannot be
        loaded.
        """
        self._encoder, self._decoder = open_session(encoder), open_session(decoder)
        self._inputs = [one.name for one in self._decoder.get_inputs()]

    def encode(self, picture: Frame) -> Encoded:
        """Encode an (h, w, 3) uint8 RGB picture."""
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        *features, embedding = self._encoder.run(None, {self._encoder.get_inputs()[0].name: planes})
        return Encoded(tuple(features), embedding[0])

    def decode(self, encoded: Encoded, maps: Floats, matches: Floats) -> Floats:
        """Return (h, w) the probability of the object, 0..1.

        ``maps`` is (NUM_MAPS, h, w): discs on positive clicks, discs on negative clicks, prior mask, box. ``matches``
        is (NUM_MATCHES, h / STRIDE, w / STRIDE): similarities with references (see ``feature_matching``).
        """
        values = (*encoded.features, maps[None], matches[None])
        logits = self._decoder.run(None, dict(zip(self._inputs, values, strict=True)))[0][0, 0]
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


@cache
def shipped() -> ClickNetwork:
    """Return the network of the package. It is loaded once."""
    return ClickNetwork()
