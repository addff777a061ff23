"""MOVi-B and MOVi-D as EoRaS reads them (the reference's ``data/dataloader_MOViD.py``).

    <root>/{train,test}/instance_list.npy      "video-object"
    <root>/{train,test}/<video>/metadata.json  camera K; of each instance the boxes and frames on which it is seen
        rgba_full_%05d.png segmentation_full_%05d.png (object + 1) segmentation_<object>_%05d.png (amodal)

The reference also reads a bird's-eye picture and depth, uses neither, and stops where they are missing. They are not
read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.evaluation.mask_sources import ImageMask
from vas_tool.evaluation.movi import instances_in, split_of
from vas_tool.formats.json_files import load_json
from vas_tool.training.eoras.clip_samples import ObjectFrame, Sample, training_part
from vas_tool.video.clip import read_frame

Split = Literal["train", "test"]


@dataclass(frozen=True)
class MoviSamples:
    """A split of MOVi. A sample has ``length`` frames in ``train``, and all frames with a visible part of the object in
    ``test``.
    """

    root: Path
    split: Split
    length: int = 12

    @cached_property
    def names(self) -> Sequence[str]:
        """The name ``video-object`` of each sample. Raises FormatError when the list cannot be read."""
        return instances_in(self.folder / "instance_list.npy")

    @property
    def folder(self) -> Path:
        """The folder of the split; the root itself when it is the folder of the test split."""
        return split_of(self.root) if self.split == "test" else self.root / self.split

    def __len__(self) -> int:
        return len(self.names)

    def sample(self, index: int, random: np.random.RandomState) -> Sample:
        """Return an object's frames (``clip_samples.SampleSource``). Raises FormatError when a file lacks something."""
        name = self.names[index]
        video, _, number = name.rpartition("-")
        folder = self.folder / video
        metadata = load_json(folder / "metadata.json")
        try:
            seen = metadata["instances"][int(number)]
            chosen = range(len(seen["bbox_frames"]))
            if not chosen:
                raise FormatError(f"{folder / 'metadata.json'}: nothing is ever seen of {name}; take it off the list")
            positions = training_part(len(chosen), self.length, random) if self.split == "train" else chosen
            frames = tuple(_object_frame(folder, int(number), _VisibleObject.at(seen, i)) for i in positions)
            intrinsics = np.array(metadata["camera"]["K"], np.float32).reshape(3, 3)
            indices = tuple(int(seen["bbox_frames"][i]) for i in positions)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise FormatError(f"{folder / 'metadata.json'} lacks what EoRaS reads of {name} ({error!r})") from error
        return Sample(name, frames, intrinsics, indices)


class _VisibleObject(NamedTuple):
    """An object on a frame with a visible part of it."""

    frame_index: int
    box: Sequence[float]
    """Top, left, bottom and right, 0..1 of the picture."""

    @classmethod
    def at(cls, instance: dict[str, Any], position: int) -> _VisibleObject:
        """Return the object at a position in ``bbox_frames``. ``metadata.json`` lists boxes in that order, not by frame
        number.
        """
        return cls(int(instance["bbox_frames"][position]), instance["bboxes"][position])


def _object_frame(folder: Path, obj: int, seen: _VisibleObject) -> ObjectFrame:
    t = seen.frame_index
    modal = ImageMask(folder / f"segmentation_full_{t:05d}.png", value=obj + 1).read()
    amodal = ImageMask(folder / f"segmentation_{obj}_{t:05d}.png", value=obj + 1).read()
    height, width = modal.shape
    frame = read_frame(folder / f"rgba_full_{t:05d}.png", (width, height))
    top, left, bottom, right = seen.box
    box = int(top * height), int(bottom * height), int(left * width), int(right * width)
    return ObjectFrame(frame, modal, amodal, box)
