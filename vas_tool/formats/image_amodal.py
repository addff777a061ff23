"""The common content of image-level files of modal and amodal masks, independent of their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from vas_tool.formats.occlusion_order import Occluders
from vas_tool.formats.tally import Tally
from vas_tool.formats.videos import Sighting
from vas_tool.masks import CocoRle, from_rle
from vas_tool.types import Mask, SizeWH


@dataclass(frozen=True)
class AmodalImage:
    """A picture with the masks of its objects."""

    id: int
    file_name: str
    size_wh: SizeWH


@dataclass(frozen=True)
class ImageMasks:
    """One object on one picture."""

    image_id: int
    label: str
    amodal_rle: CocoRle
    modal_rle: CocoRle
    in_front: tuple[int, ...] = ()
    """Indices, in the picture's list of objects, of the objects in front of this one."""

    @property
    def amodal(self) -> Mask:
        """Return the (H, W) amodal mask. Raises FormatError when the runs are damaged."""
        return from_rle(self.amodal_rle)

    @property
    def modal(self) -> Mask:
        """Return the (H, W) modal mask; all False where nothing is seen. Raises FormatError."""
        return from_rle(self.modal_rle)


@dataclass(frozen=True)
class AmodalImages:
    """The content of a file, in its order."""

    images: tuple[AmodalImage, ...]
    objects: tuple[ImageMasks, ...]


def by_image(found: Iterable[Sighting], tally: Tally) -> Iterator[tuple[list[Sighting], Occluders]]:
    """Yield, for each picture, the objects that a polygon can hold, and which of them are in front of which (object
    ids).
    """
    for _, group in groupby(found, key=lambda sighting: sighting.image_id):
        here = []
        for sighting in group:
            if sighting.masks.whole.any():
                here.append(sighting)
            else:
                tally.unfit_for("beyond_picture", sighting.counted)
        there = {s.masks.obj.id for s in here}
        if here:
            yield here, {s.masks.obj.id: sorted(there & set(s.occluder_ids)) for s in here}
