"""Reads and measures TAO-Amodal as Diffusion-VAS prepares it: boxes (metric_diffusion_vas_tao_amodal.py).

truth        a list of samples: file_names, rles (counts of the modal masks), amodal_bboxes; track_id, video_id,
             category_id, height, width; beside it a map {video_id: first track id}
predictions  {"(video_id, 'file name', 'relative track id')": {"diffvas_res_bbox", "diffvas_res_rle", "modal_res_rle"}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.evaluation.averages import About, Numbers
from vas_tool.evaluation.boxes_overlap import THRESHOLDS, Boxes, box_iou, reference_hits, strict_hits
from vas_tool.evaluation.dataset import BoxXYWH, Predictions, Truth, TruthClip, TruthFrame, box_of
from vas_tool.evaluation.mask_sources import RleMask
from vas_tool.evaluation.measuring import Frames, Measurements, Row
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.records import load_dict, load_list, load_results, require_keys, require_lists, whole
from vas_tool.masks import box_xywh

LISTS = ("file_names", "rles", "amodal_bboxes")
RESULT_BOX, RESULT_MASK, MODAL_MASK = "diffvas_res_bbox", "diffvas_res_rle", "modal_res_rle"

ABOUT: About = {
    "reference": (
        "ap25, ap50, ap75: the share of frames whose box IoU lies strictly above the threshold; no ranking, no "
        "categories.",
        "miou: mean box IoU over frames. Boxes are real numbers and may leave the picture.",
    ),
    "strict": (
        "ap25, ap50, ap75: the share of frames whose box IoU reaches the threshold. miou: mean box IoU. A frame "
        "without an answer counts as a miss.",
    ),
}

MODAL_ROW = "modal (convex: the same boxes)"
"""Name of the baseline. A mask and its convex hull have the same box."""


def key_of(video_id: int, file_name: str, relative_track: int) -> str:
    """Return the key of one track on one frame in the result file: the file's base name, and the track id as text."""
    return str((video_id, PurePosixPath(file_name).name, str(relative_track)))


def read_track_map(path: Path | None) -> dict[int, int]:
    """Return video_id -> its first absolute track id. Raises FormatError, also when no file is given."""
    if path is None:
        file = "tao_amodal_track_ids_abs2rel_val.json"
        raise FormatError(f"the result keys hold relative track ids; give --tracks {file}")
    try:
        return {int(video): int(first) for video, first in load_dict(path, "video ids and track ids").items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{path} must map video ids to track ids ({error}); name the right file") from error


def read_truth(path: Path, first_track_ids: Mapping[int, int]) -> Truth:
    """Return the usable samples, and the problems of the others. Raises FormatError when the file has another form."""
    clips: list[TruthClip] = []
    problems: list[Problem] = []
    for position, record in enumerate(load_list(path, "samples")):
        known = isinstance(record, dict) and "track_id" in record
        where = f"track {record['track_id']} (sample {position})" if known else f"sample {position}"
        try:
            clips.append(_clip(record, where, first_track_ids))
        except FormatError as error:
            problems.append(Problem(where, str(error), "bad record"))
    return Truth(tuple(clips), tuple(problems))


def _clip(record: Any, name: str, first_track_ids: Mapping[int, int]) -> TruthClip:
    require_keys(record, (*LISTS, "track_id", "video_id", "category_id", "height", "width"))
    count = require_lists(record, LISTS)
    track, video, height, width = (whole(record, key) for key in ("track_id", "video_id", "height", "width"))
    if video not in first_track_ids:
        raise FormatError(f"the track map has no video {video}")
    frames = []
    for i in range(count):
        try:
            modal = RleMask.of({"size": [height, width], "counts": record["rles"][i]})
            box = box_of(record["amodal_bboxes"][i])
        except FormatError as error:
            raise FormatError(f"frame {i}: {error}") from error
        image = str(record["file_names"][i])
        key = key_of(video, image, track - first_track_ids[video] + 1)
        frames.append(TruthFrame(key, modal, amodal_xywh=box, image=image))
    return TruthClip(name, str(record["category_id"]), tuple(frames))


def read_predictions(path: Path) -> Predictions:
    """Read a result file: boxes, and masks where it has them. Raises FormatError when the file has another form."""
    boxes: dict[str, BoxXYWH] = {}
    masks: dict[str, RleMask] = {}
    results, problems = load_results(path)
    for key, record in results.items():
        try:
            require_keys(record, (RESULT_BOX,))
            boxes[key] = box_of(record[RESULT_BOX])
            if RESULT_MASK in record:
                masks[key] = RleMask.of(record[RESULT_MASK])
        except FormatError as error:
            problems.append(Problem(key, f"{path.name}: {error}", "bad record"))
    return Predictions(path.stem, masks, boxes, tuple(problems))


# --- measuring --------------------------------------------------------------------------------------------------------


def measure_boxes(
    truth: Truth, answers: Mapping[str, Predictions], *, modal_row: bool = True, progress: Progress = silent
) -> Measurements:
    """Measure every result file and the modal boxes on every frame. Raises FormatError when no frame can be
    measured.
    """
    columns, problems = _columns(truth, progress)
    if not columns.keys:
        raise FormatError(f"the truth has no frame that can be measured{f'; {problems[0]}' if problems else ''}")
    frames = Frames(
        keys=tuple(columns.keys),
        images=tuple(columns.images),
        clips=np.array(columns.clips, np.int64),
        clip_names=tuple(clip.name for clip in truth.clips),
        categories=tuple(columns.categories),
        visibility=box_iou(_array(columns.amodal), _array(columns.modal)),
        absent=np.asarray(~(_array(columns.amodal)[:, 2:].any(axis=1) | _array(columns.modal)[:, 2:].any(axis=1))),
    )
    rows = {name: _row(_array(columns.amodal), _found(columns.keys, p.boxes)) for name, p in answers.items()}
    if modal_row:
        rows[MODAL_ROW] = _row(_array(columns.amodal), _array(columns.modal))
    return Measurements(frames, rows, tuple(problems))


@dataclass(frozen=True)
class _Columns:
    keys: list[str]
    images: list[str]
    clips: list[int]
    categories: list[str]
    amodal: list[BoxXYWH]
    modal: list[BoxXYWH]


def _columns(truth: Truth, progress: Progress) -> tuple[_Columns, list[Problem]]:
    columns, problems = _Columns([], [], [], [], [], []), list[Problem]()
    for number, clip in enumerate(truth.clips):
        progress(number, len(truth.clips), "measuring boxes")
        for frame in clip.frames:
            try:
                modal = box_of(modal_box(frame))
            except FormatError as error:
                problems.append(Problem(frame.key, f"truth: {error}", "bad mask"))
                continue
            columns.keys.append(frame.key)
            columns.images.append(frame.image)
            columns.clips.append(number)
            columns.categories.append(clip.category)
            columns.amodal.append(frame.amodal_xywh or (0.0, 0.0, 0.0, 0.0))
            columns.modal.append(modal)
    return columns, problems


def modal_box(frame: TruthFrame) -> list[int]:
    """Return the tight box [x, y, width, height] of the modal mask; zeros when it is empty. Raises FormatError."""
    modal = frame.modal
    return modal.box_xywh() if isinstance(modal, RleMask) else box_xywh(modal.read())


def _array(boxes: list[BoxXYWH]) -> Boxes:
    return np.array(boxes, np.float64).reshape(-1, 4)


def _found(keys: list[str], boxes: Mapping[str, BoxXYWH]) -> Boxes:
    """Return (N, 4) the boxes of the keys; nan where there is no answer."""
    return np.array([boxes.get(key, (np.nan,) * 4) for key in keys], np.float64).reshape(-1, 4)


def _row(true: Boxes, answered: Boxes) -> Row:
    missing = np.isnan(answered[:, 0])
    iou = box_iou(true, np.where(missing[:, None], 0.0, answered))

    def reference(values: Numbers) -> Numbers:
        return np.where(missing, np.nan, values)

    names = [f"ap{round(100 * threshold)}" for threshold in THRESHOLDS]
    hits = dict(zip(names, THRESHOLDS, strict=True))
    forms: Row = {
        "reference": {"miou": reference(iou)} | {n: reference(reference_hits(iou, t)) for n, t in hits.items()},
        "strict": {"miou": iou} | {n: strict_hits(np.where(missing, -1.0, iou), t) for n, t in hits.items()},
    }
    return forms


def results_json(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of a result file, indented by 4 as the reference writes it."""
    return json.dumps(records, indent=4)
