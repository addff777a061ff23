"""The content of an annotation file with masks, independent of its format: videos, their pictures, and objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vas_tool.formats.origin import Id
from vas_tool.types import Mask, SizeWH

ReadMask = Callable[[], Mask]
"""A function that draws a (H, W) mask of the picture's size."""

Xyxy = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the picture."""


@dataclass(frozen=True)
class AnnotatedTrack:
    """One object of a video. Its masks are keyed by the index of the picture in ``AnnotatedVideo.files``."""

    id: Id
    label: str
    category_id: int = 0
    """Id of the category in the file; 0 if the format has none."""
    modal: Mapping[int, ReadMask] = field(default_factory=dict)
    """Modal masks; an empty mask states that nothing of the object is seen."""
    amodal: Mapping[int, ReadMask] = field(default_factory=dict)
    """Amodal masks; empty if the file has none."""
    boxes: Mapping[int, Xyxy] = field(default_factory=dict)
    """Boxes around the visible part, where the file has no mask."""


@dataclass(frozen=True)
class AnnotatedVideo:
    """The pictures of one video, and its objects."""

    id: Id
    name: str
    size_wh: SizeWH
    files: tuple[str, ...]
    """Paths of all pictures relative to the pictures' root folder, in order."""
    tracks: tuple[AnnotatedTrack, ...]
    annotated: tuple[int, ...] | None = None
    """Indices of the annotated pictures, ascending; None if all are. The clip holds each of them."""
    fps: float | None = None
    """Pictures per second; None if the file does not state it."""
    seconds: tuple[float, ...] | None = None
    """Time of each picture in seconds; None if the file does not state it."""
    image_ids: Mapping[int, Id] = field(default_factory=dict)
    """Index of a picture -> its id in the file."""
    in_front: tuple[tuple[Id, Id, int], ...] = ()
    """(track in front, track behind, index of the picture), as the file states it."""


@dataclass(frozen=True)
class AnnotatedFile:
    """The readable videos of an annotation file, and its problems."""

    format: str
    videos: tuple[AnnotatedVideo, ...]
    problems: tuple[str, ...] = ()
    """One sentence for each record that was left out, with its id."""
