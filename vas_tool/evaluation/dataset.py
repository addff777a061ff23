"""What is true, and what was answered: frames with masks or boxes by key, and a list of all that is wrong with them."""

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
"""x, y, width, height in the picture's pixels; may reach beyond it."""

BoxXYXY = tuple[int, int, int, int]
"""x0, y0, x1, y1; the last two just outside."""

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
    """One thing that is wrong with a file."""

    where: str
    """The id of the record: a key of the result file, a sample, a file name."""
    what: str
    kind: ProblemKind

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class FrameError(FormatError):
    """What is wrong with one frame, and of which kind."""

    def __init__(self, what: str, kind: ProblemKind) -> None:
        super().__init__(what)
        self.kind = kind


def kind_of(error: Exception) -> ProblemKind:
    """The kind an error names; a bad mask otherwise."""
    return error.kind if isinstance(error, FrameError) else "bad mask"


class MaskSource(Protocol):
    """A mask that is read when asked for."""

    def read(self) -> Mask:
        """(H, W) bool. Raises FormatError when it is damaged."""
        ...

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Of the mask just read: x0, y0, x1, y1, the last two just outside; None when it is empty."""
        ...


@runtime_checkable
class Divisible(Protocol):
    """A mask that some measures read otherwise (``measuring.Protocol.divided``)."""

    def divided(self) -> MaskSource:
        """The mask as they read it."""
        ...


def divided(source: MaskSource) -> MaskSource:
    """A mask as those measures read it; the same where it is one to all."""
    return source.divided() if isinstance(source, Divisible) else source


@dataclass(frozen=True, slots=True)
class RleMask:
    """A mask as run lengths; taken on trust until it is read."""

    size_hw: tuple[int, int]
    counts: str

    @classmethod
    def of(cls, value: Any) -> RleMask:
        """From a record of a JSON file: {"size": [height, width], "counts": text or bytes}. Raises FormatError."""
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
        """The exact run lengths of a (H, W) mask."""
        rle = to_rle(mask)
        return cls((rle["size"][0], rle["size"][1]), rle["counts"])

    @property
    def rle(self) -> CocoRle:
        """As JSON files hold it."""
        return {"size": list(self.size_hw), "counts": self.counts}

    def read(self) -> Mask:
        """(H, W) bool. Raises FormatError when the runs do not fill the size."""
        from pycocotools import mask as coco

        return np.asarray(coco.decode(checked_rle(self.rle))).view(np.bool_)

    def box_xywh(self) -> list[int]:
        """Tight [x, y, width, height] without decoding; zeros for an empty mask. Raises FormatError."""
        from pycocotools import mask as coco

        return [int(n) for n in coco.toBbox(checked_rle(self.rle))]

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Tight box; None when it is empty."""
        x, y, width, height = self.box_xywh()
        return (x, y, x + width, y + height) if width and height else None


def picture_in(path: Path, mode: str | None = None) -> npt.NDArray[Any]:
    """(H, W) or (H, W, C): the pixels of an image file, in Pillow's ``mode`` where one is given. Raises FormatError."""
    try:
        image = loaded_picture(path)
        return np.asarray(image.convert(mode) if mode else image)
    except (OSError, ValueError) as error:
        raise FrameError(f"{path} does not read as an image ({error})", "unreadable file") from error


@dataclass(frozen=True, slots=True)
class ImageMask:
    """A mask in an image file: pixels of ``value``, or all that are ``above`` when no value is given."""

    path: Path
    value: int | None = None
    above: int = 0

    def read(self) -> Mask:
        """(H, W) bool. Raises FormatError when the file is no image."""
        pixels = picture_in(self.path)
        if pixels.ndim == 3:
            colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))  # the last of two or four is alpha
            pixels = pixels[..., :colours].max(axis=2)
        return np.asarray(pixels == self.value if self.value is not None else pixels > self.above, dtype=np.bool_)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Tight box; None when it is empty."""
        return box_xyxy(mask)


@dataclass(frozen=True, slots=True)
class GivenMask:
    """A mask that is in memory."""

    mask: Mask
    within: BoxXYXY | None = None
    """A box that holds it, when one is known."""

    def read(self) -> Mask:
        """(H, W) bool."""
        return self.mask

    def box(self, mask: Mask) -> BoxXYXY | None:
        """A box that holds it; None when it is empty."""
        return self.within or box_xyxy(mask)


@dataclass(frozen=True)
class TruthFrame:
    """One object on one frame, as annotated."""

    key: str
    """What the result file calls it."""
    modal: MaskSource
    amodal: MaskSource | None = None
    """None where only boxes are annotated."""
    amodal_xywh: BoxXYWH | None = None
    level: str = ""
    """Of occlusion, as TABE annotates it."""
    image: str = ""
    """The picture, relative to the folder of the frames."""
    copies: int = 1
    """How often the reference counts it: it pads short clips with their last frame. Strictly it counts once."""


@dataclass(frozen=True)
class TruthClip:
    """One object over the frames of one clip."""

    name: str
    category: str
    frames: tuple[TruthFrame, ...]


@dataclass(frozen=True)
class Truth:
    """A file of annotations, as far as it can be used."""

    clips: tuple[TruthClip, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What the reference could not have measured, and the like."""
    unmeasured: frozenset[str] = frozenset()
    """Keys of frames that the benchmark leaves out by its rules; answers to them are no error. The notes count them."""

    @property
    def num_frames(self) -> int:
        """Over all clips."""
        return sum(len(clip.frames) for clip in self.clips)

    @property
    def keys(self) -> set[str]:
        """Of all frames."""
        return {frame.key for clip in self.clips for frame in clip.frames}


@dataclass(frozen=True)
class Predictions:
    """One result file: one answer a frame."""

    name: str
    masks: Mapping[str, MaskSource] = field(default_factory=dict)
    boxes: Mapping[str, BoxXYWH] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    of: str = ""
    """The result that it is one answer of, where a result holds several."""
    notes: tuple[str, ...] = ()
    """What the reference would not have taken, and the like."""


def doubled(clips: Iterable[TruthClip]) -> list[Problem]:
    """Frames that occur in several clips: they share one answer."""
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
    """The frames that were annotated and not answered, and those answered that nobody annotated."""
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
    """How many of each kind, in the order of ``PROBLEM_KINDS``."""
    counts = Counter(problem.kind for problem in problems)
    return {kind: counts[kind] for kind in PROBLEM_KINDS if counts[kind]}


LARGEST = 2.0**31
"""No picture is wider; products of larger numbers lose what is compared."""


def box_of(value: Any) -> BoxXYWH:
    """[x, y, width, height] of numbers that a picture can have. Raises FormatError."""
    good = isinstance(value, list | tuple) and len(value) == 4
    if not good or not all(is_number(n) and abs(n) <= LARGEST for n in value):
        raise FormatError(f"a box must be [x, y, width, height], got {reprlib.repr(value)}")
    x, y, width, height = value
    if width < 0 or height < 0:
        raise FormatError(f"a box must have a width and a height >= 0, got {value}")
    return float(x), float(y), float(width), float(height)
