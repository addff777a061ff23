"""Writes and reads TAO-Amodal predictions: a JSON list of amodal boxes for TAO-Amodal's own evaluation.

    image_id, category_id, track_id, video_id
    bbox       [x, y, width, height] of the amodal mask on the canvas, in the frame's pixels: may leave the frame
    score      0..1, certainty of the less certain of the mask's engines; 1 where the user accepted the mask
    review, engine, ... keys of ``coco`` that say how far the mask can be trusted; other readers ignore them

A project that was imported from TAO-Amodal has the ids of that file, on the frames that the file annotates. Any other
project has the ids of its ``coco`` export, on every frame; that export then is the annotation file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import Kind, is_extent, is_id, is_id_number, is_rate, wrong_fields
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import load_json, write_list
from vas_tool.formats.notes import NoteKind
from vas_tool.formats.origin import Id, Origin
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.tao_amodal import Xywh
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ExportVideo, ObjectOnFrame, objects_on_frames

FORMAT = "tao-amodal"
"""Value of ``Origin.format`` for projects that were imported from TAO-Amodal."""


@dataclass(frozen=True)
class TaoPrediction:
    """One object's amodal box on one image."""

    image_id: Id
    category_id: int
    track_id: Id
    video_id: Id
    box_xywh: Xywh
    score: float
    """Certainty of the box, 0..1."""


FIELDS: dict[str, Kind] = {
    "image_id": is_id,
    "category_id": is_id_number,
    "bbox": is_extent,
    "score": is_rate,
    "track_id": is_id,
    "video_id": is_id,
}


def write_predictions(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write the boxes of open projects' amodal masks as one list. An existing file is replaced when it is complete.

    Raises FormatError when there is no project, imported and other projects are mixed (their ids would collide), they
    come from different files, or the file cannot be written; Cancelled.
    """
    videos = as_stream(projects)
    num_images, files = 0, set[str | None]()
    for video in videos:
        origin = _origin(video)
        files.add(origin.sha256 if origin else None)
        num_images += len(origin.image_ids) if origin else len(video.project.clip)
    _check_one_file(files)
    tally = Tally(brief=videos.many)
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    with text_in_place(path) as file:
        write_list(file, _records(found, tally, videos.categories))
        file.write("\n")
    return replace(summary_of(tally, videos, path, only_accepted=only_accepted), num_images=num_images)


def _origin(video: ExportVideo) -> Origin | None:
    return video.origin if video.origin and video.origin.format == FORMAT else None


def _check_one_file(files: set[str | None]) -> None:
    if len(files) > 1:
        raise FormatError(
            "the projects come from different annotation files (or some from none), so their ids would collide; "
            "export the projects of each file on their own"
        )


def _records(found: Iterator[ObjectOnFrame], tally: Tally, categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for on_frame in found:
        ids = _ids(on_frame, _origin(on_frame.video), categories)
        if isinstance(ids, str):
            tally.unfit_for(ids, on_frame.counted)
            continue
        masks = on_frame.masks
        rows = on_frame.video.rows.get(masks.obj.id, {})
        yield {**ids, **rows, "bbox": masks.amodal_bbox, "score": masks.certainty, **masks.trust_json()}


def _ids(on_frame: ObjectOnFrame, origin: Origin | None, categories: Mapping[str, int]) -> dict[str, Any] | NoteKind:
    """Return the ids of a prediction, or the reason why there is none."""
    masks = on_frame.masks
    if origin is None:
        return {
            "image_id": on_frame.image_id,
            "category_id": categories[masks.obj.label],
            "track_id": on_frame.track_id,
            "video_id": on_frame.video.id,
        }
    if masks.obj.id not in origin.tracks:
        return "no_track"
    if masks.frame_index not in origin.image_ids:
        return "not_annotated"
    track = origin.tracks[masks.obj.id]
    return {
        "image_id": origin.image_ids[masks.frame_index],
        "category_id": track.category_id,
        "track_id": track.track_id,
        "video_id": origin.video_id,
    }


def is_predictions(data: Any) -> bool:
    """Return whether a parsed file is a list of predictions."""
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and "image_id" in first and "score" in first


def read_predictions(path: Path) -> tuple[TaoPrediction, ...]:
    """Read a list of predictions, ours or of another tool. Raises FormatError when it cannot be read, or
    a record is wrong.
    """
    data = load_json(path)
    problems = check_predictions(data)
    if problems:
        raise FormatError(f"{path}: {problems[0]} ({len(problems)} such); `vas-tool verify {path}` lists them")
    return tuple(
        TaoPrediction(
            image_id=item["image_id"],
            category_id=item["category_id"],
            track_id=item["track_id"],
            video_id=item["video_id"],
            box_xywh=(item["bbox"][0], item["bbox"][1], item["bbox"][2], item["bbox"][3]),
            score=item["score"],
        )
        for item in data
    )


def check_predictions(data: Any) -> list[str]:
    """Return one sentence per problem of a parsed file, with the prediction's position and ids."""
    if not isinstance(data, list):
        return ["the file holds no list of predictions; export it again"]
    problems: list[str] = []
    seen: dict[tuple[Id, Id], str] = {}
    belongs: dict[Id, tuple[Any, Any]] = {}
    for position, item in enumerate(data):
        if not isinstance(item, dict):
            problems.append(f"prediction {position} is a {type(item).__name__}, not a record")
            continue
        name = f"prediction {position} (track_id {item.get('track_id')}, image_id {item.get('image_id')})"
        wrong = [f"{name}: {key} {what}" for key, what in wrong_fields(item, FIELDS)]
        problems += wrong
        if not wrong:
            problems += [f"{name}: {what}" for what in _repeated(item, seen, belongs=belongs, name=name)]
    return problems


def _repeated(
    item: dict[str, Any], seen: dict[tuple[Id, Id], str], *, belongs: dict[Id, tuple[Any, Any]], name: str
) -> Iterator[str]:
    first = seen.setdefault((item["track_id"], item["image_id"]), name)
    if first != name:
        yield f"its track has a box on that image already ({first})"
    here = item["video_id"], item["category_id"]
    if belongs.setdefault(item["track_id"], here) != here:
        yield f"its video and category are {here}, its track's {belongs[item['track_id']]}"
