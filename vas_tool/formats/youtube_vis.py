"""Writes video-level files in the form of YouTube-VIS: one annotation per object, with a list of masks.

``segmentations``, ``bboxes`` and ``areas`` describe the amodal masks, cut to the picture. Further lists hold the other
keys of ``coco``, in the same order. A frame without a mask is null in every list. The id of an annotation is the
object's track_id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.coco_fields import CALLED
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ExportVideo, ObjectOnFrame, category_json, objects_on_frames

LISTS = {
    "segmentations": "segmentation",
    "bboxes": "bbox",
    "areas": "area",
    "visible_masks": "visible_mask",
    "bboxes_visible": "inmodal_bbox",
    "invisible_masks": "invisible_mask",
    "amodal_bboxes": "amodal_bbox",
    "occlude_rate": "occlude_rate",
    "visibility": "visibility",
    "out_of_frame": "out_of_frame",
    "amodal_is_uncertain": "amodal_is_uncertain",
    "occluder_ids": "occluder_ids",
    "engine": "engine",
    "review": "review",
}
"""Name of a list -> the key of ``coco`` for one of its items."""

SOMETIMES = {"needs_work": "needs_work", "hypotheses": "hypothesis", "given_boxes": "given_box"}
"""Name of a list whose items may be null on frames with masks -> the key of ``coco``. ``as_coco`` ignores them."""


def write_youtube_vis(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write open projects as one video-level file. Arguments and errors are those of ``write_coco``.

    Memory holds the masks of one video as RLE.
    """
    videos = as_stream(projects)
    categories, tally = videos.categories, Tally(brief=videos.many)
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "videos": map(_video_json, videos),
        "categories": category_json(categories),
        "annotations": _annotations(found, categories),
    }
    with text_in_place(path) as file:
        write_lists(file, "youtube-vis", lists)
    return summary_of(tally, videos, path, only_accepted=only_accepted)


def _video_json(video: ExportVideo) -> dict[str, Any]:
    frames = range(len(video.project.clip))
    ledger = video.project.ledger
    return {
        **video.json(),
        "file_names": [video.file_name(i) for i in frames],
        "source_indices": [ledger[i].source_index for i in frames],
        "pts_seconds": [ledger[i].pts_seconds for i in frames],
    }


def _annotations(found: Iterable[ObjectOnFrame], categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for _, group in groupby(found, key=lambda on_frame: on_frame.video.id):
        tracks: dict[int, dict[str, Any]] = {}
        for on_frame in group:
            track = tracks.setdefault(on_frame.track_id, _track_json(on_frame, categories))
            record = {**on_frame.masks.json(), "occluder_ids": list(on_frame.occluder_ids)}
            for name, key in (LISTS | SOMETIMES).items():
                track[name][on_frame.masks.frame_index] = record.get(key)
        yield from (tracks[track_id] for track_id in sorted(tracks))


def _track_json(on_frame: ObjectOnFrame, categories: Mapping[str, int]) -> dict[str, Any]:
    clip, obj = on_frame.video.project.clip, on_frame.masks.obj
    return {
        "id": on_frame.track_id,
        "video_id": on_frame.video.id,
        "category_id": categories[obj.label],
        "obj_id": obj.id,
        **on_frame.video.rows.get(obj.id, {}),
        "iscrowd": 0,
        "length": len(clip),
        "width": clip.size_wh[0],
        "height": clip.size_wh[1],
        **{name: [None] * len(clip) for name in LISTS | SOMETIMES},
    }


def as_coco(data: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the image-level lists of ``coco`` for a parsed video-level file of this tool.

    Raises LookupError, TypeError or ValueError when the file has another form.
    """
    images = [image for video in data["videos"] for image in _images(video)]
    numbered_images = [{"id": number, **image} for number, image in enumerate(images, 1)]
    of_frame = {(image["video_id"], image["frame_index"]): image for image in numbered_images}
    records = [r for track in data["annotations"] for r in _records(track, of_frame)]
    in_order = sorted(records, key=lambda r: (r["image_id"], r["track_id"]))
    return {
        "videos": data["videos"],
        "categories": data["categories"],
        "tracks": [{key: t[key] for key in ("id", "video_id", "category_id", "obj_id")} for t in data["annotations"]],
        "images": numbered_images,
        "annotations": [{"id": number, **record} for number, record in enumerate(in_order, 1)],
    }


def _images(video: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rows = zip(video["file_names"], video["source_indices"], video["pts_seconds"], strict=True)
    for frame_index, (file_name, source_index, pts_seconds) in enumerate(rows):
        yield {
            "video_id": video["id"],
            "file_name": file_name,
            "width": video["width"],
            "height": video["height"],
            "frame_index": frame_index,
            "source_index": source_index,
            "pts_seconds": pts_seconds,
            CALLED: f"video {video['id']}, frame {frame_index}",
        }


def _records(track: dict[str, Any], of_frame: Mapping[tuple[int, int], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for frame_index, items in enumerate(zip(*(track[name] for name in LISTS), strict=True)):
        record = dict(zip(LISTS.values(), items, strict=True))
        if all(item is None for item in items):
            continue
        image = of_frame[track["video_id"], frame_index]
        yield {
            **{key: track[key] for key in ("video_id", "category_id", "obj_id", "iscrowd")},
            "track_id": track["id"],
            "image_id": image["id"],
            **record,
            "inmodal_seg": record["visible_mask"],
            **{key: image[key] for key in ("frame_index", "source_index", "pts_seconds")},
            CALLED: f"annotation {track['id']}, frame {frame_index}",
        }
