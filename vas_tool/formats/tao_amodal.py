"""The records of a TAO-Amodal annotation file, and its writer: amodal boxes at about one frame per second (Hsieh et
al., arXiv 2312.12433).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
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
    """A video and its annotated frames, in their order."""

    id: Id
    name: str
    size_wh: SizeWH
    images: tuple[TaoImage, ...]


@dataclass(frozen=True)
class TaoBox:
    """One object on one annotated frame."""

    id: Id
    image_id: Id
    amodal_xywh: Xywh
    """Amodal box; may leave the frame."""
    modal_xywh: Xywh | None
    """Modal box; None where nothing is seen, or the file does not state it."""
    visibility: float = 1.0
    """IoU of the modal and the amodal box, 0..1."""
    out_of_frame: bool = False
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
    """The readable records of a file, and its problems."""

    videos: tuple[TaoVideo, ...]
    tracks: tuple[TaoTrack, ...]
    problems: tuple[str, ...] = ()
    """One sentence for each problem, with the record's id."""


def write_tao_amodal(file: TaoAmodalFile, path: Path) -> None:
    """Write an annotation file that ``read_tao_amodal`` reads. Raises FormatError when the disk refuses."""
    labels = {track.category_id: track.category for track in file.tracks}
    of_image = {image.id: video for video in file.videos for image in video.images}
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "videos": ({"id": v.id, "name": v.name, "width": v.size_wh[0], "height": v.size_wh[1]} for v in file.videos),
        "images": (_image_json(i, v.size_wh) for v in file.videos for i in v.images),
        "tracks": ({"id": t.id, "category_id": t.category_id, "video_id": t.video_id} for t in file.tracks),
        "categories": ({"id": i, "name": name} for i, name in sorted(labels.items())),
        "annotations": (_box_json(b, t, of_image[b.image_id].size_wh) for t in file.tracks for b in t.boxes),
    }
    with text_in_place(path) as out:
        write_lists(out, "tao-amodal annotations", lists)


def _image_json(image: TaoImage, size_wh: SizeWH) -> dict[str, Any]:
    index = {} if image.frame_index is None else {"frame_index": image.frame_index}
    width, height = size_wh
    return {
        "id": image.id,
        "video_id": image.video_id,
        "file_name": image.file_name,
        "width": width,
        "height": height,
        **index,
    }


def _box_json(box: TaoBox, track: TaoTrack, size_wh: SizeWH) -> dict[str, Any]:
    seen = box.modal_xywh
    modal = {} if seen is None else {"bbox": list(seen), "area": seen[2] * seen[3]}
    return {
        "id": box.id,
        "image_id": box.image_id,
        "track_id": track.id,
        "category_id": track.category_id,
        "video_id": track.video_id,
        **modal,
        "amodal_bbox": list(box.amodal_xywh),
        "amodal_is_uncertain": box.uncertain,
        "visibility": box.visibility,
        "out_of_frame": box.out_of_frame,
    }
