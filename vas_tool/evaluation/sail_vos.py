"""Reads and measures SAIL-VOS as Diffusion-VAS prepares it (eval_diffusion_vas_sailvos.py,
metric_diffusion_vas_sailvos.py).

truth        a list of samples: segmentation, visible_mask (RLE), bbox, image_ids, image_file_names; obj_id, category_id
predictions  {"(image_id, obj_id)": {"diffvas_res_rle": {"counts", "size"}}}, masks of 256 x 512 (height, width)
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.evaluation.averages import dropped_zeros
from vas_tool.evaluation.dataset import Predictions, Truth, TruthClip, TruthFrame, box_of
from vas_tool.evaluation.mask_sources import MaskSource, RleMask
from vas_tool.evaluation.measuring import Protocol, linear
from vas_tool.evaluation.overlap import (
    gone_iou,
    invented,
    reference_iou,
    reference_occluded_iou,
    strict_iou,
    strict_occluded_iou,
)
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.records import load_list, load_results, require_keys, require_lists, whole

LISTS = ("segmentation", "visible_mask", "bbox", "image_ids", "image_file_names")
"""Keys of a sample that hold one entry per frame."""

RESULT = "diffvas_res_rle"
"""Key of the mask in a record of the result file."""

RESULT_HW = (256, 512)
"""(height, width) of the masks of a result. The reference's script reshapes each mask to it and fails for other
sizes."""

SIZE_HW = (800, 1280)
"""(height, width) at which metric_diffusion_vas_sailvos.py measures."""

NUM_FRAMES = 25
"""Frames of a sample. metric_diffusion_vas_sailvos.py reshapes to this number."""

STRICT = {"miou": strict_iou, "miou_occ": strict_occluded_iou, "miou_gone": gone_iou, "invented": invented}
"""Strict measures of all benchmarks of masks, by name."""

STRICT_ABOUT = (
    "miou: IoU of the whole masks; 1 where both are empty. A frame without an answer counts as 0.",
    "miou_occ: IoU of the hidden parts on every frame that hides something; a total miss is 0.",
    "miou_gone: IoU of the whole masks on frames that show nothing of the object. invented: where nothing is hidden, "
    "the pixels that were added, by those of the object; less is better.",
)

UNITED = "In both forms what is seen is added to every answer before it is measured, as the script does it."

PROTOCOL = Protocol(
    name="sail-vos",
    reference={"miou": lambda f: reference_iou(f.amodal, f.predicted), "miou_occ": reference_occluded_iou},
    strict=STRICT,
    reference_averaging="frames",
    finish={"miou_occ": dropped_zeros},
    unites_with_modal=True,
    fit=linear,
    about={
        "reference": (
            "miou: mean over frames of |A and P| / (|A or P| + 1e-6), P united with the modal mask.",
            "miou_occ: both hidden parts eroded by 5 x 5; frames below 1e-6 are dropped, total misses with them.",
            "Answers of another size are brought to the truth's by linear interpolation of 0 and 1, rounded.",
        ),
        "strict": (*STRICT_ABOUT, UNITED),
    },
)


def key_of(image_id: int, obj_id: int) -> str:
    """Return the key of one object on one image in the result file."""
    return str((image_id, obj_id))


def read_truth(path: Path) -> Truth:
    """Return the usable samples, and the problems of the others. Raises FormatError when the file has another form.

    Masks are checked when they are measured.
    """
    clips: list[TruthClip] = []
    problems: list[Problem] = []
    for position, record in enumerate(load_list(path, "samples")):
        where = _name(record, position)
        try:
            clips.append(_clip(record, where))
        except FormatError as error:
            problems.append(Problem(where, str(error), "bad record"))
    return Truth(tuple(clips), tuple(problems), _notes(clips))


def _name(record: Any, position: int) -> str:
    obj_id = record.get("obj_id") if isinstance(record, dict) else None
    return f"sample {position} (obj_id {obj_id})" if obj_id is not None else f"sample {position}"


def _clip(record: Any, name: str) -> TruthClip:
    require_keys(record, (*LISTS, "obj_id", "category_id"))
    count, obj_id = require_lists(record, LISTS), whole(record, "obj_id")
    frames = []
    for i in range(count):
        image_id = record["image_ids"][i]
        if type(image_id) is not int:
            raise FormatError(f"image_ids[{i}] must be a whole number, got {reprlib.repr(image_id)}")
        try:
            amodal, modal = RleMask.of(record["segmentation"][i]), RleMask.of(record["visible_mask"][i])
            box = box_of(record["bbox"][i])
        except FormatError as error:
            raise FormatError(f"frame {i}: {error}") from error
        image = str(record["image_file_names"][i])
        frames.append(TruthFrame(key_of(image_id, obj_id), modal, amodal, amodal_xywh=box, image=image))
    return TruthClip(name, str(record["category_id"]), tuple(frames))


def _notes(clips: list[TruthClip]) -> tuple[str, ...]:
    notes = []
    if odd := [clip.name for clip in clips if len(clip.frames) != NUM_FRAMES]:
        notes.append(
            f"{len(odd)} samples have not {NUM_FRAMES} frames, the reference's script would stop: {', '.join(odd[:5])}."
        )
    others = sum(mask.size_hw != SIZE_HW for clip in clips for mask in _rle_masks(clip))
    if others:
        notes.append(
            f"{others} masks of the truth are not {SIZE_HW[0]} x {SIZE_HW[1]} (height, width): the reference's script "
            "would resize them to that; they are measured as they are."
        )
    return tuple(notes)


def _rle_masks(clip: TruthClip) -> Iterator[RleMask]:
    for frame in clip.frames:
        yield from (mask for mask in (frame.amodal, frame.modal) if isinstance(mask, RleMask))


def read_predictions(path: Path) -> Predictions:
    """Read a result file with keys ``(image_id, obj_id)``. Raises FormatError when the file has another form."""
    masks: dict[str, MaskSource] = {}
    results, problems = load_results(path)
    for key, record in results.items():
        try:
            require_keys(record, (RESULT,))
            masks[key] = RleMask.of(record[RESULT])
        except FormatError as error:
            problems.append(Problem(key, f"{path.name}: {error}", "bad record"))
    others = sum(isinstance(mask, RleMask) and mask.size_hw != RESULT_HW for mask in masks.values())
    note = (
        f"{others} masks of {path.name} are not {RESULT_HW[0]} x {RESULT_HW[1]} (height, width), the grid of results: "
    )
    notes = (f"{note}the reference's script would stop; they are measured at the size they have.",) if others else ()
    return Predictions(path.stem, masks, problems=tuple(problems), notes=notes)


def results_json(masks: Mapping[str, RleMask]) -> str:
    """Return the text of a result file from masks by key, indented by 4 as the reference writes it."""
    records = {key: {RESULT: {"counts": mask.counts, "size": list(mask.size_hw)}} for key, mask in masks.items()}
    return json.dumps(records, indent=4)
