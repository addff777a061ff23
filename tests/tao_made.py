"""Reads ``assets/tao_made``: its clips with the exact truth of every track."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vas_tool.boxes.keyframes import mask_corners
from vas_tool.masks import box_xyxy, from_rle
from vas_tool.types import AmodalBox, ArrayClip, Canvas, Mask

ROOT = Path(__file__).parent.parent / "assets" / "tao_made"
PADDING = 0.5
"""Of the canvas that the amodal masks of the truth lie on."""


@dataclass(frozen=True)
class Track:
    """One object of one clip."""

    name: str
    """``street 3``: clip and track."""
    clip: ArrayClip
    modal: dict[int, Mask]
    """(144, 256)."""
    amodal: list[Mask]
    """(288, 512), one a frame."""
    canvas: Canvas
    annotated: tuple[AmodalBox, ...]
    """The boxes of the annotation file."""

    @property
    def true_boxes(self) -> tuple[AmodalBox, ...]:
        """The box of every frame on which the object is anywhere on the canvas."""
        tight = ((f, box_xyxy(mask)) for f, mask in enumerate(self.amodal))
        return tuple(AmodalBox(f, *mask_corners(box, self.canvas)) for f, box in tight if box is not None)

    def hidden(self, frame_index: int) -> Mask:
        """(288, 512): what of the object is not seen, within the picture and beyond it."""
        return self.without_seen(self.amodal[frame_index], frame_index)

    def without_seen(self, mask: Mask, frame_index: int) -> Mask:
        """A mask on the canvas, less what is seen of the object."""
        return mask & ~self.canvas.to_canvas(self.modal[frame_index])


def tracks() -> Iterator[Track]:
    """Every track of the data set."""
    truth = json.loads((ROOT / "truth.json").read_text())
    data = json.loads((ROOT / "amodal_annotations" / "validation.json").read_text())
    frame_of = {image["id"]: image["frame_index"] for image in data["images"]}
    for name, by_track in truth.items():
        clip = _clip(name)
        for track_id, masks in by_track.items():
            boxes = [a for a in data["annotations"] if a["track_id"] == int(track_id)]
            yield Track(
                f"{name} {track_id}",
                clip,
                {f: from_rle({"size": [144, 256], "counts": counts}) for f, counts in enumerate(masks["modal"])},
                [from_rle({"size": [288, 512], "counts": counts}) for counts in masks["amodal"]],
                Canvas.padded(clip.size_wh, PADDING),
                tuple(_box(frame_of[a["image_id"]], a["amodal_bbox"]) for a in boxes),
            )


def _box(frame_index: int, xywh: list[float]) -> AmodalBox:
    x, y, width, height = xywh
    return AmodalBox(frame_index, x, y, x + width, y + height)


def _clip(name: str) -> ArrayClip:
    files = sorted((ROOT / "frames" / "val" / "Made" / name).iterdir())
    return ArrayClip(np.stack([cv2.imread(str(path))[..., ::-1] for path in files]))
