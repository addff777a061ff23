"""Joins annotated pictures into videos, and the masks on them into tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedTrack, AnnotatedVideo, ReadMask
from vas_tool.formats.annotations.checked_records import Records
from vas_tool.formats.coco_fields import Kind, is_id, is_integer, is_number, is_size, is_text
from vas_tool.formats.origin import Id
from vas_tool.video.order import natural

IMAGE_FIELDS: Mapping[str, Kind] = {"id": is_id, "file_name": is_text, "width": is_size, "height": is_size}
"""Key of a picture's record -> check of its value."""

Key = tuple[str, Id]
"""("video", its id), or ("image", its id) for a picture that belongs to no video."""


@dataclass
class _Track:
    label: str
    category_id: int
    modal: dict[int, ReadMask] = field(default_factory=dict)
    amodal: dict[int, ReadMask] = field(default_factory=dict)


class PictureVideos:
    """Collects the masks of a file with one record per picture.

    Pictures with the same ``video_id`` are one video, in the order of ``frame_index`` if all state it, else of their
    names. Any other picture is a video of one frame.
    """

    def __init__(self, images: Records, videos: Records) -> None:
        self._videos = videos
        self._images: dict[Key, list[dict[str, Any]]] = {}
        for image in images.values():
            self._images.setdefault(self._key(image), []).append(image)
        for own in self._images.values():
            stated = all(is_integer(image.get("frame_index")) for image in own)
            own.sort(key=lambda i: (i["frame_index"] if stated else 0, natural(i["file_name"])))
        self._place = {i["id"]: (key, place) for key, own in self._images.items() for place, i in enumerate(own)}
        self._tracks: dict[Key, dict[Id, _Track]] = {}
        self._orders: dict[Key, list[tuple[Id, Id, int]]] = {}

    def _key(self, image: Mapping[str, Any]) -> Key:
        video = image.get("video_id")
        return ("video", video) if is_id(video) and video in self._videos else ("image", image["id"])

    def add(
        self,
        image_id: Id,
        track_id: Id,
        *,
        label: str,
        category_id: int,
        modal: ReadMask | None,
        amodal: ReadMask | None,
    ) -> None:
        """Add the masks of one object on one picture; None for a mask that the file does not have.

        Raises FormatError when the track has a mask on that picture already, or another label on other pictures.
        """
        key, place = self._place[image_id]
        track = self._tracks.setdefault(key, {}).setdefault(track_id, _Track(label, category_id))
        if track.label != label:
            raise FormatError(f"its label is {label!r}, its track {track_id} is {track.label!r} on another picture")
        if place in track.modal or place in track.amodal:
            raise FormatError(f"its track {track_id} has a mask on image {image_id} already")
        if modal is not None:
            track.modal[place] = modal
        if amodal is not None:
            track.amodal[place] = amodal

    def add_order(self, image_id: Id, front: Id, behind: Id) -> None:
        """State that one track is in front of another on a picture."""
        key, place = self._place[image_id]
        self._orders.setdefault(key, []).append((front, behind, place))

    def videos(self, problems: list[str]) -> tuple[AnnotatedVideo, ...]:
        """Return the videos with their tracks. A video with pictures of several sizes is left out; ``problems``
        receives a sentence for it.
        """
        made = []
        for key, own in self._images.items():
            sizes = {(image["width"], image["height"]): image for image in own}
            if len(sizes) > 1:
                names = ", ".join(f"{i['file_name']} {size}" for size, i in sizes.items())
                problems.append(f"{key[0]} {key[1]}: its pictures have {len(sizes)} sizes ({names}); a clip needs one")
            else:
                made.append(self._video(key, own))
        return tuple(made)

    def _video(self, key: Key, own: list[dict[str, Any]]) -> AnnotatedVideo:
        record: Mapping[str, Any] = self._videos.get(key[1], {}) if key[0] == "video" else {}
        first = PurePosixPath(own[0]["file_name"])
        name = record.get("name") or (str(first.parent) if key[0] == "video" else str(first.with_suffix("")))
        fps, times = record.get("fps"), [image["pts_seconds"] for image in own if is_number(image.get("pts_seconds"))]
        return AnnotatedVideo(
            id=key[1],
            name=str(name),
            size_wh=(own[0]["width"], own[0]["height"]),
            files=tuple(image["file_name"] for image in own),
            tracks=tuple(
                AnnotatedTrack(i, t.label, t.category_id, t.modal, t.amodal)
                for i, t in self._tracks.get(key, {}).items()
            ),
            fps=float(fps) if fps is not None and is_number(fps) and fps > 0 else None,
            seconds=tuple(map(float, times)) if len(times) == len(own) else None,
            image_ids={place: image["id"] for place, image in enumerate(own)},
            in_front=tuple(self._orders.get(key, ())),
        )
