"""SAIL-VOS's annotation files (``formats.diffusion_vas``) as samples; also what ``vas-tool export`` writes."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from vas_tool.errors import FormatError
from vas_tool.formats.sample_reading import Sample as Record
from vas_tool.formats.sample_reading import read_samples
from vas_tool.masks import CocoRle, from_rle, rle_area
from vas_tool.training.diffusion_vas.object_samples import Masks, Sample


class SailVosSamples:
    """The readable samples of a file; ``problems`` names the others."""

    def __init__(self, annotations: Path, frames: Path, *, size_hw: tuple[int, int]) -> None:
        """``frames`` is the folder that file names are relative to.

        Raises FormatError when the file does not read, or holds no sample with amodal masks.
        """
        file = read_samples(annotations, in_depth=False)
        self.records = tuple(record for record in file.samples if record.amodal_rles is not None)
        self.problems, self._frames, self._size_hw = file.problems, frames, size_hw
        if not self.records:
            why = f" ({file.problems[0]})" if file.problems else ""
            raise FormatError(
                f"{annotations} has no good sample with amodal masks{why}; name a SAIL-VOS file or export"
            )
        self._mark = hashlib.sha256(annotations.read_bytes()).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.records)

    def video(self, index: int) -> str:
        """Return the video's id, or the folder of its frames when there is none."""
        record = self.records[index]
        return f"{self._mark}/{record.video_id or PurePosixPath(record.file_names[0]).parent}"

    def name(self, index: int) -> str:
        """Return the position of a sample in the file, and its object."""
        return self.records[index].name

    def mark(self) -> str:
        """Return a hash of the file."""
        return self._mark

    def seen(self, index: int) -> float:
        """Return the share of the object's area, 0..1, that is visible over the clip."""
        record = self.records[index]
        seen, whole = (sum(rle_area(rle) for rle in rles) for rles in (record.modal_rles, record.amodal_rles or ()))
        return min(1.0, seen / whole) if whole else 0.0

    def sample(self, index: int) -> Sample:
        """Read a sample, resized with OpenCV's linear interpolation. Masks are integers, so they stay 0 and 1, as in
        the released loader.

        That one crashes on an empty mask; this does not mind. Raises FormatError for a picture that does not read.
        """
        record = self.records[index]
        return Sample(
            modal=self._masks(record.modal_rles),
            amodal=self._masks(record.amodal_rles or ()),
            frames=np.stack([self._frame(record, name) for name in record.file_names]),
        )

    def occluder(self, index: int) -> Masks:
        """Return the (T, H, W) amodal masks of a sample at their own size."""
        return np.stack([from_rle(rle) for rle in self.records[index].amodal_rles or ()])

    def _masks(self, rles: tuple[CocoRle, ...]) -> Masks:
        return np.stack([resized_like_opencv(from_rle(rle), self._size_hw) for rle in rles])

    def _frame(self, record: Record, name: str) -> np.ndarray:
        picture = cv2.imread(str(self._frames / name))
        if picture is None:
            raise FormatError(f"{record.name}: {self._frames / name} is missing or no picture; name the frames' root")
        return cv2.resize(picture, self._size_hw[::-1])[..., ::-1]


def resized_like_opencv(mask: Masks, size_hw: tuple[int, int]) -> Masks:
    """Return an (H, W) mask as (h, w), by linear interpolation of the integers 0 and 1."""
    return np.asarray(cv2.resize(mask.astype(np.uint8), size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.bool_)
