"""Writes BURST files (Athar et al., WACV 2023): one record per video, with the modal masks of each frame by track.

all_image_paths           the frames, relative to <root>/<dataset>/<seq_name>; ``dataset`` and ``split`` are ".", as
                          there is no folder for either
annotated_image_paths     the frames on which at least one object is in the export
track_category_ids        obj_id as text -> category id
segmentations             for each annotated frame: obj_id as text -> {"rle": counts, "is_gt": whether the user accepted
                          it, "score": certainty 0..1}. An object without a record is not seen there, as in BURST
amodal_segmentations      not part of BURST: obj_id as text -> {"rle": counts of the amodal mask, cut to the picture},
                          and the keys of ``coco`` that say how far it can be trusted. Wholly hidden objects have one
pts_seconds               not part of BURST: the time of each frame in the source

``annotations.burst_sequences`` reads such files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.annotations.burst_sequences import REQUIRED, burst_of
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ObjectOnFrame, category_json, objects_on_frames

HERE = "."
"""Value of ``dataset`` and ``split``: the frames are in the root folder, not in a folder for either."""

KEPT = ("amodal_bbox", "out_of_frame", "visibility", "occlude_rate")
"""Keys of ``coco`` in ``amodal_segmentations``, beside those that say how far a mask can be trusted."""


def write_burst(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write projects as one BURST file. Arguments and errors are those of ``write_coco``.

    A video without any object in the export is not in the file. Memory holds the masks of one video as RLE.
    """
    videos = as_stream(projects)
    categories, tally = videos.categories, Tally(brief=videos.many)
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "categories": category_json(categories),
        "sequences": (_sequence(group, categories) for _, group in groupby(found, key=lambda s: s.video.id)),
    }
    with text_in_place(path) as file:
        write_lists(file, "burst", lists, values={"split": HERE})
    return summary_of(tally, videos, path, only_accepted=only_accepted)


def _sequence(found: Iterator[ObjectOnFrame], categories: Mapping[str, int]) -> dict[str, Any]:
    modal: dict[int, dict[str, Any]] = {}
    amodal: dict[int, dict[str, Any]] = {}
    for on_frame in found:
        video, record, key = on_frame.video, on_frame.masks.json(), str(on_frame.masks.obj.id)
        here = modal.setdefault(on_frame.masks.frame_index, {})
        here |= {key: _modal(on_frame, record)} if on_frame.masks.modal.any() else {}
        amodal.setdefault(on_frame.masks.frame_index, {})[key] = _amodal(on_frame, record)
    clip = video.project.clip
    paths = [f"frames/{clip.frame_path(i).name}" for i in range(len(clip))]
    return {
        "id": video.id,
        "seq_name": video.name,
        "dataset": HERE,
        "width": clip.size_wh[0],
        "height": clip.size_wh[1],
        "fps": int(clip.fps) if clip.fps.is_integer() else clip.fps,
        "all_image_paths": paths,
        "pts_seconds": [record.pts_seconds for record in video.project.ledger],
        "annotated_image_paths": [paths[i] for i in modal],
        "neg_category_ids": [],
        "not_exhaustive_category_ids": sorted(categories.values()),
        "track_category_ids": {str(obj.id): categories[obj.label] for _, obj in video.tracks},
        "segmentations": list(modal.values()),
        "amodal_segmentations": list(amodal.values()),
    }


def _modal(on_frame: ObjectOnFrame, record: Mapping[str, Any]) -> dict[str, Any]:
    masks = on_frame.masks
    return {"rle": record["visible_mask"]["counts"], "is_gt": masks.accepted, "score": masks.certainty}


def _amodal(on_frame: ObjectOnFrame, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rle": record["segmentation"]["counts"],
        **{key: record[key] for key in KEPT},
        "occluder_ids": list(on_frame.occluder_ids),
        **on_frame.masks.trust_json(),
    }


def check_burst(data: Any) -> list[str]:
    """Return one sentence per problem of a parsed file, with its sequence, track and picture. Every mask is decoded."""
    missing = [name for name in REQUIRED if not isinstance(data, dict) or not isinstance(data.get(name), list)]
    if missing:
        return [f"{', '.join(missing)} is missing or not a list; export the file again"]
    file = burst_of(data)
    problems = list(file.problems)
    for video in file.videos:
        for track in video.tracks:
            for place, whole in track.amodal.items():
                if (track.modal[place]() & ~whole()).any():
                    name = f"sequence {video.id} ({video.name}), track {track.id}, {video.files[place]}"
                    problems.append(f"{name}: the amodal mask does not cover the modal mask")
    return problems
