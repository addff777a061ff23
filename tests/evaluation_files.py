"""Tiny annotation and result files in the forms of the references, made of masks drawn here."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from vas_tool.masks import box_xywh, to_rle
from vas_tool.types import Mask


def square(x: int, y: int, side: int, size_hw: tuple[int, int] = (40, 60)) -> Mask:
    """A square of True pixels."""
    mask = np.zeros(size_hw, dtype=bool)
    mask[max(0, y) : y + side, max(0, x) : x + side] = True
    return mask


def sail_sample(amodal: list[Mask], modal: list[Mask], obj_id: int = 7, first_image: int = 100) -> dict[str, Any]:
    """One sample of SAIL-VOS (the list that eval_diffusion_vas_sailvos.py of Diffusion-VAS reads)."""
    images = list(range(first_image, first_image + len(amodal)))
    return {
        "segmentation": [to_rle(m) for m in amodal],
        "visible_mask": [to_rle(m) for m in modal],
        "bbox": [box_xywh(m) for m in amodal],
        "image_ids": images,
        "image_file_names": [f"seq/{i:06d}.bmp" for i in images],
        "obj_id": obj_id,
        "category_id": 3,
    }


def sail_results(masks: list[Mask], obj_id: int = 7, first_image: int = 100) -> dict[str, Any]:
    """A result file of SAIL-VOS (as eval_diffusion_vas_sailvos.py writes it)."""
    return {str((first_image + i, obj_id)): {"diffvas_res_rle": to_rle(m)} for i, m in enumerate(masks)}


def tao_sample(modal: list[Mask], boxes: list[list[float]], track_id: int = 5123, video_id: int = 88) -> dict[str, Any]:
    """One sample of TAO-Amodal (diffusion_vas_tao_amodal_val.json)."""
    return {
        "track_id": track_id,
        "category_id": 805,
        "video_id": video_id,
        "file_names": [f"val/LaSOT/clip/frame{i:04d}.jpg" for i in range(len(modal))],
        "rles": [to_rle(m)["counts"] for m in modal],
        "height": modal[0].shape[0],
        "width": modal[0].shape[1],
        "amodal_bboxes": boxes,
    }


def tao_results(boxes: list[list[float]], relative: int = 4, video_id: int = 88) -> dict[str, Any]:
    """A result file of TAO-Amodal (as eval_diffusion_vas_tao_amodal.py writes it)."""
    keys = [str((video_id, f"frame{i:04d}.jpg", str(relative))) for i in range(len(boxes))]
    return {key: {"diffvas_res_bbox": box} for key, box in zip(keys, boxes, strict=True)}


def written(path: Path, data: Any) -> Path:
    """The data as a JSON file."""
    path.write_text(json.dumps(data))
    return path
