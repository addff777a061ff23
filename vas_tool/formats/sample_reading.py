"""Reads the samples of 25 frames on which Diffusion-VAS is trained and measured. Wrong samples are listed.

Two forms are read: that of its SAIL-VOS files and of ``diffusion_vas.write_samples`` (RLE of both masks), and that of
``diffusion_vas_tao_amodal_val.json`` (RLE of the modal masks, and amodal boxes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import (
    Kind,
    is_box,
    is_extent,
    is_id,
    is_id_number,
    is_rle,
    is_size,
    is_text,
    wrong_fields,
)
from vas_tool.formats.json_files import load_json
from vas_tool.masks import CocoRle, box_xywh, from_rle
from vas_tool.types import Mask, SizeWH

SAMPLE_FRAMES = 25
"""Frames of a sample. The loader of Diffusion-VAS fixes this number."""

Form = Literal["sail-vos", "tao-amodal"]

Box = tuple[float, float, float, float]
"""x, y, width, height."""


@dataclass(frozen=True)
class Sample:
    """25 frames of one object."""

    name: str
    """Name for messages: the position in the file, and the object."""
    file_names: tuple[str, ...]
    """Paths of the frames, relative to the frames' root folder."""
    size_wh: SizeWH
    modal_rles: tuple[CocoRle, ...]
    """Run lengths of the modal masks, one per frame."""
    amodal_rles: tuple[CocoRle, ...] | None
    """Run lengths of the amodal masks; None in the form of TAO-Amodal."""
    amodal_boxes_xywh: tuple[Box, ...]
    """Amodal boxes; may leave the picture."""
    object_id: int | str
    category_id: int
    category: str | None
    """Name of the category, if the file has it."""
    video_id: int | str | None


@dataclass(frozen=True)
class SampleFile:
    """The readable samples of a file, and its problems."""

    form: Form
    samples: tuple[Sample, ...]
    problems: tuple[str, ...]
    """One sentence for each problem, with the sample's name."""


def _list_of(fits: Kind, what: str) -> Kind:
    def check(value: Any) -> bool:
        return isinstance(value, list) and len(value) == SAMPLE_FRAMES and all(map(fits, value))

    check.__doc__ = f"{SAMPLE_FRAMES} {what}"
    return check


FIELDS: dict[Form, dict[str, Kind]] = {
    "sail-vos": {
        "segmentation": _list_of(is_rle, "RLE masks"),
        "visible_mask": _list_of(is_rle, "RLE masks"),
        "bbox": _list_of(is_box, "boxes [x, y, width, height]"),
        "image_ids": _list_of(is_id, "ids"),
        "image_file_names": _list_of(is_text, "paths"),
        "obj_id": is_id,
        "category_id": is_id_number,
    },
    "tao-amodal": {
        "rles": _list_of(lambda value: isinstance(value, str), "RLE texts"),
        "amodal_bboxes": _list_of(is_box, "boxes [x, y, width, height]"),
        "file_names": _list_of(is_text, "paths"),
        "track_id": is_id,
        "category_id": is_id_number,
        "video_id": is_id,
        "height": is_size,
        "width": is_size,
    },
}


def is_samples(data: Any) -> bool:
    """Return whether a parsed file is a list of samples, in either form."""
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and bool({"rles", "image_file_names", "visible_mask"} & first.keys())


def read_samples(path: Path, *, in_depth: bool = True) -> SampleFile:
    """Read a file of either form. Wrong samples are listed in the problems; the others are returned.

    ``in_depth`` decodes every mask and refuses repeated frames. False checks the fields alone: files for training have
    a million masks, which their loader decodes later, and may name a frame twice. Raises FormatError when the file
    cannot be read or is no list.
    """
    return samples_of(load_json(path, allow_nan=True), path, in_depth=in_depth)


def samples_of(data: Any, path: Path, *, in_depth: bool = True) -> SampleFile:
    """Return the samples of a parsed file. ``path`` names it in messages. Arguments and errors of ``read_samples``."""
    if not isinstance(data, list):
        raise FormatError(f"{path} holds no list of samples; name the .json of Diffusion-VAS's data, or our export")
    form: Form = "tao-amodal" if any(isinstance(item, dict) and "rles" in item for item in data) else "sail-vos"
    samples, problems = [], []
    for position, item in enumerate(data):
        if not isinstance(item, dict):
            problems.append(f"sample {position} is a {type(item).__name__}, not a record")
            continue
        name = _name(position, item)
        wrong = [f"{name}: {key} {what}" for key, what in wrong_fields(item, FIELDS[form])]
        problems += wrong
        if wrong:
            continue
        sample = _SAMPLES[form](name, item)
        odd = list(_odd(sample)) if in_depth else []
        problems += [f"{name}: {what}" for what, _ in odd]
        if not any(fatal for _, fatal in odd):
            samples.append(sample)
    return SampleFile(form, tuple(samples), tuple(problems))


def _name(position: int, item: dict[str, Any]) -> str:
    known = [f"{key} {item[key]}" for key in ("video_id", "track_id", "obj_id") if is_id(item.get(key))]
    return f"sample {position}" + (f" ({', '.join(known)})" if known else "")


def _sail_vos(name: str, item: dict[str, Any]) -> Sample:
    height, width = item["segmentation"][0]["size"]
    boxes = item["amodal_bboxes"] if _list_of(is_box, "")(item.get("amodal_bboxes")) else item["bbox"]
    return Sample(
        name=name,
        file_names=tuple(item["image_file_names"]),
        size_wh=(width, height),
        modal_rles=tuple(item["visible_mask"]),
        amodal_rles=tuple(item["segmentation"]),
        amodal_boxes_xywh=tuple((x, y, w, h) for x, y, w, h in boxes),
        object_id=item["obj_id"],
        category_id=item["category_id"],
        category=item["category"] if is_text(item.get("category")) else None,
        video_id=item["video_id"] if is_id(item.get("video_id")) else None,
    )


def _tao_amodal(name: str, item: dict[str, Any]) -> Sample:
    size = [item["height"], item["width"]]
    return Sample(
        name=name,
        file_names=tuple(item["file_names"]),
        size_wh=(item["width"], item["height"]),
        modal_rles=tuple({"size": size, "counts": counts} for counts in item["rles"]),
        amodal_rles=None,
        amodal_boxes_xywh=tuple((x, y, w, h) for x, y, w, h in item["amodal_bboxes"]),
        object_id=item["track_id"],
        category_id=item["category_id"],
        category=None,
        video_id=item["video_id"],
    )


_SAMPLES = {"sail-vos": _sail_vos, "tao-amodal": _tao_amodal}


def _odd(sample: Sample) -> Iterator[tuple[str, bool]]:
    """Yield (problem, whether it makes the sample unusable) for errors beyond the kinds of single fields."""
    for index, box in enumerate(sample.amodal_boxes_xywh):
        if not is_extent(list(box)):
            yield f"frame {index}: its amodal box {list(box)} has no size, or is far away", True
    if len(set(sample.file_names)) < SAMPLE_FRAMES:
        yield "it names a frame twice", True
    amodal = sample.amodal_rles or (None,) * SAMPLE_FRAMES
    for index, (seen, whole) in enumerate(zip(sample.modal_rles, amodal, strict=True)):
        for what, fatal in _odd_masks(seen, whole, sample.amodal_boxes_xywh[index], size_wh=sample.size_wh):
            yield f"frame {index}: {what}", fatal


def _odd_masks(seen: CocoRle, whole: CocoRle | None, box: Box, *, size_wh: SizeWH) -> Iterator[tuple[str, bool]]:
    masks = []
    for what, rle in (("modal", seen), ("amodal", whole)):
        if rle is None:
            continue
        if rle["size"] != [size_wh[1], size_wh[0]]:
            yield f"its {what} mask has the size {rle['size']}, the sample's is {[size_wh[1], size_wh[0]]}", True
            return
        try:
            masks.append(from_rle(rle))
        except FormatError as error:
            yield f"its {what} mask does not decode: {error}", True
            return
        if not masks[-1].any():
            yield f"its {what} mask is empty, and the loader of Diffusion-VAS breaks on that", False
    if len(masks) == 2:
        yield from ((what, False) for what in _disagreeing(masks[0], masks[1], box))


def _disagreeing(seen: Mask, whole: Mask, box: Box) -> Iterator[str]:
    if (seen & ~whole).any():
        yield "its amodal mask does not cover the modal one"
    left, top, width, height = box_xywh(whole)
    x, y, w, h = box
    if width and not (x <= left and y <= top and left + width <= x + w and top + height <= y + h):
        yield f"its box {list(box)} does not hold its amodal mask's {[left, top, width, height]}"
