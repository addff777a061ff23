"""Reads COCO files that this tool exported, as typed records. ``verify`` lists all problems of such a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vas_tool.errors import FormatError
from vas_tool.formats.json_files import load_json
from vas_tool.formats.masks_on_frame import Review
from vas_tool.masks import CocoRle, from_rle
from vas_tool.types import Mask, SizeWH

Record = TypeVar("Record")

FORMAT = "coco"
"""Value of ``info.format`` in files of ``write_coco``."""


@dataclass(frozen=True)
class CocoImage:
    """One frame of a video."""

    id: int
    video_id: int
    file_name: str
    size_wh: SizeWH
    frame_index: int
    source_index: int
    """Index of the frame in the source video, from 0."""
    pts_seconds: float
    """Time stamp in the source video, in seconds."""


@dataclass(frozen=True)
class CocoAnnotation:
    """One object on one frame. Masks stay run lengths until they are read."""

    id: int
    image_id: int
    video_id: int
    track_id: int
    object_id: int
    label: str
    frame_index: int
    amodal_rle: CocoRle
    """Run lengths of the amodal mask, cut to the picture."""
    modal_rle: CocoRle
    """Run lengths of the modal mask."""
    amodal_bbox_xywh: tuple[int, int, int, int]
    """Box of the whole amodal mask; may reach beyond the picture."""
    out_of_frame: bool
    """Whether the amodal mask reaches beyond the picture."""
    amodal_is_uncertain: bool
    """Whether no amodal mask was made, or its maker was unsure and nobody accepted it."""
    visibility: float
    """Visible pixels / all pixels of the amodal mask, those beyond the picture included, 0..1."""
    occlude_rate: float
    """Hidden share of the amodal mask inside the picture, 0..1."""
    review: Review

    @property
    def amodal(self) -> Mask:
        """Return the (H, W) amodal mask, cut to the picture. Raises FormatError when the runs are damaged."""
        return self._decoded(self.amodal_rle)

    @property
    def modal(self) -> Mask:
        """Return the (H, W) modal mask; all False where the object is wholly hidden. Raises FormatError."""
        return self._decoded(self.modal_rle)

    def _decoded(self, rle: CocoRle) -> Mask:
        try:
            return from_rle(rle)
        except FormatError as error:
            raise FormatError(f"annotation {self.id}: {error}") from error


@dataclass(frozen=True)
class CocoFile:
    """The content of an exported COCO file, in the file's order."""

    video_names: dict[int, str]
    """Video id -> name."""
    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    """One record per object and frame."""


def read_coco(path: Path) -> CocoFile:
    """Read a file of ``write_coco``. Raises FormatError when it is missing, is not JSON, or lacks a key."""
    data = load_json(path)
    info = data.get("info") if isinstance(data, dict) else None
    made_as = info.get("format", FORMAT) if isinstance(info, dict) else FORMAT
    if made_as != FORMAT:
        raise FormatError(f"{path} is an export of the format {made_as}; export the project with --format {FORMAT}")
    try:
        return coco_file(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{path} is no COCO file of vas-tool ({type(error).__name__}: {error}); `vas-tool verify {path}` lists "
            "what is wrong"
        ) from error


def coco_file(data: Any) -> CocoFile:
    """Return a parsed COCO file as records. Raises LookupError, TypeError, ValueError or AttributeError when a list or
    a key is missing or has a wrong type.
    """
    labels = {item["id"]: item["name"] for item in data["categories"]}
    return CocoFile(
        video_names={item["id"]: item["name"] for item in data["videos"]},
        images=_all(data["images"], _image, what="image"),
        annotations=_all(data["annotations"], lambda item: _annotation(item, labels), what="annotation"),
    )


def _all(items: list[Any], read: Callable[[Any], Record], *, what: str) -> tuple[Record, ...]:
    records = []
    for position, item in enumerate(items):
        try:
            records.append(read(item))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{what} at position {position}: {type(error).__name__} {error}") from error
    return tuple(records)


def _image(item: dict[str, Any]) -> CocoImage:
    return CocoImage(
        id=item["id"],
        video_id=item["video_id"],
        file_name=item["file_name"],
        size_wh=(item["width"], item["height"]),
        frame_index=item["frame_index"],
        source_index=item["source_index"],
        pts_seconds=item["pts_seconds"],
    )


def _annotation(item: dict[str, Any], labels: dict[int, str]) -> CocoAnnotation:
    x, y, width, height = item["amodal_bbox"]
    return CocoAnnotation(
        id=item["id"],
        image_id=item["image_id"],
        video_id=item["video_id"],
        track_id=item["track_id"],
        object_id=item["obj_id"],
        label=labels[item["category_id"]],
        frame_index=item["frame_index"],
        amodal_rle=item["segmentation"],
        modal_rle=item["visible_mask"],
        amodal_bbox_xywh=(x, y, width, height),
        out_of_frame=item["out_of_frame"],
        amodal_is_uncertain=item["amodal_is_uncertain"],
        visibility=item["visibility"],
        occlude_rate=item["occlude_rate"],
        review=item["review"],
    )
