"""What the values of a folder's mask pictures mean: decided once for all of them, or said by the person.

binary    what is not 0 is the object
grey      soft edges: what is brighter than half is the object (the demo of Diffusion-VAS: above 128)
ids       every value but 0 is an object
palette   the same, but 255 is void, as in DAVIS and VOC: nobody knows whose these pixels are
alpha     what is opaque is the object
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vas_tool.formats.mask_pixels import COLOUR, Pixels, brightness, name_of
from vas_tool.formats.mask_seen import FINE, NAMED, NEAR_ENDS, OBJECT_ABOVE, WHITE, Found, Glance
from vas_tool.remarks import counted
from vas_tool.types import Mask

MaskValues = Literal["auto", "binary", "grey", "ids", "palette", "alpha"]
"""What a person can say; ``auto``: what the pictures show by themselves."""

VOID = 255
"""Of indices and of grey values beside small ids."""

VOID_COLOUR = COLOUR + (224 << 16) + (224 << 8) + 192
"""What VOC's palette shows for void."""

LARGEST_LABEL = 50
"""Ids up to here are too dark to be seen: who writes them counts objects, and 255 beside them is void."""

BRIGHT = 223
"""Soft edges lead up to at least this."""

MOST_SOFT = 0.25
"""Of all pixels may lie between object and ground; more is no mask but a picture."""

MOST_OBJECTS = 64
"""More values than this are not taken for ids unless that is said."""

MOST_SAID = 255
"""And more than this not even then."""


class Undecided(ValueError):
    """``str(error)`` says why, without the values."""


@dataclass(frozen=True)
class Decision:
    """How a folder's pictures are read."""

    values: MaskValues
    by_index: bool = False
    """Palette indices count, not what they show."""
    objects: tuple[int, ...] = ()
    """For ``ids`` and ``palette``: the values of objects, ascending."""
    void: tuple[int, ...] = ()
    scale: int = 1
    guessed: bool = True
    """False where the person said it."""

    def mask(self, pixels: Pixels, value: int) -> Mask:
        """(H, W) of the object with this value; of the only one where values do not tell objects apart."""
        if self.values == "alpha":
            if pixels.alpha is None:
                raise Undecided("it has no alpha channel, others have")
            return pixels.alpha > OBJECT_ABOVE
        if self.values == "grey":
            return brightness(pixels.shown) > OBJECT_ABOVE * self.scale
        numbers = pixels.shown
        if self.by_index and pixels.index is not None:
            numbers = pixels.index.astype(np.int32)
        return np.asarray(numbers == value if self.objects else numbers != 0)

    def is_unknown(self, picture: Glance) -> bool:
        """Whether a picture holds void and no object."""
        there = picture.indices if self.by_index and picture.indices else picture.shown
        return not there.isdisjoint(self.void) and there.isdisjoint(self.objects)

    def loses(self, picture: Glance) -> bool:
        """Whether a picture that holds something would become an empty mask."""
        near = NEAR_ENDS if len(picture.shown) > FINE else 0
        if self.values == "alpha":
            return near < picture.most_opaque <= OBJECT_ABOVE
        return self.values == "grey" and near < picture.brightest <= OBJECT_ABOVE * self.scale


def said(values: MaskValues, found: Found) -> Decision:
    """What the person said; palette indices count where pictures have them. Raises Undecided when nothing is object."""
    by_index = _is_indexed(found)
    if values == "alpha" and not found.num_alphas:
        raise Undecided("no picture has an alpha channel")
    if values not in ("ids", "palette"):
        return Decision(values, by_index, scale=found.scale, guessed=False)
    void = (VOID, VOID_COLOUR) if values == "palette" else ()
    objects = tuple(n for n in sorted(found.indexed if by_index else found.shown) if n and n not in void)
    if not objects and not found.is_empty:
        raise Undecided("nothing but void is in them")
    if len(objects) > MOST_SAID:
        raise Undecided(f"they have {len(objects)} values")
    return Decision(values, by_index, objects, void, guessed=False)


def decide(found: Found) -> Decision:
    """What the pictures show by themselves. Raises Undecided."""
    if len(found.alphas) < 2:
        return _of_values(found)
    if found.num_alphas < len(found.pictures):
        raise Undecided("some have a mask in their alpha channel, some have none")
    try:
        decision = _of_values(found) if len(found.shown) > 1 else None
    except Undecided:
        decision = None
    if decision is None:
        return Decision("alpha")
    if not any(found.alpha_is_shown):
        raise Undecided("their colours and their alpha channel are different masks")
    return decision


def _of_values(found: Found) -> Decision:
    if any(value >= COLOUR for value in found.shown):
        return _of_indices(found) if _is_indexed(found) else _of_colours(found)
    return _of_grey(found)


def _is_indexed(found: Found) -> bool:
    """Whether indices mean the same in every picture, and 0 is the ground."""
    if found.num_plain or 0 not in found.indexed:
        return False
    one_each = all(len(shown) == 1 for shown in found.indexed.values())
    black = [index for index, shown in found.indexed.items() if shown == {0}]
    return one_each and (0 in black or not black)


def _of_indices(found: Found) -> Decision:
    objects = tuple(sorted(index for index in found.indexed if index not in (0, VOID)))
    if not objects:
        raise Undecided("the index 255 alone is in them, which is void in DAVIS and VOC")
    return _several(found, objects, (VOID,) if VOID in found.indexed else (), by_index=True)


def _of_colours(found: Found) -> Decision:
    if found.lossy:
        raise Undecided("they are coloured pictures whose values were changed when they were stored (JPEG)")
    if found.indexed and found.num_plain:
        raise Undecided("some have a palette, others not")
    if 0 not in found.shown:
        raise Undecided("no pixel is black, so that the ground is not told")
    objects = tuple(sorted(set(found.shown) - {0, VOID_COLOUR}))
    if len(objects) > 1 and WHITE in objects:
        raise Undecided("white is beside other colours: an object, or void")
    if not objects:
        raise Undecided("the colour of void alone is in them")
    return _several(found, objects, (VOID_COLOUR,) if VOID_COLOUR in found.shown else (), by_index=False)


def _several(found: Found, objects: tuple[int, ...], void: tuple[int, ...], *, by_index: bool) -> Decision:
    if len(objects) > MOST_OBJECTS:
        raise Undecided(f"they have {len(objects)} values")
    if len(objects) > 1 and found.is_soft:
        raise Undecided("values lie along edges, as where edges are soft")
    return Decision("palette" if void else "ids", by_index, objects, void)


def _of_grey(found: Found) -> Decision:
    values, scale = sorted(found.shown), found.scale
    positive = [value for value in values if value]
    if not positive:
        return Decision("binary")
    if values[0] > (NEAR_ENDS if found.lossy else 0):
        raise Undecided("no pixel is 0, so that the ground is not told")
    if len(positive) == 1 and not found.lossy:
        return Decision("binary")
    ends_in_white = positive[-1] >= BRIGHT * scale
    if found.lossy or (_has_middle(positive, scale) and found.is_soft):
        if not ends_in_white:
            raise Undecided("they are soft, and not even the brightest is white")
        if found.num_between > MOST_SOFT * found.shown.total():
            raise Undecided("most values are neither black nor white, as in a picture that is no mask")
        return Decision("grey", scale=scale)
    return _of_ids(found, tuple(positive))


def _has_middle(positive: list[int], scale: int) -> bool:
    return any(LARGEST_LABEL * scale < value < BRIGHT * scale for value in positive)


def _of_ids(found: Found, positive: tuple[int, ...]) -> Decision:
    white = WHITE * found.scale
    if positive[-1] != white:
        return _several_grey(positive, ())
    if positive[-2] > LARGEST_LABEL * found.scale:
        raise Undecided(f"{white} is beside other values: an object, or void")
    if not found.together and found.scale == 1:
        raise Undecided("255 is in some pictures, other values in others")
    return _several_grey(positive[:-1], (white,))


def _several_grey(objects: tuple[int, ...], void: tuple[int, ...]) -> Decision:
    if len(objects) > MOST_OBJECTS:
        raise Undecided(f"they have {len(objects)} values")
    return Decision("palette" if void else "ids", objects=objects, void=void)


def notes_of(decision: Decision, found: Found) -> tuple[str, ...]:
    """What a person should know of a decision that they did not make."""
    if not decision.guessed or found.is_empty:
        return ()
    names = ", ".join(name_of(value) for value in decision.objects[:NAMED])
    out = []
    if decision.values == "alpha":
        out.append("the masks lie in the alpha channel")
    if len(decision.objects) > 1:
        out.append(f"the masks' values were read as {counted(len(decision.objects), 'object')}: {names}")
    if decision.void:
        out.append(f"{name_of(decision.void[0])} was read as void: these pixels are of no object")
    return tuple(out)


OPTION: Mapping[MaskValues, str] = {
    "binary": "what is not 0 is the object",
    "grey": "what is brighter than half is the object",
    "ids": "every value but 0 is an object",
    "palette": "the same, and 255 is void",
    "alpha": "what is opaque is the object",
}
"""What each word says."""
