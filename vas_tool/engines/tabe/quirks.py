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
    """Whether "nearer by more than 3" wraps in eight bits. ``reference``: depths of 253, 254 and 255 become 0, 1 and 2,
    so the nearest object of a frame counts as hidden by anything beside it. ``repaired``: no wrap.
    """
    level_reference: Quirk = "reference"
    """What a group of ten frames without a whole frame is compared with. ``reference``: nothing, so no frame in it is
    SEVERE unless it is empty. ``repaired``: the whole frames before it.
    """
    corner_distances: Quirk = "reference"
    """The corner that moves the box if something in front is beside all four corners of the visible part.
    ``reference``: the corner that moved least. ``repaired``: none; the box moves on as before.
    """
    growth_axes: Quirk = "reference"
    """Whether the two percentages by which boxes grow are swapped. ``reference``: rows grow by the percentage for
    columns. ``repaired``: not swapped.
    """
    whole_chunk_values: Quirk = "reference"
    """The value of masks in chunks without a hidden part. ``reference``: they are multiplied by 255 twice and become 1
    in eight bits, so mIOUocc counts them as empty. ``repaired``: 255.
    """
    inpaint_masks: Quirk = "reference"
    """Where the pixels to paint are drawn in tuning. ``reference``: on the whole mask squeezed to a square, while the
    picture is resized and cropped, so the two do not align. ``repaired``: on the mask cropped like the picture.
    """
    loss_mean: Quirk = "reference"
    """The frames in the mean of the loss. ``reference``: all frames, including those of weight 0, so a window with few
    whole frames counts less. ``repaired``: the frames of weight 1.
    """
    lora_dropout: Quirk = "repaired"
    """Whether the dropout of the tuned layers is on while painting. ``reference``: it is, unless a tuned model was
    kept. ``repaired``: it is off, so that two runs with one seed are equal. No other option differs from the reference
    by default.
    """

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all options."""
        return tuple(field.name for field in fields(cls))
