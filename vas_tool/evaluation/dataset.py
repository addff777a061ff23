"""Defines truth and predictions: frames with masks or boxes by key."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vas_tool.errors import FormatError
from vas_tool.evaluation.mask_sources import MaskSource
from vas_tool.evaluation.problems import Problem
from vas_tool.formats.coco_fields import is_number

BoxXYWH = tuple[float, float, float, float]
"""x, y, width, height in pixels of the picture; may reach beyond the picture."""


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
