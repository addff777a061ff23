"""Writes TAO-Amodal annotation files, for the tests and benchmarks of their reader."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vas_tool.formats.json_files import write_lists
from vas_tool.formats.tao_amodal import TaoAmodalFile, TaoBox, TaoImage, TaoTrack
from vas_tool.types import SizeWH


def write_tao_amodal(file: TaoAmodalFile, path: Path) -> None:
    """Write an annotation file that ``read_tao_amodal`` reads."""
    labels = {track.category_id: track.category for track in file.tracks}
    of_image = {image.id: video for video in file.videos for image in video.images}
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "videos": ({"id": v.id, "name": v.name, "width": v.size_wh[0], "height": v.size_wh[1]} for v in file.videos),
        "images": (_image_json(i, v.size_wh) for v in file.videos for i in v.images),
        "tracks": ({"id": t.id, "category_id": t.category_id, "video_id": t.video_id} for t in file.tracks),
        "categories": ({"id": i, "name": name} for i, name in sorted(labels.items())),
        "annotations": (_box_json(b, t, of_image[b.image_id].size_wh) for t in file.tracks for b in t.boxes),
    }
    with path.open("w") as out:
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
