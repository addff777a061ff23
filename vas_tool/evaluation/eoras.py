"""MOVi-B, MOVi-D and KITTI as EoRaS measures them (spec.md 5.2, 5.3, 5.4). It has no result files of its own: ours are
in the form of the truth's amodal masks.

movi    truth        <root>/test/instance_list.npy ("video-object"), <video>/segmentation_full_%05d.png (object + 1),
                     <video>/segmentation_<object>_%05d.png (amodal), <video>/metadata.json (frames with anything seen)
        predictions  <folder>/<video>/segmentation_<object>_%05d.png, any value above 0
kitti   truth        test_data.pkl {video: {object: {t: {"VM"}}}} and test_data_full_mask.pkl {... {t: {"FM"}}}, RLE
        predictions  a file like test_data_full_mask.pkl, or the same as JSON
        pictures     Kitti/raw_video/<date>/<video>/*.png, by the number in their names
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.evaluation.averages import dropped_ones
from vas_tool.evaluation.dataset import (
    ImageMask,
    MaskSource,
    Predictions,
    Problem,
    RleMask,
    Truth,
    TruthClip,
    TruthFrame,
)
from vas_tool.evaluation.measuring import Protocol
from vas_tool.evaluation.overlap import eoras_iou, eoras_occluded_iou
from vas_tool.evaluation.records import require_keys
from vas_tool.evaluation.safe_pickle import load_plain
from vas_tool.evaluation.sail_vos import STRICT, STRICT_ABOUT
from vas_tool.formats.json_files import load_json

ABOUT = (
    "miou_full: mean over frames of I / (U + 1e-6). Frames without visible pixels are not measured.",
    "miou_occ: IoU of both masks without what is seen; frames of exactly 1 are dropped, frames with nothing hidden "
    "count as 0.",
)


def _protocol(name: str) -> Protocol:
    return Protocol(
        name=name,
        reference={"miou_full": lambda f: eoras_iou(f.amodal, f.predicted), "miou_occ": eoras_occluded_iou},
        strict=STRICT,
        reference_averaging="frames",
        finish={"miou_occ": dropped_ones},
        about={"reference": ABOUT, "strict": STRICT_ABOUT},
    )


MOVI, KITTI = _protocol("movi"), _protocol("kitti")


def key_of(video: str, thing: str | int, frame_index: int) -> str:
    """What one object on one frame is called."""
    return f"{video}-{thing}/{frame_index:05d}"


def parts_of(key: str) -> tuple[str, str, int]:
    """Video, object and frame of a key."""
    name, _, t = key.rpartition("/")
    video, _, thing = name.rpartition("-")
    return video, thing, int(t)


# --- MOVi -------------------------------------------------------------------------------------------------------------


def read_movi_truth(path: Path) -> Truth:
    """The instances that can be used, and what is wrong with the others. Raises FormatError when there is no list."""
    split = movi_split(path)
    clips, problems = [], []
    for name in _instances(split / "instance_list.npy"):
        video, _, thing = name.rpartition("-")
        try:
            if not (video and thing.isdigit()):
                raise FormatError("an instance must be named video-object")
            folder = next((f for f in (split / video, split.parent / video) if f.is_dir()), None)
            if folder is None:
                raise FormatError(f"there is no folder {video}")
            clips.append(TruthClip(name, "all", tuple(_movi_frames(folder, video, int(thing)))))
        except FormatError as error:
            problems.append(Problem(name, str(error), "bad record"))
    return Truth(tuple(clips), tuple(problems))


def movi_split(path: Path) -> Path:
    """The folder with the list of instances: the root's ``test``, or the folder itself."""
    return path if (path / "instance_list.npy").is_file() else path / "test"


def _instances(path: Path) -> list[str]:
    try:
        return [str(name) for name in np.load(path, allow_pickle=False).ravel()]
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(f"{path} does not read as a list of instances ({error}); name the data's root") from error


def _movi_frames(folder: Path, video: str, thing: int) -> Iterator[TruthFrame]:
    metadata = load_json(folder / "metadata.json")
    try:
        seen_on = [int(t) for t in metadata["instances"][thing]["bbox_frames"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise FormatError(f"metadata.json has no bbox_frames of instance {thing} ({error!r})") from error
    for t in seen_on:
        modal = ImageMask(folder / f"segmentation_full_{t:05d}.png", value=thing + 1)
        amodal = ImageMask(folder / f"segmentation_{thing}_{t:05d}.png", value=thing + 1)
        yield TruthFrame(key_of(video, thing, t), modal, amodal, image=f"{folder.name}/rgba_full_{t:05d}.png")


AMODAL_FILE = re.compile(r"segmentation_(\d+)_(\d+)\.png")


def read_movi_predictions(path: Path) -> Predictions:
    """Mask images by video, object and frame. Raises FormatError when the folder holds none."""
    found = sorted(path.glob("*/segmentation_*_*.png")) if path.is_dir() else []
    masks: dict[str, MaskSource] = {}
    problems = []
    for file in found:
        match = AMODAL_FILE.fullmatch(file.name)
        if match:
            masks[key_of(file.parent.name, int(match[1]), int(match[2]))] = ImageMask(file)
        elif not file.name.startswith(("segmentation_full_", "segmentation_bev_")):
            problems.append(
                Problem(f"{file.parent.name}/{file.name}", "is no segmentation_<object>_<frame>", "bad record")
            )
    if not masks:
        raise FormatError(f"{path} holds no <video>/segmentation_<object>_<frame>.png; name the folder of the results")
    return Predictions(path.name, masks, problems=tuple(problems))


# --- KITTI ------------------------------------------------------------------------------------------------------------

PLACES = (".", "car_data", "EoRaSMissing")
"""Below the folder of the truth."""
PICTURES = ("Kitti/raw_video", "raw_video")
"""Where the videos' pictures are, below the folder of the truth."""


def read_kitti_truth(path: Path, split: str = "test") -> Truth:
    """The frames with a full mask. Raises FormatError when a file is missing or does not read.

    Frames whose full mask is empty are not annotated: they are left out, and counted in the notes.
    """
    seen = _nested(load_plain(_found(path, f"{split}_data.pkl")), "VM")
    whole = _nested(load_plain(_found(path, f"{split}_data_full_mask.pkl")), "FM")
    clips: dict[tuple[str, str], list[TruthFrame]] = {}
    problems, unlabelled = [], 0
    pictures = {video: _pictures(path, video) for video in {video for video, _, _ in whole}}
    for (video, thing, t), record in whole.items():
        key = key_of(video, thing, t)
        try:
            if (video, thing, t) not in seen:
                raise FormatError(f"{split}_data.pkl has no VM")
            amodal, modal = RleMask.of(record), RleMask.of(seen[video, thing, t])
            if not any(amodal.box_xywh()):
                unlabelled += 1
                continue
        except FormatError as error:
            problems.append(Problem(key, str(error), "bad record"))
            continue
        clips.setdefault((video, thing), []).append(TruthFrame(key, modal, amodal, image=_at(pictures[video], t)))
    note = f"{unlabelled} frames have an empty full mask: they are not annotated, and not measured."
    found = tuple(TruthClip(f"{video}-{thing}", "all", tuple(frames)) for (video, thing), frames in clips.items())
    return Truth(found, tuple(problems), (note,) if unlabelled else ())


def _at(names: Sequence[str], t: int) -> str:
    return names[t] if 0 <= t < len(names) else ""


def _pictures(path: Path, video: str) -> list[str]:
    """The names of a video's pictures from ``path`` on, the t-th of them for the time t; none where they are not."""
    for place in PICTURES:
        for folder in sorted(path.glob(f"{place}/*/{glob.escape(video)}")):
            numbered = sorted((int(p.stem), p) for p in folder.glob("*.png") if p.stem.isdigit())
            return [p.relative_to(path).as_posix() for _, p in numbered]
    return []


def _found(path: Path, name: str) -> Path:
    for place in PLACES:
        if (path / place / name).is_file():
            return path / place / name
    raise FormatError(f"{path} has no {name}, not in {' or '.join(PLACES[1:])} either; name the folder that has it")


def _nested(data: Any, mask: str) -> dict[tuple[str, str, int], Any]:
    """(video, object, t) -> the mask's record, from {video: {object: {t: {mask: RLE}}}}. Raises FormatError."""
    out = {}
    try:
        for video, things in data.items():
            for thing, frames in things.items():
                for t, record in frames.items():
                    require_keys(record, (mask,))
                    out[str(video), str(thing), int(t)] = record[mask]
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(f"it is not {{video: {{object: {{t: {{{mask}: RLE}}}}}}}} ({error})") from error
    return out


def read_kitti_predictions(path: Path) -> Predictions:
    """A pickle or JSON file in the form of the full masks. Raises FormatError when it does not read."""
    data = load_json(path) if path.suffix == ".json" else load_plain(path)
    masks: dict[str, MaskSource] = {}
    problems = []
    for (video, thing, t), record in _nested(data, "FM").items():
        try:
            masks[key_of(video, thing, t)] = RleMask.of(record)
        except FormatError as error:
            problems.append(Problem(key_of(video, thing, t), f"{path.name}: {error}", "bad record"))
    return Predictions(path.stem, masks, problems=tuple(problems))


def kitti_results(masks: Mapping[tuple[str, str, int], RleMask]) -> dict[str, dict[str, dict[str, Any]]]:
    """(video, object, t) -> mask, as the nested form that JSON and pickle hold."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for (video, thing, t), mask in masks.items():
        out.setdefault(video, {}).setdefault(thing, {})[str(t)] = {"FM": mask.rle}
    return out


def with_numbers(nested: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[Any, dict[int, Any]]]:
    """The nested form with objects and times as numbers and counts in bytes, as pickles of the data set hold it."""

    def record(masks: Mapping[str, Any]) -> dict[str, Any]:
        return {name: {"size": rle["size"], "counts": rle["counts"].encode()} for name, rle in masks.items()}

    def number(thing: str) -> int | str:
        return int(thing) if thing.isdigit() else thing

    return {
        video: {number(thing): {int(t): record(r) for t, r in frames.items()} for thing, frames in things.items()}
        for video, things in nested.items()
    }
