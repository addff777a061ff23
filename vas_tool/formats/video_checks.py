"""Checks video-level files that this tool exported: their lists, and each frame as an image-level record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vas_tool.formats.coco_checks import Record, check_coco, items_of
from vas_tool.formats.coco_fields import FIELDS, Kind, is_count, is_size, meaning, wrong_fields
from vas_tool.formats.youtube_vis import LISTS, as_coco


def check_youtube_vis(data: Any) -> list[str]:
    """Return one sentence per problem of a parsed video-level file, with annotation and frame; empty when there is
    none.
    """
    problems: list[str] = []
    videos: dict[int, Record] = {}
    for video in _videos(data, problems):
        if video["id"] in videos:
            problems.append(f"video {video['id']}: its id is there twice")
        videos.setdefault(video["id"], video)
    tracks = list(_tracks(data, videos, problems))
    lists = {"videos": list(videos.values()), "categories": data.get("categories"), "annotations": tracks}
    if not isinstance(lists["categories"], list):
        return [*problems, "categories is missing or not a list; export the file again"]
    return problems + [p for p in check_coco(as_coco(lists)) if p not in problems]


def _of_length(length: int, fits: Kind) -> Kind:
    def check(value: Any) -> bool:
        return isinstance(value, list) and len(value) == length and all(map(fits, value))

    check.__doc__ = f"{length} items, each: {meaning(fits)}"
    return check


def _videos(data: Any, problems: list[str]) -> Iterator[Record]:
    """Yield the videos that can be checked further."""
    lists = {"file_names": FIELDS["images"]["file_name"], "source_indices": is_count}
    lists["pts_seconds"] = FIELDS["images"]["pts_seconds"]
    for name, video in items_of(data, "videos", problems):
        wrong = dict(wrong_fields(video, FIELDS["videos"]))
        if "length" not in wrong:
            fields = {key: _of_length(video.get("length", 0), fits) for key, fits in lists.items()}
            wrong |= dict(wrong_fields(video, fields))
        problems += [f"{name}: {key} {what}" for key, what in wrong.items()]
        if not wrong:
            yield video


TRACK: dict[str, Kind] = {
    **{key: is_count for key in ("id", "video_id", "category_id", "obj_id", "iscrowd")},
    **{key: is_size for key in ("length", "width", "height")},
}


def _tracks(data: Any, videos: dict[int, Record], problems: list[str]) -> Iterator[Record]:
    """Yield the annotations that can be checked further."""
    for name, track in items_of(data, "annotations", problems):
        wrong = dict(wrong_fields(track, TRACK))
        video = videos.get(track["video_id"]) if "video_id" not in wrong else None
        if "video_id" not in wrong and video is None:
            wrong["video_id"] = f"{track['video_id']} is not in videos"
        if video is not None:
            wrong |= {key: f"is {track[key]}, its video's is {video[key]}" for key in _differing(track, video, wrong)}
            wrong |= dict(wrong_fields(track, {key: _of_length(video["length"], _anything) for key in LISTS}))
        if not wrong:
            wrong |= {f"frame {i}": "is null in some of the lists, and not in others" for i in _torn(track)}
        problems += [f"{name}: {key} {what}" for key, what in wrong.items()]
        if not wrong:
            yield track


def _anything(value: Any) -> bool:
    """Return True: the value is null or is checked with the frame's record."""
    return True


def _differing(track: Record, video: Record, wrong: dict[str, str]) -> list[str]:
    return [key for key in ("length", "width", "height") if key not in wrong and track[key] != video[key]]


def _torn(track: Record) -> list[int]:
    rows = zip(*(track[key] for key in LISTS), strict=True)
    return [i for i, row in enumerate(rows) if len({item is None for item in row}) > 1]
