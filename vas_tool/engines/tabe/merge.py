"""Joins the masks of the chunks to one mask per frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vas_tool.engines.tabe.chunks import Chunk
from vas_tool.engines.tabe.levels import Level
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.types import Mask

StoredMask = npt.NDArray[np.uint8]
"""(H, W) uint8 as it is stored: 0 outside, 255 (or 1, see ``Quirks.whole_chunk_values``) inside."""

INSIDE = 255


def is_whole(chunk: Chunk, levels: Sequence[Level]) -> bool:
    """Return whether nothing is hidden in a chunk. Such a chunk is not painted; its masks are the modal masks."""
    return all(levels[index] == Level.NO for index in chunk)


def owners(chunks: Sequence[Chunk]) -> dict[int, int]:
    """Return, for each frame, the number of the chunk that gives its mask: the latest of those that hold it."""
    return {index: number for number, chunk in enumerate(chunks) for index in chunk}


def merged(
    chunks: Sequence[Chunk], found: Sequence[Sequence[Mask] | None], modal: Sequence[Mask], *, quirks: Quirks
) -> list[StoredMask]:
    """Return one mask per frame. ``found`` holds for each chunk one mask per frame, or None if nothing was painted.

    Every mask is united with the modal mask. On frames that chunks share, the later chunk counts.
    """
    stored = [mask * np.uint8(INSIDE) for mask in modal]
    # 255 * 255 is 1 in eight bits.
    value = np.uint8(1 if quirks.whole_chunk_values == "reference" else INSIDE)
    for index, number in owners(chunks).items():
        masks = found[number]
        if masks is None:
            stored[index] = modal[index] * value
        else:
            stored[index] = (masks[chunks[number].index(index)] | modal[index]) * np.uint8(INSIDE)
    return stored
