"""Reads COCO files of ``vas-tool export --format coco`` as truth or as predictions.

``Naming`` gives the benchmark's key of a frame. If the benchmark has no key for such videos, the key is ``(image_id,
obj_id)``; exports of the same projects share these ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vas_tool.errors import FormatError
from vas_tool.evaluation.dataset import BoxXYWH, Predictions, Truth, TruthClip, TruthFrame, box_of
from vas_tool.evaluation.mask_sources import MaskSource, RleMask
from vas_tool.evaluation.problems import Problem
from vas_tool.formats.coco_fields import is_number
from vas_tool.formats.coco_reading import CocoAnnotation, CocoFile, read_coco
from vas_tool.formats.tabe import level_of


def _by_image(video: str, item: CocoAnnotation) -> str:
    return str((item.image_id, item.object_id))


def _clip_of(video: str, object_id: int) -> str:
    return f"{video} object {object_id}"


def _always(amodal: RleMask, modal: RleMask) -> bool:
    return True


@dataclass(frozen=True)
class Naming:
    """The benchmark's keys of the frames of an export, and which frames it measures."""

    frame: Callable[[str, CocoAnnotation], str] = _by_image
    """A function: (video, object on a frame) -> key."""
    clip: Callable[[str, int], str] = _clip_of
    """A function: (video, object id) -> name of the clip."""
    measured: Callable[[RleMask, RleMask], bool] = _always
    """A function: (amodal, modal) -> whether the benchmark measures the frame. May raise FormatError."""
    left_out: str = ""
    """Why the benchmark does not measure the other frames."""


def export_truth(path: Path, naming: Naming) -> Truth:
    """Return every object of an export as a clip whose masks are the truth. Raises FormatError.

    The notes count the frames that nobody accepted: a model made their masks, perhaps the model that is measured.
    """
    file = read_coco(path)
    images = {image.id: str(image.file_name) for image in file.images if type(image.id) is int}
    problems: list[Problem] = []
    tracks: dict[tuple[str, str], list[TruthFrame]] = {}
    unmeasured: set[str] = set()
    for video, item in _items(file, path, problems):
        key = naming.frame(video, item)
        try:
            amodal, modal, box = RleMask.of(item.amodal_rle), RleMask.of(item.modal_rle), box_of(item.amodal_bbox_xywh)
            measured = naming.measured(amodal, modal)
        except FormatError as error:
            problems.append(Problem(key, f"{path.name}: {error}", "bad record"))
            continue
        if not measured:
            unmeasured.add(key)
            continue
        frame = TruthFrame(key, modal, amodal, box, _level(item), images.get(item.image_id, ""))
        tracks.setdefault((naming.clip(video, item.object_id), str(item.label)), []).append(frame)
    clips = tuple(TruthClip(name, label, tuple(frames)) for (name, label), frames in tracks.items())
    return Truth(clips, tuple(problems), tuple(_notes(file, len(unmeasured), naming)), frozenset(unmeasured))


def _items(file: CocoFile, path: Path, problems: list[Problem]) -> Iterator[tuple[str, CocoAnnotation]]:
    """Yield (name of the video, object on a frame); ``problems`` receives the records that cannot be used."""
    for item in file.annotations:
        numbers = {"image_id": item.image_id, "obj_id": item.object_id, "frame_index": item.frame_index}
        numbers |= {"video_id": item.video_id}
        odd = [name for name, value in numbers.items() if type(value) is not int]
        what = f"{path.name}: {', '.join(odd)} must be whole numbers" if odd else ""
        if not is_number(item.occlude_rate):
            what = f"{path.name}: occlude_rate must be a number"
        if what:
            problems.append(Problem(f"annotation {str(item.id)[:40]}", what, "bad record"))
        else:
            yield str(file.video_names.get(item.video_id, f"video {item.video_id}")), item


def _level(item: CocoAnnotation) -> str:
    """Return the level of occlusion, by the rule of TABE-51's generator."""
    there = item.amodal_bbox_xywh[2] > 0 and item.amodal_bbox_xywh[3] > 0
    return "NONE" if item.out_of_frame or not there else level_of(item.occlude_rate)


def _notes(file: CocoFile, num_left_out: int, naming: Naming) -> Iterator[str]:
    unseen = sum(annotation.review != "accepted" for annotation in file.annotations)
    if unseen:
        yield f"{unseen} of {len(file.annotations)} frames of the truth were never accepted by a person."
    if num_left_out:
        yield f"{num_left_out} frames {naming.left_out}"


def export_predictions(path: Path, naming: Naming) -> Predictions:
    """Return the amodal masks and boxes of an export. Raises FormatError.

    If several objects answer one frame (TABE has one object per video), the first counts and the problems say so.
    """
    masks: dict[str, MaskSource] = {}
    boxes: dict[str, BoxXYWH] = {}
    taken: dict[str, int] = {}
    problems: list[Problem] = []
    for video, item in _items(read_coco(path), path, problems):
        key = naming.frame(video, item)
        if key in taken:
            what = f"{path.name}: object {item.object_id} answers it, too; object {taken[key]} is taken"
            problems.append(Problem(key, what, "doubled frame"))
            continue
        try:
            masks[key], boxes[key] = RleMask.of(item.amodal_rle), box_of(item.amodal_bbox_xywh)
            taken[key] = item.object_id
        except FormatError as error:
            problems.append(Problem(key, f"{path.name}: {error}", "bad record"))
    return Predictions(path.stem, masks, boxes, tuple(problems))
