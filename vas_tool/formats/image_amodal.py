"""What every image-level file of modal and amodal masks holds, however it spells it."""

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
    """A picture with masks."""

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
    """Positions, among the picture's objects in their order, of those that are in front of this one."""

    @property
    def amodal(self) -> Mask:
        """(H, W). Raises FormatError when the runs are damaged."""
        return from_rle(self.amodal_rle)

    @property
    def modal(self) -> Mask:
        """(H, W); all False where nothing is seen. Raises FormatError."""
        return from_rle(self.modal_rle)


@dataclass(frozen=True)
class AmodalImages:
    """A whole file, in its order."""

    images: tuple[AmodalImage, ...]
    objects: tuple[ImageMasks, ...]


def by_image(found: Iterable[Sighting], tally: Tally) -> Iterator[tuple[list[Sighting], Occluders]]:
    """Per picture: the objects that a polygon can hold, and who of them is in front of whom (object ids)."""
    for _, group in groupby(found, key=lambda sighting: sighting.image_id):
        here = []
        for sighting in group:
            if sighting.masks.whole.any():
                here.append(sighting)
            else:
                tally.unfit_for("beyond_picture", sighting.counted)
        there = {s.masks.thing.id for s in here}
        if here:
            yield here, {s.masks.thing.id: sorted(there & set(s.occluder_ids)) for s in here}
