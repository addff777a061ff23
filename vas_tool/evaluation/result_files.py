"""Writes result files in the forms that the references' own scripts read. See ``RESULTS``."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import vas_tool.evaluation.eoras as eoras
import vas_tool.evaluation.kitti as kitti
import vas_tool.evaluation.sail_vos as sail_vos
import vas_tool.evaluation.tabe51 as tabe51
import vas_tool.evaluation.tao_amodal as tao_amodal
from vas_tool.errors import FormatError
from vas_tool.evaluation.mask_sources import RleMask
from vas_tool.evaluation.measuring import linear
from vas_tool.evaluation.predicting import ClipAnswer, quarter_padding
from vas_tool.masks import box_xyxy
from vas_tool.storage import write_atomically
from vas_tool.types import Canvas, Mask, SizeWH


@dataclass(frozen=True)
class ResultForm:
    """How the results of one benchmark are written."""

    write: Callable[[Iterable[ClipAnswer], Path], int]
    """A function: (answers, file or folder) -> number of frames written."""
    padding: Callable[[SizeWH], Canvas] = Canvas
    """A function: (width, height) of a frame -> the canvas of the amodal masks."""


def _write_sail(answers: Iterable[ClipAnswer], path: Path) -> int:
    """Write {"(image_id, obj_id)": {"diffvas_res_rle"}} with masks of 256 x 512, the only size the reference's script
    takes.
    """
    masks = {
        answer.clip.frames[i].key: RleMask.from_mask(linear(answer.canvas.to_frame(mask), sail_vos.RESULT_HW))
        for answer in answers
        for i, mask in answer.amodal.items()
    }
    write_atomically(_file(path), sail_vos.results_json(masks).encode())
    return len(masks)


def _write_tao(answers: Iterable[ClipAnswer], path: Path) -> int:
    records = {
        answer.clip.frames[i].key: tao_record(mask, answer.modal[i], answer.canvas)
        for answer in answers
        for i, mask in answer.amodal.items()
    }
    write_atomically(_file(path), tao_amodal.results_json(records).encode())
    return len(records)


def tao_record(amodal: Mask, modal: Mask, canvas: Canvas) -> Mapping[str, Any]:
    """Return the record of one frame in the results of eval_diffusion_vas_tao_amodal.py.

    The box is united with the modal box and is in the frame's coordinates. The masks are on the padded canvas; the
    amodal mask is united with the modal mask.
    """
    padded = canvas.to_canvas(modal)
    united = np.asarray(amodal | padded)
    box = box_xyxy(united) or (canvas.pad_left, canvas.pad_top, canvas.pad_left, canvas.pad_top)
    x, y = box[0] - canvas.pad_left, box[1] - canvas.pad_top
    return {
        tao_amodal.RESULT_BOX: [x, y, box[2] - box[0], box[3] - box[1]],
        tao_amodal.RESULT_MASK: RleMask.from_mask(united).rle,
        tao_amodal.MODAL_MASK: RleMask.from_mask(padded).rle,
    }


def _write_tabe(answers: Iterable[ClipAnswer], path: Path) -> int:
    """Write the next generations into the folder ``vis``. Generations of other seeds stay."""
    count, first = 0, _next_generation(path)
    for answer in answers:
        masks = {
            (answer.clip.name, int(answer.clip.frames[i].key.rpartition("/")[2])): answer.canvas.to_frame(mask)
            for i, mask in answer.amodal.items()
        }
        tabe51.write_results(path, masks, generation=first + answer.generation)
        count += len(masks) if answer.generation == 0 else 0
    return count


def _next_generation(vis: Path) -> int:
    taken = [int(p.name) for p in vis.glob(f"*/{tabe51.MASKS}/*") if p.name.isdigit()]
    return max(taken, default=-1) + 1


def _write_movi(answers: Iterable[ClipAnswer], path: Path) -> int:
    count = 0
    for answer in answers:
        for i, mask in answer.amodal.items():
            video, obj, t = eoras.parts_of(answer.clip.frames[i].key)
            file = path / video / f"segmentation_{obj}_{t:05d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            value = np.uint8(min(255, int(obj) + 1))
            Image.fromarray(answer.canvas.to_frame(mask).astype(np.uint8) * value).save(file)
            count += 1
    return count


def _write_kitti(answers: Iterable[ClipAnswer], path: Path) -> int:
    """Write a pickle in the form of the full masks, or JSON when the name of the file ends so."""
    masks = {
        eoras.parts_of(answer.clip.frames[i].key): RleMask.from_mask(answer.canvas.to_frame(mask))
        for answer in answers
        for i, mask in answer.amodal.items()
    }
    nested = kitti.results_of(masks)
    if path.suffix == ".json":
        write_atomically(_file(path), json.dumps(nested).encode())
    else:
        write_atomically(_file(path), pickle.dumps(kitti.with_numbers(nested)))
    return len(masks)


def _file(path: Path) -> Path:
    if path.is_dir() or not path.parent.is_dir():
        raise FormatError(f"{path} must be a file in a folder that is there; give another --out")
    return path


RESULTS: dict[str, ResultForm] = {
    "sail-vos": ResultForm(_write_sail),
    "tao-amodal": ResultForm(_write_tao, quarter_padding),
    "tabe-51": ResultForm(_write_tabe),
    "movi": ResultForm(_write_movi),
    "kitti": ResultForm(_write_kitti),
}
"""Name of a benchmark -> how its results are written."""
