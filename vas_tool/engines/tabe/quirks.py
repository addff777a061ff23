"""Unintended effects of the released code. Each is a named option, by default as in the reference."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

Quirk = Literal["reference", "repaired"]
"""``reference``: as in the released code. ``repaired``: as intended."""


@dataclass(frozen=True)
class Quirks:
    """The options. The defaults are the reference's, with which the published numbers were made."""

    depth_wrap: Quirk = "reference"
    """"Nearer by more than 3" is computed in eight bits: a depth of 253, 254 or 255 becomes 0, 1 or 2, so the nearest
    object of a frame is called hidden by whatever is beside it. Repaired: no wrap."""
    level_reference: Quirk = "reference"
    """Ten frames without a whole one have nothing to be compared with, so none of them is SEVERE unless it is empty.
    Repaired: they are compared with the whole frames before them."""
    corner_distances: Quirk = "reference"
    """A corner of the seen part with something in front beside it is not followed, unless all four are such: then the
    one that moved least is. Repaired: then none is, and the box goes on as it moved before."""
    growth_axes: Quirk = "reference"
    """The two percentages by which boxes grow are swapped: rows grow by the one for columns. Repaired: not swapped."""
    whole_chunk_values: Quirk = "reference"
    """Masks of chunks in which nothing is hidden are multiplied by 255 twice, and become 1 in eight bits: mIOUocc
    counts them as empty. Repaired: 255."""
    inpaint_masks: Quirk = "reference"
    """In tuning, the places to be painted are drawn on the whole mask squeezed to a square, while the picture was
    resized and cropped: they do not line up. Repaired: they are drawn on the mask as it was cropped."""
    loss_mean: Quirk = "reference"
    """The loss is the mean over all frames, those of weight 0 among them, so a window with few whole frames counts
    less. Repaired: the mean over the frames of weight 1."""
    lora_dropout: Quirk = "repaired"
    """The released code leaves the dropout of the tuned layers on while it paints, unless a tuned model was kept. Off,
    as it was meant (``repaired``), two runs with the same seed are equal. The only option that is not the reference's
    by default."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all options."""
        return tuple(field.name for field in fields(cls))
