"""Measures KITTI (KINS-Video-Car) as SaVos does (its Kins_Car/eval.py). The files are those of ``kitti``.

Answers count only where another object of the picture is visible; elsewhere the visible mask replaces them. The truth
is the full mask of the data, or KINS's own annotations: each of them is matched with the object whose visible mask has
the largest IoU with its own, and left out when that is below 0.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import vas_tool.evaluation.kitti as kitti
import vas_tool.evaluation.reading as reading
from vas_tool.errors import FormatError
from vas_tool.evaluation.averages import dropped_ones
from vas_tool.evaluation.dataset import Predictions, Truth, TruthClip, TruthFrame
from vas_tool.evaluation.eoras import key_of, parts_of
from vas_tool.evaluation.mask_sources import BoxXYXY, MaskSource, RleMask
from vas_tool.evaluation.measuring import Protocol
from vas_tool.evaluation.overlap import FrameMasks, savos_hidden_iou, savos_iou
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.records import is_project_export, load_dict, require_keys
from vas_tool.evaluation.sail_vos import STRICT, STRICT_ABOUT
from vas_tool.formats.polygons import from_polygons
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask

LEAST_IOU = 0.5
"""The least IoU of the visible masks at which an annotation of KINS and an object of KITTI count as one object."""

INSTANCES, PICTURES = "instances_train.json", "training/image_2"
"""Annotations and pictures below the folder of KINS."""


def _whole(frame: FrameMasks) -> float:
    return savos_iou(frame.amodal, frame.predicted)


MEASURES = ("miou", "miou_inv", "miou_objects", "miou_inv_objects")

PROTOCOL = Protocol(
    name="kitti-savos",
    reference=dict(zip(MEASURES, (_whole, savos_hidden_iou) * 2, strict=True)),
    strict=STRICT,
    reference_averaging="frames",
    picture_means=frozenset({"miou", "miou_inv"}),
    second_reading=frozenset(MEASURES),
    finish=dict.fromkeys(MEASURES, dropped_ones),
    about={
        "reference": (
            "miou: (I + 1e-6) / (U + 1e-6); miou_inv: the same of the part where other objects are seen. Frames of "
            "exactly 1 are dropped. A mean a picture, then over pictures; _objects: over all objects on all pictures.",
            "Result files count where another object is seen; elsewhere the visible mask stands for them. The rows "
            "modal and convex are measured as they are, as SaVos's script measures its hull.",
        ),
        "strict": STRICT_ABOUT,
    },
)


@dataclass(frozen=True)
class SeenOthers:
    """The modal masks of a picture's other objects."""

    masks: tuple[RleMask, ...]
    size_hw: tuple[int, int]

    def read(self) -> Mask:
        """Return (H, W) bool: the union of the masks. Raises FormatError when one is damaged or of another size."""
        out = np.zeros(self.size_hw, np.bool_)
        for mask in self.masks:
            read = mask.read()
            if read.shape != out.shape:
                raise FormatError("the visible masks of its picture differ in size")
            out |= read
        return out

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the tight box of the mask; None when it is empty."""
        return box_xyxy(mask)


@dataclass(frozen=True)
class Answer:
    """An answer as the file has it. Its second reading, for SaVos's measures, is corrected
    (``mask_sources.ReadTwoWays``).
    """

    answer: MaskSource
    seen: MaskSource
    """The object's visible mask."""
    others: MaskSource
    """The modal masks of the picture's other objects, united."""

    def read(self) -> Mask:
        """Return (H, W) bool. Raises FormatError when the mask is damaged."""
        return self.answer.read()

    def second_reading(self) -> CorrectedAnswer:
        """Return the corrected answer, which SaVos's measures read."""
        return CorrectedAnswer(self.answer, self.seen, self.others)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the tight box of the mask; None when it is empty."""
        return self.answer.box(mask)


@dataclass(frozen=True)
class CorrectedAnswer:
    """An answer where other objects are visible, and the object's visible mask elsewhere."""

    answer: MaskSource
    seen: MaskSource
    """The object's visible mask."""
    others: MaskSource
    """The modal masks of the picture's other objects, united."""

    def read(self) -> Mask:
        """Return (H, W) bool. Raises FormatError when a mask is damaged, or the sizes differ."""
        answer, seen, others = self.answer.read(), self.seen.read(), self.others.read()
        if answer.shape != seen.shape:
            raise FormatError(f"the answer is {answer.shape} pixels, the truth {seen.shape} (height, width)")
        return np.where(others, answer, seen)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the tight box of the mask; None when it is empty."""
        return box_xyxy(mask)


def corrected(predictions: Sequence[Predictions], truth: Truth) -> list[Predictions]:
    """Return the predictions so that the reference measures read them corrected by the visible masks of ``truth``."""
    frames = {frame.key: frame for clip in truth.clips for frame in clip.frames}

    def mask_of(key: str, answer: MaskSource) -> MaskSource:
        frame = frames.get(key)
        return Answer(answer, frame.modal, frame.others) if frame and frame.others else answer

    return [replace(p, masks={key: mask_of(key, mask) for key, mask in p.masks.items()}) for p in predictions]


def read_truth(path: Path, kins: Path | None = None) -> Truth:
    """Return KITTI's annotated frames, or those of an export of ours, with what is seen of the other objects; with
    ``kins``, the folder of KINS, its annotations of the same pictures. Raises FormatError when a file is missing or
    unreadable.
    """
    if is_project_export(path):
        return _export_truth(path)
    masks, problems = kitti.masks_in(kitti.found_in(path, "test_data.pkl"), "VM")
    seen: ModalByPicture = {}
    for (video, obj, t), mask in masks.items():
        seen.setdefault((video, t), {})[obj] = mask
    if kins is not None:
        return _kins_truth(path, kins, seen, problems=problems)
    truth = kitti.read_truth(path)
    return replace(_all_with_others(truth, seen), notes=truth.notes[:1] if truth.unmeasured else ())


def _export_truth(path: Path) -> Truth:
    truth, seen = reading.read_truth("kitti", path), dict[Picture, dict[str, RleMask]]()
    for frame in (frame for clip in truth.clips for frame in clip.frames):
        video, obj, t = parts_of(frame.key)
        if isinstance(frame.modal, RleMask):
            seen.setdefault((video, t), {})[obj] = frame.modal
    return _all_with_others(truth, seen)


def _all_with_others(truth: Truth, seen: ModalByPicture) -> Truth:
    clips = tuple(replace(clip, frames=tuple(_with_others(f, seen) for f in clip.frames)) for clip in truth.clips)
    return replace(truth, clips=clips)


Picture = tuple[str, int]
"""(video, time)"""

ModalByPicture = dict[Picture, dict[str, RleMask]]
"""Picture -> object -> visible mask."""


def _with_others(frame: TruthFrame, seen: ModalByPicture) -> TruthFrame:
    video, obj, t = parts_of(frame.key)
    here = seen[video, t]
    others = tuple(mask for name, mask in here.items() if name != obj)
    # SaVos's test script does not pad short clips.
    return replace(frame, others=SeenOthers(others, here[obj].size_hw), picture=f"{video}/{t}", copies=1)


# --- KINS's annotations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstPolygon:
    """A full mask of KINS. SaVos's script reads the first polygon alone."""

    polygons: Any
    size_hw: tuple[int, int]

    def read(self) -> Mask:
        """Return (H, W) bool. Raises FormatError when it is no polygon."""
        if not isinstance(self.polygons, list):
            raise FormatError("segmentation must be a list of polygons")
        return from_polygons(self.polygons[:1], self.size_hw[::-1])

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the tight box of the mask; None when it is empty."""
        return box_xyxy(mask)


def _kins_truth(path: Path, kins: Path, seen: ModalByPicture, *, problems: list[Problem]) -> Truth:
    data = load_dict(kins / INSTANCES, "images and annotations")
    by_image = _by_image(data, kins / INSTANCES)
    clips: dict[str, list[TruthFrame]] = {}
    unmatched = 0
    for (video, t), name, image in _same_pictures(path, kins, seen):
        for annotation in by_image.get(name, ()):
            where = f"{INSTANCES}, annotation {annotation.get('id', '?')}"
            try:
                frame = _matched(annotation, (video, t), seen[video, t])
            except FormatError as error:
                problems.append(Problem(where, str(error), "bad record"))
                continue
            if frame is None:
                unmatched += 1
            else:
                obj = parts_of(frame.key)[1]
                clips.setdefault(f"{video}-{obj}", []).append(_with_others(replace(frame, image=image), seen))
    note = f"{unmatched} annotations of KINS have no object of KITTI with an IoU of {LEAST_IOU} of what is seen."
    found = tuple(TruthClip(name, "all", tuple(frames)) for name, frames in clips.items())
    keys = {frame.key for clip in found for frame in clip.frames}
    others = {key_of(video, obj, t) for (video, t), here in seen.items() for obj in here} - keys
    return Truth(found, tuple(problems), (note,) if unmatched else (), frozenset(others))


def _by_image(data: Mapping[str, Any], path: Path) -> dict[str, list[dict[str, Any]]]:
    """Name of the picture without ending -> annotations."""
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        names = {image["id"]: Path(image["file_name"]).stem for image in data["images"]}
        for annotation in data["annotations"]:
            found.setdefault(names[annotation["image_id"]], []).append(annotation)
    except (KeyError, TypeError) as error:
        raise FormatError(f"{path} is no annotation file of KINS ({error!r}); name KINS's own folder") from error
    return found


def _matched(annotation: dict[str, Any], picture: Picture, here: Mapping[str, RleMask]) -> TruthFrame | None:
    """Return the annotation as the truth of the object that it matches; None when it matches none."""
    require_keys(annotation, ("inmodal_seg", "segmentation"))
    own = RleMask.of(annotation["inmodal_seg"])
    visible = own.read()
    ious = {obj: _iou(visible, mask) for obj, mask in here.items()}
    best = sorted(ious, key=lambda obj: ious[obj])[-1]  # of equal ones the last
    if ious[best] < LEAST_IOU:
        return None
    return TruthFrame(
        key_of(picture[0], best, picture[1]), here[best], FirstPolygon(annotation["segmentation"], own.size_hw)
    )


def _iou(visible: Mask, mask: RleMask) -> float:
    other = mask.read()
    if other.shape != visible.shape:
        raise FormatError(f"inmodal_seg is {visible.shape}, the visible masks of KITTI {other.shape} (height, width)")
    return savos_iou(visible, other)


def _same_pictures(path: Path, kins: Path, seen: ModalByPicture) -> Iterator[tuple[Picture, str, str]]:
    """Yield (picture, its name in KINS, its file below ``path``) for each picture of KITTI that KINS has, too.

    The files are the same byte for byte. Raises FormatError when there is none.
    """
    by_size: dict[int, list[Path]] = {}
    for file in sorted((kins / PICTURES).glob("*.png")):
        by_size.setdefault(file.stat().st_size, []).append(file)
    digests: dict[Path, bytes] = {}
    found = False
    for video in dict.fromkeys(video for video, _ in seen):
        for name in kitti.pictures_of(path, video):
            picture = video, int(Path(name).stem)
            if picture in seen and (same := _same(path / name, by_size, digests)):
                found = True
                yield picture, same.stem, name
    if not found:
        raise FormatError(
            f"no picture below {path} is one of {kins / PICTURES}; the folders must hold KITTI's raw_video and KINS's "
            "training pictures as they were published"
        )


def _same(picture: Path, by_size: Mapping[int, Sequence[Path]], digests: dict[Path, bytes]) -> Path | None:
    """Return the last of KINS's pictures with the same bytes."""
    candidates = by_size.get(picture.stat().st_size, ())
    for file in (picture, *candidates) if candidates else ():
        if file not in digests:
            digests[file] = hashlib.sha256(file.read_bytes()).digest()
    return next((file for file in reversed(candidates) if digests[file] == digests[picture]), None)
