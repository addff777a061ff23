"""Reads and measures MOVi-B and MOVi-D as EoRaS does (Fan et al., ICCV 2023). EoRaS has no result files for them, so
those of this tool have the form of the truth's amodal masks.

truth        <root>/test/instance_list.npy ("video-object"), <video>/segmentation_full_%05d.png (object + 1),
             <video>/segmentation_<object>_%05d.png (amodal), <video>/metadata.json (frames with anything seen)
predictions  <folder>/<video>/segmentation_<object>_%05d.png, any value above 0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.evaluation.dataset import Predictions, Truth, TruthClip, TruthFrame
from vas_tool.evaluation.eoras import key_of, protocol
from vas_tool.evaluation.mask_sources import ImageMask, MaskSource
from vas_tool.evaluation.problems import Problem
from vas_tool.formats.json_files import load_json
from vas_tool.video.order import in_natural_order

PROTOCOL = protocol("movi")

NOTHING_SEEN = "show nothing of their object: the reference does not measure them, and neither form does here."
"""Text of the note on frames that are left out, after their number."""


def read_truth(path: Path) -> Truth:
    """Return the usable objects, and the problems of the others. Raises FormatError when the list of objects is
    missing.
    """
    split = split_of(path)
    clips, problems, unseen = [], [], set[str]()
    for name in instances_in(split / "instance_list.npy"):
        video, _, obj = name.rpartition("-")
        try:
            if not (video and obj.isdigit()):
                raise FormatError("an instance must be named video-object")
            folder = next((f for f in (split / video, split.parent / video) if f.is_dir()), None)
            if folder is None:
                raise FormatError(f"there is no folder {video}")
            frames = tuple(_frames(folder, video, int(obj)))
            clips.append(TruthClip(name, "all", frames))
            unseen |= _answerable(folder, video, int(obj)) - {frame.key for frame in frames}
        except FormatError as error:
            problems.append(Problem(name, str(error), "bad record"))
    return Truth(
        tuple(clips), tuple(problems), (f"{len(unseen)} frames {NOTHING_SEEN}",) if unseen else (), frozenset(unseen)
    )


def split_of(path: Path) -> Path:
    """Return the folder with the list of objects: ``test`` below ``path``, or ``path`` itself."""
    return path if (path / "instance_list.npy").is_file() else path / "test"


def instances_in(path: Path) -> list[str]:
    """Return the entries of ``instance_list.npy``, each ``video-object``. Raises FormatError when it is unreadable."""
    try:
        return [str(name) for name in np.load(path, allow_pickle=False).ravel()]
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise FormatError(f"{path} does not read as a list of instances ({error}); name the data's root") from error


def _frames(folder: Path, video: str, obj: int) -> Iterator[TruthFrame]:
    metadata = load_json(folder / "metadata.json")
    try:
        seen_on = [int(t) for t in metadata["instances"][obj]["bbox_frames"]]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"metadata.json has no bbox_frames of instance {obj} ({error!r})") from error
    for t in seen_on:
        modal = ImageMask(folder / f"segmentation_full_{t:05d}.png", value=obj + 1)
        amodal = ImageMask(folder / f"segmentation_{obj}_{t:05d}.png", value=obj + 1)
        yield TruthFrame(key_of(video, obj, t), modal, amodal, image=f"{folder.name}/rgba_full_{t:05d}.png")


def _answerable(folder: Path, video: str, obj: int) -> set[str]:
    """Return the keys of all frames of an object that have an amodal mask."""
    matches = (AMODAL_FILE.fullmatch(file.name) for file in folder.glob(f"segmentation_{obj}_*.png"))
    return {key_of(video, obj, int(match[2])) for match in matches if match}


AMODAL_FILE = re.compile(r"segmentation_(\d+)_(\d+)\.png")


def read_predictions(path: Path) -> Predictions:
    """Read mask images by video, object and frame. Raises FormatError when the folder holds none."""
    found = in_natural_order(path.rglob("segmentation_*_*.png")) if path.is_dir() else []
    masks: dict[str, MaskSource] = {}
    problems = []
    for file in found:
        match = AMODAL_FILE.fullmatch(file.name)
        if match:
            video = file.parent.relative_to(path).as_posix()
            masks[key_of(video, int(match[1]), int(match[2]))] = ImageMask(file)
        elif not file.name.startswith(("segmentation_full_", "segmentation_bev_")):
            problems.append(
                Problem(f"{file.parent.name}/{file.name}", "is no segmentation_<object>_<frame>", "bad record")
            )
    if not masks:
        raise FormatError(f"{path} holds no <video>/segmentation_<object>_<frame>.png; name the folder of the results")
    return Predictions(path.name, masks, problems=tuple(problems))
