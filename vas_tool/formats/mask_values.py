"""Decides what the values of a folder's mask pictures mean, for all pictures together, or as the user says.

binary    pixels that are not 0 are the object
grey      soft edges: pixels brighter than half are the object (demo.py of Diffusion-VAS: above 128)
ids       every value but 0 is an object
palette   every value but 0 and 255 is an object; 255 is void, as in DAVIS and VOC: pixels of no known object
alpha     opaque pixels are the object
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vas_tool.formats.mask_pixels import COLOUR, Pixels, brightness, name_of
from vas_tool.formats.mask_survey import FINE, NAMED, NEAR_ENDS, OBJECT_ABOVE, WHITE, FolderValues, PictureValues
from vas_tool.types import Mask
from vas_tool.wording import counted

MaskValues = Literal["auto", "binary", "grey", "ids", "palette", "alpha"]
"""Values of ``--mask-values``; ``auto`` decides from the pictures."""

VOID = 255
"""Void, as a palette index, and as a grey value beside small ids."""

VOID_COLOUR = COLOUR + (224 << 16) + (224 << 8) + 192
"""Colour of void in VOC's palette."""

LARGEST_LABEL = 50
"""Largest grey value that counts as an object number beside 255. Such values look black; 255 beside them is void."""

BRIGHT = 223
"""Soft edges reach at least this value."""

MOST_SOFT = 0.25
"""Greatest share, 0..1, of pixels between object and ground; a larger share means a photograph."""

MOST_OBJECTS = 64
"""Most values that count as ids without ``--mask-values ids``."""

MOST_LISTED = 255
"""Most values that can be ids, also with ``--mask-values ids``."""


class Undecided(ValueError):
    """Raised when the pictures allow more than one meaning of their values. ``str(error)`` is the reason."""


@dataclass(frozen=True)
class Decision:
    """How the pictures of a folder are read."""

    values: MaskValues
    by_index: bool = False
    """Whether palette indices count instead of the colours that they show."""
    objects: tuple[int, ...] = ()
    """For ``ids`` and ``palette``: the values of the objects, ascending."""
    void: tuple[int, ...] = ()
    scale: int = 1
    guessed: bool = True
    """False where the user decided."""

    def mask(self, pixels: Pixels, value: int) -> Mask:
        """Return the (H, W) mask of the object with this value, or of the only object if values do not number
        objects.
        """
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

    def is_unknown(self, picture: PictureValues) -> bool:
        """Return whether a picture holds void and no object."""
        there = picture.indices if self.by_index and picture.indices else picture.shown
        return not there.isdisjoint(self.void) and there.isdisjoint(self.objects)

    def loses(self, picture: PictureValues) -> bool:
        """Return whether a picture that is not empty would become an empty mask."""
        near = NEAR_ENDS if len(picture.shown) > FINE else 0
        if self.values == "alpha":
            return near < picture.most_opaque <= OBJECT_ABOVE
        return self.values == "grey" and near < picture.brightest <= OBJECT_ABOVE * self.scale


def decide_as(values: MaskValues, found: FolderValues) -> Decision:
    """Return the user's decision. Palette indices count where pictures have them. Raises Undecided when no value is
    an object.
    """
    by_index = _is_indexed(found)
    if values == "alpha" and not found.num_alphas:
        raise Undecided("no picture has an alpha channel")
    if values not in ("ids", "palette"):
        return Decision(values, by_index, scale=found.scale, guessed=False)
    void = (VOID, VOID_COLOUR) if values == "palette" else ()
    objects = tuple(n for n in sorted(found.indexed if by_index else found.shown) if n and n not in void)
    if not objects and not found.is_empty:
        raise Undecided("nothing but void is in them")
    if len(objects) > MOST_LISTED:
        raise Undecided(f"they have {len(objects)} values")
    return Decision(values, by_index, objects, void, guessed=False)


def decide(found: FolderValues) -> Decision:
    """Return the decision that follows from the pictures. Raises Undecided."""
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


def _of_values(found: FolderValues) -> Decision:
    if any(value >= COLOUR for value in found.shown):
        return _of_indices(found) if _is_indexed(found) else _of_colours(found)
    return _of_grey(found)


def _is_indexed(found: FolderValues) -> bool:
    """Return whether palette indices mean the same in every picture, and 0 is the ground."""
    if found.num_plain or 0 not in found.indexed:
        return False
    one_each = all(len(shown) == 1 for shown in found.indexed.values())
    black = [index for index, shown in found.indexed.items() if shown == {0}]
    return one_each and (0 in black or not black)


def _of_indices(found: FolderValues) -> Decision:
    objects = tuple(sorted(index for index in found.indexed if index not in (0, VOID)))
    if not objects:
        raise Undecided("the index 255 alone is in them, which is void in DAVIS and VOC")
    return _several(found, objects, (VOID,) if VOID in found.indexed else (), by_index=True)


def _of_colours(found: FolderValues) -> Decision:
    if found.lossy:
        raise Undecided("they are coloured pictures whose values were changed when they were stored (JPEG)")
    if found.indexed and found.num_plain:
        raise Undecided("some have a palette, others not")
    if 0 not in found.shown:
        raise Undecided("no pixel is black, so the background is unknown")
    objects = tuple(sorted(set(found.shown) - {0, VOID_COLOUR}))
    if len(objects) > 1 and WHITE in objects:
        raise Undecided("white is beside other colours: an object, or void")
    if not objects:
        raise Undecided("the colour of void alone is in them")
    return _several(found, objects, (VOID_COLOUR,) if VOID_COLOUR in found.shown else (), by_index=False)


def _several(found: FolderValues, objects: tuple[int, ...], void: tuple[int, ...], *, by_index: bool) -> Decision:
    if len(objects) > MOST_OBJECTS:
        raise Undecided(f"they have {len(objects)} values")
    if len(objects) > 1 and found.is_soft:
        raise Undecided("values lie along edges, as where edges are soft")
    return Decision("palette" if void else "ids", by_index, objects, void)


def _of_grey(found: FolderValues) -> Decision:
    values, scale = sorted(found.shown), found.scale
    positive = [value for value in values if value]
    if not positive:
        return Decision("binary")
    if values[0] > (NEAR_ENDS if found.lossy else 0):
        raise Undecided("no pixel is 0, so the background is unknown")
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


def _of_ids(found: FolderValues, positive: tuple[int, ...]) -> Decision:
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


def notes_of(decision: Decision, found: FolderValues) -> tuple[str, ...]:
    """Return sentences for the user about a decision that the user did not make."""
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
"""Value of the option -> its meaning, for messages."""
