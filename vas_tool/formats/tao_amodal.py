"""The records of a TAO-Amodal annotation file: amodal boxes at about one frame per second (Hsieh et al., arXiv
2312.12433).
"""

from __future__ import annotations

from dataclasses import dataclass

from vas_tool.formats.origin import Id
from vas_tool.types import SizeWH

Xywh = tuple[float, float, float, float]
"""x, y, width, height in pixels of the frame."""


@dataclass(frozen=True)
class TaoImage:
    """An annotated frame."""

    id: Id
    video_id: Id
    file_name: str
    """Path relative to the frames' root folder."""
    frame_index: int | None
    """Index in the video at its own rate; None if the file does not state it."""


@dataclass(frozen=True)
class TaoVideo:
    """A video, its size in pixels, and its annotated frames in their order."""

    id: Id
    name: str
    size_wh: SizeWH
    images: tuple[TaoImage, ...]


@dataclass(frozen=True)
class TaoBox:
    """The boxes of one object on one annotated frame."""

    id: Id
    image_id: Id
    amodal_xywh: Xywh
    """Amodal box; may leave the frame."""
    modal_xywh: Xywh | None
    """Modal box; None where nothing is seen, or the file does not state it."""
    visibility: float = 1.0
    """IoU of the modal and the amodal box, 0..1."""
    out_of_frame: bool = False
    """Whether the amodal box leaves the frame."""
    uncertain: bool = False
    """Whether the annotator was unsure of the amodal box."""


@dataclass(frozen=True)
class TaoTrack:
    """One object and its boxes, in the order of the frames."""

    id: Id
    video_id: Id
    category_id: int
    category: str
    boxes: tuple[TaoBox, ...]
    unclear_images: tuple[Id, ...] = ()
    """Images where the file has a record of the object without a usable box."""


@dataclass(frozen=True)
class TaoAmodalFile:
    """The readable records of an annotation file, and its problems."""

    videos: tuple[TaoVideo, ...]
    tracks: tuple[TaoTrack, ...]
    problems: tuple[str, ...] = ()
    """One sentence for each problem, with the record's id."""
