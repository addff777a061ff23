"""KITTI (KINS-Video-Car) as EoRaS reads it (the reference's ``data/dataloader_KITTI.py``).

    <root>/car_data/{train,val,test}_data.pkl            {video: {object: {t: {VM, VM_bbox, loss_mask}}}}
    <root>/car_data/{train,val,test}_data_full_mask.pkl  {video: {object: {t: {FM}}}}
    <root>/Kitti/raw_video/<date>/<video>/*.png          the t-th by the number in its name
    <root>/Kitti/calib/{3,26,28,29,30}.txt               P2, by the last two digits of the date

Intrinsics are in pixels, as the reference passes them; see ``birds_eye``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vas_tool.engines.eoras.patches import Floats
from vas_tool.errors import FormatError
from vas_tool.evaluation.kitti import found_in, pictures_of
from vas_tool.evaluation.mask_sources import RleMask
from vas_tool.evaluation.safe_pickle import load_plain
from vas_tool.training.eoras.clip_samples import ObjectFrame, Sample, padded, training_part
from vas_tool.video.clip import read_frame

Split = Literal["train", "val", "test"]

P2_LINE = 2
"""Line of the matrix P2 in a calibration file, counted from 0."""


@dataclass(frozen=True)
class KittiSamples:
    """A split of KITTI. A sample has ``length`` frames in ``train`` and ``val``, and all frames (at least ``length``)
    in ``test``.
    """

    root: Path
    split: Split
    length: int = 8

    @property
    def names(self) -> Sequence[str]:
        """The name ``video-object`` of each sample. Raises FormatError when the labels cannot be read."""
        return [f"{video}-{obj}" for video, obj in self._objects]

    def __len__(self) -> int:
        return len(self._objects)

    def sample(self, index: int, random: np.random.RandomState) -> Sample:
        """Return an object's frames (``clip_samples.SampleSource``). Raises FormatError when the numbers of the frames
        are not consecutive, or a file cannot be read.
        """
        video, obj = self._objects[index]
        name = f"{video}-{obj}"
        try:
            seen, whole = self._seen[video][obj], self._whole[video][obj]
            times = sorted(int(t) for t in seen)
            if times != list(range(times[0], times[0] + len(times))):
                raise FormatError(f"{name}: its frames are not consecutive ({times[:4]} ...)")
            chosen = [times[i] for i in self._positions(len(times), random)]
            pictures = [self.root / picture for picture in pictures_of(self.root, video)]
            frames = tuple(_object_frame(seen[t], whole[t], pictures[t]) for t in chosen)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise FormatError(f"{self.split}_data of {name} lacks what EoRaS reads ({error!r})") from error
        return Sample(name, frames, self._intrinsics(video), tuple(chosen))

    def _positions(self, count: int, random: np.random.RandomState) -> Sequence[int]:
        if self.split == "test":
            return padded(range(count), self.length)
        return training_part(count, self.length, random)

    @cached_property
    def _objects(self) -> list[tuple[Any, Any]]:
        return [(video, obj) for video, objects in self._seen.items() for obj in objects]

    @cached_property
    def _seen(self) -> Mapping[Any, Any]:
        return _loaded(found_in(self.root, f"{self.split}_data.pkl"))

    @cached_property
    def _whole(self) -> Mapping[Any, Any]:
        return _loaded(found_in(self.root, f"{self.split}_data_full_mask.pkl"))

    def _intrinsics(self, video: str) -> Floats:
        """Return the (3, 3) intrinsics of a video in pixels. The date is the first ten letters of the video's name."""
        return read_intrinsics(self.root / "Kitti" / "calib" / f"{int(video[:10][-2:])}.txt")


def _loaded(path: Path) -> Mapping[Any, Any]:
    data = load_plain(path)
    if not isinstance(data, Mapping) or not all(isinstance(objects, Mapping) for objects in data.values()):
        raise FormatError(f"{path} must hold {{video: {{object: ...}}}}")
    return data


def _object_frame(seen: Mapping[str, Any], whole: Mapping[str, Any], picture: Path) -> ObjectFrame:
    modal, amodal = RleMask.of(seen["VM"]).read(), RleMask.of(whole["FM"]).read()
    top, bottom, left, right = (int(n) for n in seen["VM_bbox"])
    height, width = modal.shape
    return ObjectFrame(read_frame(picture, (width, height)), modal, amodal, (top, bottom, left, right))


def read_intrinsics(path: Path) -> Floats:
    """Return (3, 3), in pixels: the left part of P2 in a KITTI calibration file. Raises FormatError."""
    try:
        numbers = path.read_text().splitlines()[P2_LINE].split()[1:]
        return np.array(numbers, np.float32).reshape(3, 4)[:, :3]
    except (OSError, IndexError, ValueError) as error:
        raise FormatError(f"{path} does not read as a KITTI calibration with P2 on its third line ({error})") from error
