"""The projects of one export with ids that are unique in it, and their objects frame by frame in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vas_tool.engines.base import Progress
from vas_tool.errors import FormatError
from vas_tool.formats.masks_on_frame import MasksOnFrame
from vas_tool.formats.notes import Note
from vas_tool.formats.origin import Origin
from vas_tool.formats.tally import CountedObject, Tally
from vas_tool.project import Project
from vas_tool.project.depth_order import Pair, pairs_on
from vas_tool.project.frame_facts import needs_look
from vas_tool.project.rechecks import read_rechecks
from vas_tool.project.truth import AnnotatedObject, Truth
from vas_tool.project.worktime import work_seconds


@dataclass(frozen=True)
class ExportVideo:
    """One project in an export. It holds the truth of one moment, so that an edit during the export changes nothing."""

    id: int
    name: str
    project: Project
    truth: Truth
    first_image_id: int
    """Image id of frame 0; the other frames follow."""
    first_track_id: int
    """Track id of the first object; the others follow."""
    looks: Mapping[int, Mapping[int, str]]
    """object id -> frame_index -> the reason why the frame needs work."""
    origin: Origin | None
    """The records that the project was imported from; None for a project made from a video."""
    rows: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """object id -> keys with the ids of the row of a batch that the object was made from."""

    @property
    def tracks(self) -> list[tuple[int, AnnotatedObject]]:
        """Return (track_id, object) pairs. A track_id is unique over all videos of the export."""
        return list(enumerate(self.truth.objects, self.first_track_id))

    def file_name(self, frame_index: int) -> str:
        """Return the file of a frame, relative to the common parent folder of the export's projects."""
        return f"{self.name}/frames/{self.project.clip.frame_path(frame_index).name}"

    def image_json(self, frame_index: int) -> dict[str, Any]:
        """Return the COCO record of a frame."""
        width, height = self.project.clip.size_wh
        return {
            "id": self.first_image_id + frame_index,
            "video_id": self.id,
            "file_name": self.file_name(frame_index),
            "width": width,
            "height": height,
            **self.origin_json(frame_index),
        }

    def origin_json(self, frame_index: int) -> dict[str, Any]:
        """Return the keys that state which frame of the source a frame is."""
        record = self.project.ledger[frame_index]
        return {
            "frame_index": frame_index,
            "source_index": record.source_index,
            "pts_seconds": record.pts_seconds,
        }

    def json(self) -> dict[str, Any]:
        """Return the JSON record of the video: id, size, length, frames per second, source, canvas."""
        width, height = self.project.clip.size_wh
        canvas, source = self.truth.canvas, self.project.source
        return {
            "id": self.id,
            "name": self.name,
            "width": width,
            "height": height,
            "length": len(self.project.clip),
            "fps": self.project.clip.fps,
            "source": Path(source.path).name,
            "source_sha256": source.sha256,
            **self._work_json(),
            **self._rechecks_json(),
            "canvas_padding": [canvas.pad_left, canvas.pad_top, canvas.pad_right, canvas.pad_bottom],
        }

    def _work_json(self) -> dict[str, Any]:
        """Return the seconds of work on each object, by its id; empty without any work."""
        seconds = work_seconds(self.project.folder)
        known = {str(obj.id): seconds[obj.id] for obj in self.truth.objects if obj.id in seconds}
        return {"work_seconds": known} if known else {}

    def _rechecks_json(self) -> dict[str, Any]:
        """Return the blind rechecks of the video; empty without any."""
        rechecks = read_rechecks(self.project.folder)
        return {"rechecks": [recheck.json() for recheck in rechecks]} if rechecks else {}

    def masks(self, obj: AnnotatedObject, frame_index: int) -> MasksOnFrame:
        """Return the masks of one object on one frame, and how they were made."""
        why, canvas = self.looks[obj.id].get(frame_index), self.truth.canvas
        track = self.origin.tracks.get(obj.id) if self.origin else None
        unsure = track is not None and frame_index in track.unsure
        return MasksOnFrame(self.project, obj, frame_index, canvas=canvas, needs_work=why, unsure=unsure)


@runtime_checkable
class HasImages(Protocol):
    """Videos that know the number of their frames without being opened."""

    @property
    def num_images(self) -> int:
        """Number of frames of all videos."""
        ...


@dataclass(frozen=True)
class ObjectOnFrame:
    """One object on one frame, with the ids that an export writes for it."""

    video: ExportVideo
    track_id: int
    masks: MasksOnFrame
    occluder_ids: tuple[int, ...]
    """Ids of the video's other objects that hide this one, ascending.

    An object hides it if it is visible where this one is hidden, or if a person set it in front and both amodal masks
    overlap; never if a person set it behind.
    """

    @property
    def image_id(self) -> int:
        """Image id of the frame."""
        return self.video.first_image_id + self.masks.frame_index

    @property
    def counted(self) -> CountedObject:
        """The object on the frame, as the tally counts it."""
        return CountedObject.of(self.video.name, self.masks)


def named_folders(folders: Sequence[Path]) -> tuple[Path, list[str]]:
    """Return the common parent of projects' folders, and the path of each from there, which is its video's name.

    Raises FormatError when there is no folder or one is listed twice.
    """
    if not folders:
        raise FormatError("there is no project to export; name at least one")
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(folders):
        raise FormatError("a project is listed twice; name each one once")
    root = Path(os.path.commonpath([folder.parent for folder in resolved]))
    return root, [folder.relative_to(root).as_posix() for folder in resolved]


def unreviewed(project: Project) -> list[Note]:
    """Return the notes on objects with frames that have a mask and that nobody accepted, or that need work."""
    tally = Tally()
    for obj in project.truth.objects:
        key = (project.name, obj.id, obj.label)
        unseen = sorted({*project.modal(obj.id), *project.amodal(obj.id)} - set(obj.accepted))
        looks = sorted(needs_look(project, obj.id))
        tally.unseen |= {key: unseen} if unseen else {}
        tally.needing_work |= {key: looks} if looks else {}
    return tally.unreviewed


def numbered_labels(labels: Iterable[str]) -> dict[str, int]:
    """Return label -> category id from 1, in the order of the labels."""
    return {name: i for i, name in enumerate(sorted(labels), 1)}


def category_json(categories: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the COCO records of the categories."""
    return [{"id": i, "name": name, "supercategory": "object"} for name, i in categories.items()]


def objects_on_frames(
    videos: Iterable[ExportVideo], tally: Tally, *, only_accepted: bool, progress: Progress
) -> Iterator[ObjectOnFrame]:
    """Yield the objects that go into an export, frame by frame, in the order of their ids.

    ``tally`` counts them, and those that are left out with the reason. Memory holds the masks of one frame. Raises
    Cancelled.
    """
    total = videos.num_images if isinstance(videos, HasImages) else sum(len(v.project.clip) for v in videos)
    done = 0
    for video in videos:
        for frame_index in range(len(video.project.clip)):
            ordered = pairs_on(video.truth.in_front, frame_index)
            progress(done, total, "writing masks")
            done += 1
            there = [(track_id, video.masks(obj, frame_index)) for track_id, obj in video.tracks]
            for track_id, masks in there:
                if tally.takes(video.name, masks, only_accepted=only_accepted):
                    yield ObjectOnFrame(
                        video, track_id, masks, _occluders(masks, [other for _, other in there], ordered)
                    )
    progress(total, total, "writing masks")


def _occluders(masks: MasksOnFrame, there: Sequence[MasksOnFrame], ordered: Collection[Pair]) -> tuple[int, ...]:
    own, hidden = masks.obj.id, masks.hidden

    def hides(other: MasksOnFrame) -> bool:
        if (other.obj.id, own) in ordered:
            return bool(np.logical_and(other.amodal, masks.amodal).any())
        return (own, other.obj.id) not in ordered and bool(np.logical_and(other.modal, hidden).any())

    return tuple(sorted(other.obj.id for other in there if other is not masks and hides(other)))
