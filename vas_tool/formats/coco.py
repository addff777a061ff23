"""Projects -> one image-level COCO file with exact RLE masks, in the superset that amodal readers accept (COCOA-cls,
D2SA, KINS, AISFormer, TAO-Amodal; spec.md 6.6 and 6.7).

One annotation an object and frame. Masks of different objects may overlap and never cut one another.

    segmentation, bbox, area       the amodal mask, cut to the picture (pycocotools holds nothing beyond it)
    visible_mask = inmodal_seg     the modal mask; empty where the object is wholly hidden. inmodal_bbox is its box
    invisible_mask                 segmentation without visible_mask
    occlude_rate                   area of invisible_mask / area; 0 when nothing lies in the picture
    visibility                     seen pixels / all pixels of the amodal mask, those beyond the picture included
    amodal_bbox                    of the whole amodal mask, in the picture's coordinates: may reach beyond it
    out_of_frame                   whether it does
    amodal_is_uncertain            no amodal mask was made, or its engine was unsure and nobody accepted it
    engine                         {"modal": ..., "amodal": ...}: who made each mask; null when nobody made one
    review                         "accepted" by the person, or "unseen"

A frame with a modal mask and no amodal one takes the modal mask for both, with ``amodal_is_uncertain`` true and
``engine.amodal`` null. A frame where nothing is seen and no amodal mask has a pixel gets no annotation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, TextIO

from vas_tool import __version__
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.coco_annotation import MasksOnFrame, annotation_json
from vas_tool.formats.in_place import text_in_place
from vas_tool.project import Project
from vas_tool.truth import AnnotatedObject, Truth


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote, and what it did not."""

    path: Path
    images_root: Path
    """The folder that every ``file_name`` is relative to."""
    num_videos: int
    num_images: int
    num_annotations: int
    num_accepted: int
    num_modal_only: int
    """Annotations whose amodal mask is the modal one, because no stage made another."""
    unreviewed: tuple[str, ...]
    """A sentence for each object with frames nobody accepted; they are in the file unless ``only_accepted``."""
    left_out: tuple[str, ...]
    """What is in the projects and not in the file, and why."""


@dataclass(frozen=True)
class _Video:
    """One project's place in the file. ``truth`` is held, so that an edit during the export cannot tear it."""

    id: int
    name: str
    project: Project
    truth: Truth
    first_image_id: int
    first_track_id: int

    @property
    def tracks(self) -> list[tuple[int, AnnotatedObject]]:
        """(track_id, object), unique over all videos of the file."""
        return list(enumerate(self.truth.objects, self.first_track_id))

    def image_json(self, frame_index: int) -> dict[str, Any]:
        width, height = self.project.clip.size_wh
        return {
            "id": self.first_image_id + frame_index,
            "video_id": self.id,
            "file_name": f"{self.name}/frames/{self.project.clip.frame_path(frame_index).name}",
            "width": width,
            "height": height,
            **self.origin_json(frame_index),
        }

    def origin_json(self, frame_index: int) -> dict[str, Any]:
        """Where a frame comes from."""
        record = self.project.ledger[frame_index]
        return {
            "frame_index": frame_index,
            "source_index": record.source_index,
            "pts_seconds": record.pts_seconds,
        }

    def json(self) -> dict[str, Any]:
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
            "canvas_padding": [canvas.pad_left, canvas.pad_top, canvas.pad_right, canvas.pad_bottom],
        }


@dataclass(frozen=True)
class _Options:
    only_accepted: bool
    kins: bool


@dataclass
class _Tally:
    """What happened while the annotations were written."""

    num_annotations: int = 0
    num_accepted: int = 0
    num_modal_only: int = 0
    unseen: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)
    """(video name, object id, label) -> frames that nobody accepted."""
    empty: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)
    """The same -> frames without a mask that has a pixel."""


def write_coco(
    projects: Sequence[Project],
    path: Path,
    *,
    only_accepted: bool = False,
    kins: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write open projects as one COCO file; an existing file is replaced when the new one is complete.

    ``only_accepted`` leaves out what the person has not accepted. ``kins`` adds the key names of KINS 2020
    (i_segm, i_bbox, i_area, a_segm, a_bbox, a_area). The same projects give the same bytes, in whatever order they
    are listed. Frames are named relative to the projects' common parent folder. Memory does not grow with length.

    Raises FormatError when there is no project, one is listed twice, or the file cannot be written; Cancelled.
    """
    root, videos = _numbered(projects)
    categories = {name: i for i, name in enumerate(sorted({o.label for v in videos for o in v.truth.objects}), 1)}
    tally = _Tally()
    items = _annotations(videos, categories, tally=tally, options=_Options(only_accepted, kins), progress=progress)
    with text_in_place(path) as file:
        _write_lists(file, videos, categories=categories, annotations=items)
    return ExportSummary(
        path=path,
        images_root=root,
        num_videos=len(videos),
        num_images=sum(len(v.project.clip) for v in videos),
        num_annotations=tally.num_annotations,
        num_accepted=tally.num_accepted,
        num_modal_only=tally.num_modal_only,
        unreviewed=tuple(_sentences(tally.unseen, "not accepted")),
        left_out=_left_out(tally, only_accepted=only_accepted),
    )


def _numbered(projects: Sequence[Project]) -> tuple[Path, list[_Video]]:
    """The common parent folder, and the projects with their ids, sorted by name."""
    if not projects:
        raise FormatError("there is no project to export; name at least one")
    by_folder = {project.folder.resolve(): project for project in projects}
    if len(by_folder) < len(projects):
        raise FormatError("a project is listed twice; name each one once")
    root = Path(os.path.commonpath([folder.parent for folder in by_folder]))
    named = sorted((folder.relative_to(root).as_posix(), project) for folder, project in by_folder.items())
    truths = [project.truth for _, project in named]
    images = accumulate((len(project.clip) for _, project in named), initial=1)
    tracks = accumulate((len(truth.objects) for truth in truths), initial=1)
    rows = zip(named, truths, images, tracks, strict=False)
    return root, [
        _Video(i, name, project, truth, first_image_id=image, first_track_id=track)
        for i, ((name, project), truth, image, track) in enumerate(rows, 1)
    ]


def _write_lists(
    file: TextIO, videos: list[_Video], *, categories: dict[str, int], annotations: Iterable[dict[str, Any]]
) -> None:
    """One item a line, so that two exports can be compared with ``diff``; annotations last, one by one."""
    info = {"description": "Modal and amodal masks of objects in videos", "made_by": f"vas-tool {__version__}"}
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "videos": (v.json() for v in videos),
        "categories": ({"id": i, "name": name, "supercategory": "object"} for name, i in categories.items()),
        "tracks": (
            {"id": track, "video_id": v.id, "category_id": categories[o.label], "obj_id": o.id}
            for v in videos
            for track, o in v.tracks
        ),
        "images": (v.image_json(i) for v in videos for i in range(len(v.project.clip))),
        "annotations": annotations,
    }
    file.write('{"info":' + _line(info))
    for name, items in lists.items():
        file.write(f',\n"{name}":[')
        for number, item in enumerate(items):
            file.write((",\n" if number else "\n") + _line(item))
        file.write("]")
    file.write("}\n")


def _line(item: dict[str, Any]) -> str:
    # ASCII, because pycocotools opens files in whatever encoding the machine prefers.
    return json.dumps(item, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _annotations(
    videos: list[_Video], categories: dict[str, int], *, tally: _Tally, options: _Options, progress: Progress
) -> Iterator[dict[str, Any]]:
    total, done = sum(len(v.project.clip) for v in videos), 0
    for video in videos:
        for frame_index in range(len(video.project.clip)):
            progress(done, total, "writing masks")
            done += 1
            for track_id, thing in video.tracks:
                masks = MasksOnFrame(video.project, thing, frame_index, canvas=video.truth.canvas)
                item = _annotation(video, masks, tally, options=options)
                if item is not None:
                    ids = {"id": tally.num_annotations, "image_id": video.first_image_id + frame_index}
                    track = {"category_id": categories[thing.label], "video_id": video.id, "track_id": track_id}
                    yield {**ids, **track, **item}
    progress(total, total, "writing masks")


def _annotation(video: _Video, masks: MasksOnFrame, tally: _Tally, *, options: _Options) -> dict[str, Any] | None:
    """The annotation without its ids; None (and why, in the tally) when there is none."""
    key = (video.name, masks.thing.id, masks.thing.label)
    if not masks.amodal.any():  # it covers the modal mask: nothing is seen either
        tally.empty.setdefault(key, []).append(masks.frame_index)
        return None
    if not masks.accepted:
        tally.unseen.setdefault(key, []).append(masks.frame_index)
        if options.only_accepted:
            return None
    tally.num_annotations += 1
    tally.num_accepted += masks.accepted
    tally.num_modal_only += masks.amodal_stamp is None
    return {**annotation_json(masks, kins=options.kins), **video.origin_json(masks.frame_index)}


def _left_out(tally: _Tally, *, only_accepted: bool) -> tuple[str, ...]:
    empty = _sentences(tally.empty, "without a mask, so without an annotation")
    unseen = _sentences(tally.unseen, "left out because not accepted") if only_accepted else []
    return (*unseen, *empty)


def _sentences(frames: dict[tuple[str, int, str], list[int]], what: str) -> list[str]:
    """``car, object 1 (cup): 4 frames not accepted (0-2, 7)``."""
    return [
        f"{video}, object {object_id} ({label}): {len(found)} frame{'s' * (len(found) != 1)} {what} ({_ranges(found)})"
        for (video, object_id, label), found in sorted(frames.items())
    ]


def _ranges(ascending: Sequence[int]) -> str:
    """[0, 1, 2, 7] -> ``0-2, 7``."""
    there = set(ascending)
    starts = [i for i in ascending if i - 1 not in there]
    ends = [i for i in ascending if i + 1 not in there]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
