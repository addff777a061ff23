"""Defines truth and predictions: frames with masks or boxes by key, and the problems found in their files."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import is_number
from vas_tool.masks import CocoRle, box_xyxy, checked_rle, checked_size, to_rle
from vas_tool.types import Mask
from vas_tool.video.picture_files import loaded_picture

BoxXYWH = tuple[float, float, float, float]
"""x, y, width, height in pixels of the picture; may reach beyond the picture."""

BoxXYXY = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels; x1 and y1 are exclusive."""

ProblemKind = Literal[
    "bad record",
    "bad mask",
    "size differs",
    "missing prediction",
    "unknown frame",
    "doubled frame",
    "unreadable file",
    "engine failed",
]

PROBLEM_KINDS: tuple[ProblemKind, ...] = get_args(ProblemKind)


@dataclass(frozen=True)
class Problem:
    """One error in a file of truth or predictions."""

    where: str
    """Which record: a key of the result file, a sample, or a file name."""
    what: str
    kind: ProblemKind

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class FrameError(FormatError):
    """An error in one frame, with its kind."""

    def __init__(self, what: str, kind: ProblemKind) -> None:
        super().__init__(what)
        self.kind = kind


def kind_of(error: Exception) -> ProblemKind:
    """Return the kind that the error names, else the kind of a bad mask."""
    return error.kind if isinstance(error, FrameError) else "bad mask"


class MaskSource(Protocol):
    """A mask that is read when it is needed."""

    def read(self) -> Mask:
        """Return the mask, (H, W) bool. Raises FormatError when it is damaged."""
        ...

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the box of ``mask``, which ``read`` returned; None when the mask is empty."""
        ...


@runtime_checkable
class ReadTwoWays(Protocol):
    """A mask that the measures in ``measuring.Protocol.second_reading`` read differently from the others."""

    def second_reading(self) -> MaskSource:
        """Return the mask as those measures read it."""
        ...


def second_reading(source: MaskSource) -> MaskSource:
    """Return the second reading of a mask; the mask itself when it has only one."""
    return source.second_reading() if isinstance(source, ReadTwoWays) else source


@dataclass(frozen=True, slots=True)
class RleMask:
    """A mask as COCO run lengths. It is checked when it is read."""

    size_hw: tuple[int, int]
    """Height and width in pixels."""
    counts: str
    """COCO's compressed run lengths."""

    @classmethod
    def of(cls, value: Any) -> RleMask:
        """Return the mask of a JSON record {"size": [height, width], "counts": text or bytes}. Raises FormatError."""
        if not isinstance(value, Mapping) or not {"size", "counts"} <= set(value):
            raise FormatError('a mask must be {"size": [height, width], "counts": text}')
        size, counts = value["size"], value["counts"]
        if isinstance(counts, bytes):
            counts = counts.decode("latin-1")
        if not isinstance(counts, str):
            raise FormatError("the mask's counts must be text (compressed RLE)")
        height, width = checked_size(size)
        if not height or not width:
            raise FormatError(f"the mask's size must be [height, width], got {size!r}")
        return cls((height, width), counts)

    @classmethod
    def from_mask(cls, mask: Mask) -> RleMask:
        """Return the exact run lengths of a (H, W) mask."""
        rle = to_rle(mask)
        return cls((rle["size"][0], rle["size"][1]), rle["counts"])

    @property
    def rle(self) -> CocoRle:
        """The run lengths as JSON files hold them."""
        return {"size": list(self.size_hw), "counts": self.counts}

    def read(self) -> Mask:
        """Return the (H, W) bool mask. Raises FormatError when the runs do not fill the size."""
        from pycocotools import mask as coco

        return np.asarray(coco.decode(checked_rle(self.rle))).view(np.bool_)

    def box_xywh(self) -> list[int]:
        """Return the tight box [x, y, width, height] without decoding; zeros for an empty mask. Raises FormatError."""
        from pycocotools import mask as coco

        return [int(n) for n in coco.toBbox(checked_rle(self.rle))]

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Tight box; None when it is empty."""
        x, y, width, height = self.box_xywh()
        return (x, y, x + width, y + height) if width and height else None


def picture_in(path: Path, mode: str | None = None) -> npt.NDArray[Any]:
    """Return the pixels of an image file, (H, W) or (H, W, C), in Pillow's ``mode`` if one is given. Raises
    FormatError.
    """
    try:
        image = loaded_picture(path)
        return np.asarray(image.convert(mode) if mode else image)
    except (OSError, ValueError) as error:
        raise FrameError(f"{path} does not read as an image ({error})", "unreadable file") from error


@dataclass(frozen=True, slots=True)
class ImageMask:
    """A mask in an image file: the pixels equal to ``value``, or, without a value, the pixels above ``above``."""

    path: Path
    value: int | None = None
    above: int = 0

    def read(self) -> Mask:
        """Return the (H, W) bool mask. Raises FormatError when the file is not an image."""
        pixels = picture_in(self.path)
        if pixels.ndim == 3:
            colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))  # the last channel of two or four is alpha
            pixels = pixels[..., :colours].max(axis=2)
        return np.asarray(pixels == self.value if self.value is not None else pixels > self.above, dtype=np.bool_)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Tight box; None when it is empty."""
        return box_xyxy(mask)


@dataclass(frozen=True, slots=True)
class GivenMask:
    """A mask in memory."""

    mask: Mask
    """(H, W) bool."""
    within: BoxXYXY | None = None
    """A box that contains the mask, if one is known."""

    def read(self) -> Mask:
        """Return the (H, W) bool mask."""
        return self.mask

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return a box that contains the mask; None when it is empty."""
        return self.within or box_xyxy(mask)


@dataclass(frozen=True)
class TruthFrame:
    """The truth of one object on one frame: its key, masks, and what the measures need."""

    key: str
    """The key of this frame in the result file."""
    modal: MaskSource
    """The modal mask."""
    amodal: MaskSource | None = None
    """The amodal mask; None when only boxes are annotated."""
    amodal_xywh: BoxXYWH | None = None
    """The amodal box; None when the truth has none."""
    level: str = ""
    """TABE's level of occlusion; empty for other benchmarks."""
    image: str = ""
    """Path of the picture, relative to the folder of the frames."""
    others: MaskSource | None = None
    """The modal masks of the picture's other objects, for measures that need them."""
    picture: str = ""
    """Name of the picture for means over pictures; frames of several objects share it."""
    copies: int = 1
    """How often the reference form counts this frame: EoRaS pads short clips with copies of their last frame. The
    strict form counts it once."""


@dataclass(frozen=True)
class TruthClip:
    """One object on the frames of one clip."""

    name: str
    category: str
    frames: tuple[TruthFrame, ...]


@dataclass(frozen=True)
class Truth:
    """The usable part of an annotation file."""

    clips: tuple[TruthClip, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the report, for example about frames that the reference could not measure."""
    unmeasured: frozenset[str] = frozenset()
    """Keys of frames that the benchmark's rules leave out. Predictions for them are no error. The notes count them."""

    @property
    def num_frames(self) -> int:
        """Number of frames in all clips."""
        return sum(len(clip.frames) for clip in self.clips)

    @property
    def keys(self) -> set[str]:
        """Keys of all frames."""
        return {frame.key for clip in self.clips for frame in clip.frames}


@dataclass(frozen=True)
class Predictions:
    """One result file: one answer per frame."""

    name: str
    masks: Mapping[str, MaskSource] = field(default_factory=dict)
    """Key of a frame -> amodal mask."""
    boxes: Mapping[str, BoxXYWH] = field(default_factory=dict)
    """Key of a frame -> amodal box."""
    problems: tuple[Problem, ...] = ()
    of: str = ""
    """Name of the whole result, when it holds several answers and this is one of them."""
    notes: tuple[str, ...] = ()
    """Sentences for the report, for example about what the reference's script would refuse."""


def doubled(clips: Iterable[TruthClip]) -> list[Problem]:
    """Return a problem for each frame that occurs in several clips: these clips share one answer."""
    seen: dict[str, str] = {}
    problems = []
    for clip in clips:
        for frame in clip.frames:
            if frame.key in seen:
                what = f"is in {seen[frame.key]} and in {clip.name}; both are measured against one answer"
                problems.append(Problem(frame.key, what, "doubled frame"))
            seen.setdefault(frame.key, clip.name)
    return problems


def compared(truth: Truth, predictions: Predictions, kind: Literal["masks", "boxes"]) -> list[Problem]:
    """Return a problem for each frame of the truth without an answer, and for each answer without a frame of the
    truth.
    """
    answered = set(predictions.masks if kind == "masks" else predictions.boxes)
    bad = {problem.where for problem in predictions.problems}
    known = truth.keys | truth.unmeasured | {problem.where for problem in truth.problems}
    missing = [
        Problem(k, f"{predictions.name} has no answer", "missing prediction") for k in truth.keys - answered - bad
    ]
    unknown = [
        Problem(k, f"{predictions.name} answers it; the truth lacks it", "unknown frame") for k in answered - known
    ]
    return sorted(missing, key=lambda p: p.where) + sorted(unknown, key=lambda p: p.where)


def counted(problems: Iterable[Problem]) -> dict[str, int]:
    """Return how many problems there are of each kind, in the order of ``PROBLEM_KINDS``."""
    counts = Counter(problem.kind for problem in problems)
    return {kind: counts[kind] for kind in PROBLEM_KINDS if counts[kind]}


LARGEST = 2.0**31
"""Largest coordinate that is accepted. No picture is wider, and products of larger numbers lose precision."""


def box_of(value: Any) -> BoxXYWH:
    """Return [x, y, width, height] as a box. Raises FormatError for values that no picture can have."""
    good = isinstance(value, list | tuple) and len(value) == 4
    if not good or not all(is_number(n) and abs(n) <= LARGEST for n in value):
        raise FormatError(f"a box must be [x, y, width, height], got {reprlib.repr(value)}")
    x, y, width, height = value
    if width < 0 or height < 0:
        raise FormatError(f"a box must have a width and a height >= 0, got {value}")
    return float(x), float(y), float(width), float(height)
