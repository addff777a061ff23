"""Writes the share of several amodal masks (hypotheses) that hold a pixel, as run lengths and as a grey picture.

    {"num_answers": 5, "levels": [RLE, RLE, RLE, RLE, RLE]}

The k-th level is the mask of the pixels that at least k answers hold, so each level is a subset of the one before. The
probability of a pixel is the number of levels that hold it, divided by ``num_answers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.hypotheses import covering
from vas_tool.masks import from_rle, to_rle
from vas_tool.types import Mask

WHITE = 255
"""Grey value of a pixel that every answer has."""


def levels_json(answers: Sequence[Mask]) -> dict[str, Any]:
    """Return the JSON record for two or more (H, W) masks."""
    votes = np.sum(np.stack(answers), axis=0)
    return {"num_answers": len(answers), "levels": [to_rle(votes >= k) for k in range(1, len(answers) + 1)]}


def check_levels(record: Any, size_hw: Sequence[int]) -> Iterator[str]:
    """Yield one sentence per problem of a record for an image of ``size_hw`` (height, width)."""
    try:
        levels = _levels(record)
    except FormatError as error:
        yield f"amodal_probability does not read: {error}"
        return
    if levels[0].shape != tuple(size_hw):
        yield f"amodal_probability has the size {list(levels[0].shape)}, its image is {list(size_hw)} (height, width)"
    if any((inner & ~outer).any() for outer, inner in pairwise(levels)):
        yield "amodal_probability has a level that does not lie within the one before"


def _levels(record: Any) -> list[Mask]:
    if not isinstance(record, Mapping) or not isinstance(record.get("levels"), list) or not record["levels"]:
        raise FormatError("it must have num_answers and levels, a list of masks")
    if record.get("num_answers") != len(record["levels"]):
        raise FormatError(f"num_answers is {record.get('num_answers')!r}, there are {len(record['levels'])} levels")
    masks = [from_rle(level) for level in record["levels"]]
    if len({mask.shape for mask in masks}) > 1:
        raise FormatError("its levels differ in size")
    return masks


def grey(answers: Sequence[Mask]) -> npt.NDArray[np.uint8]:
    """Return (H, W) uint8: 255 times the share of the (H, W) masks that hold a pixel, rounded."""
    return np.round(covering(answers) * WHITE).astype(np.uint8)
