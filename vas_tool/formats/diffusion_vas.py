"""Writes the samples of 25 frames on which Diffusion-VAS is trained: a JSON list.

Samples are written in the form of its SAIL-VOS files (diffusion_vas_sailvos_train.json), for fine-tuning:

    segmentation, visible_mask    25 RLE each: amodal and modal, cut to the picture; none is empty, because the loader
                                  fails on empty masks
    bbox                          25 boxes [x, y, width, height] of ``segmentation``
    image_ids, obj_id, category_id, image_file_names
    category, track_id, video_id, frame_indices, amodal_bboxes (may leave the picture), and 25 of each key of TRUST

The loader concatenates its base path and the file names without a separator: end the base path with ``/``.

``sample_reading`` reads such files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_list
from vas_tool.formats.sample_reading import SAMPLE_FRAMES
from vas_tool.formats.tally import CountedObject, ExportSummary, Tally
from vas_tool.formats.video_stream import VideoStream, summary_of
from vas_tool.formats.videos import ObjectOnFrame, objects_on_frames
from vas_tool.project import Project

TRUST = ("review", "needs_work", "engine", "hypothesis", "given_box", "amodal_is_uncertain")
"""Further keys of a sample, with one entry per frame as in ``coco``; null where a frame has no such entry."""


def write_samples(
    projects: Sequence[Project], path: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> ExportSummary:
    """Write every object's windows of 25 consecutive frames. Windows do not overlap, and each starts as early as
    possible.

    ``only_accepted`` takes only windows whose frames are all accepted. The same projects give the same bytes.
    Raises FormatError when there is no project, or the file cannot be written; Cancelled.
    """
    videos, tally = VideoStream(projects), Tally()
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    with text_in_place(path) as file:
        write_list(file, _samples(found, videos.categories, tally))
        file.write("\n")
    return summary_of(tally, videos, path, only_accepted=only_accepted)


@dataclass
class _Window:
    """Consecutive frames of one object, fewer than 25 so far."""

    rows: list[tuple[CountedObject, dict[str, Any]]]

    def follows(self, on_frame: ObjectOnFrame) -> bool:
        return bool(self.rows) and self.rows[-1][0].frame_index == on_frame.masks.frame_index - 1


def _samples(found: Iterable[ObjectOnFrame], categories: Mapping[str, int], tally: Tally) -> Iterator[dict[str, Any]]:
    windows: dict[int, _Window] = {}
    for on_frame in found:
        window = windows.setdefault(on_frame.track_id, _Window([]))
        usable = on_frame.masks.whole.any() and on_frame.masks.modal.any()
        if not (usable and window.follows(on_frame)):
            _drop(window, tally)
        if not usable:
            tally.unfit_for("in_no_sample", on_frame.counted)
            continue
        window.rows.append((on_frame.counted, _row(on_frame)))
        if len(window.rows) == SAMPLE_FRAMES:
            yield _sample_json(on_frame, [row for _, row in window.rows], categories)
            window.rows.clear()
    for window in windows.values():
        _drop(window, tally)


def _drop(window: _Window, tally: Tally) -> None:
    for counted, _ in window.rows:
        tally.unfit_for("in_no_sample", counted)
    window.rows.clear()


def _row(on_frame: ObjectOnFrame) -> dict[str, Any]:
    """Return the entries of one frame; each key of the sample is a list of them."""
    masks = on_frame.masks
    record = masks.json()
    return {
        "segmentation": record["segmentation"],
        "visible_mask": record["visible_mask"],
        "bbox": record["bbox"],
        "image_ids": on_frame.image_id,
        "image_file_names": on_frame.video.file_name(masks.frame_index),
        "frame_indices": masks.frame_index,
        "amodal_bboxes": record["amodal_bbox"],
        **{key: record.get(key) for key in TRUST},
    }


def _sample_json(last: ObjectOnFrame, rows: list[dict[str, Any]], categories: Mapping[str, int]) -> dict[str, Any]:
    obj = last.masks.obj
    return {
        **{key: [row[key] for row in rows] for key in rows[0]},
        "obj_id": obj.id,
        "category_id": categories[obj.label],
        "category": obj.label,
        "track_id": last.track_id,
        "video_id": last.video.id,
    }
