"""Computes one number per frame and measure from truth and answers, in both forms. It decodes each mask once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, VasToolError
from vas_tool.evaluation.averages import About, Averaging, Form, Numbers
from vas_tool.evaluation.dataset import Truth, TruthFrame
from vas_tool.evaluation.mask_sources import GivenMask, MaskSource, second_reading
from vas_tool.evaluation.overlap import MARGIN, FrameMasks, reference_iou
from vas_tool.evaluation.problems import FrameError, Problem, kind_of
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask

Measure = Callable[[FrameMasks], float]
"""A function: masks of one frame -> its number; nan where the frame does not count."""

ModalMask = GivenMask
"""The modal mask of a frame, with its box."""

TrueMasks = tuple[GivenMask, ModalMask, GivenMask | None]
"""Amodal mask, modal mask, and the united modal masks of the picture's other objects, None if the truth lacks them."""

Answer = Callable[[TruthFrame, ModalMask], MaskSource | None]
"""A function: (frame, modal mask) -> the answer's mask, of any size; None when there is no answer."""

Fit = Callable[[Mask, tuple[int, int]], Mask]
"""A function: (mask, (height, width)) -> the mask at that size. Raises FormatError when the size does not fit."""


@dataclass(frozen=True)
class Protocol:
    """How a benchmark measures: its measures, and the rules for means."""

    name: str
    reference: Mapping[str, Measure]
    """Name -> measure as the published scripts compute it."""
    strict: Mapping[str, Measure]
    """Name -> strict measure."""
    reference_averaging: Averaging
    picture_means: frozenset[str] = frozenset()
    """Reference measures that are averaged over pictures instead."""
    finish: Mapping[str, Callable[[Numbers], Numbers]] = field(default_factory=dict)
    """Reference measure -> a function that is applied to its numbers after the best of K was taken."""
    second_reading: frozenset[str] = frozenset()
    """Reference measures that use the second reading of masks (``mask_sources.ReadTwoWays``)."""
    unites_with_modal: bool = False
    """Whether every answer is united with the modal mask before it is measured."""
    fit: Fit | None = None
    """How an answer of another size is resized to the truth's size; None refuses such answers."""
    about: About = field(default_factory=dict)
    """Sentences for the report that explain the measures."""


@dataclass(frozen=True)
class Frames:
    """The N measured frames, in the order of the truth."""

    keys: tuple[str, ...]
    images: tuple[str, ...]
    clips: npt.NDArray[np.int64]
    """(N,) index of each frame's clip in ``clip_names``."""
    clip_names: tuple[str, ...]
    categories: tuple[str, ...]
    """(N,) category of each frame's object."""
    visibility: Numbers
    """(N,) IoU of modal and amodal mask (or box), 0..1; 0 where both are empty, as in the reference's scripts."""
    absent: npt.NDArray[np.bool_]
    """(N,) True where both masks are empty. In the strict form such frames have no visibility."""
    copies: npt.NDArray[np.int64] | None = None
    """(N,) how often the reference form counts each frame; None counts each once."""

    pictures: npt.NDArray[np.int64] | None = None
    """(N,) number of the picture; frames of several objects share it. None where nothing is averaged over pictures."""

    def groups(self, averaging: Averaging) -> npt.NDArray[np.int64]:
        """Return (N,) the number of what counts once in a mean: the picture, or the clip."""
        return self.clips if averaging != "pictures" or self.pictures is None else self.pictures

    def counted(self, chosen: npt.NDArray[np.bool_], form: Form) -> npt.NDArray[np.int64]:
        """Return the indices of the (N,) chosen frames, each as often as the form counts it."""
        places = np.flatnonzero(chosen)
        return places if form == "strict" or self.copies is None else np.repeat(places, self.copies[places])


Row = dict[Form, dict[str, Numbers]]
"""Form -> measure -> (N,) one number per frame."""


@dataclass(frozen=True)
class Measurements:
    """All measurements against one truth."""

    frames: Frames
    rows: Mapping[str, Row]
    """Name of the answer -> its numbers. Without an answer, the reference form has nan and the strict form 0."""
    problems: tuple[Problem, ...]
    """Unreadable frames of the truth, which are measured for no answer, and unreadable answers."""


def measure(
    truth: Truth, answers: Mapping[str, Answer], protocol: Protocol, *, progress: Progress = silent
) -> Measurements:
    """Measure every answer on every frame of the truth. Raises FormatError when no frame can be measured, and
    Cancelled.
    """
    sheet = _Sheet(protocol, answers)
    total = truth.num_frames
    for number, clip in enumerate(truth.clips):
        for frame in clip.frames:
            progress(sheet.looked_at, total, "measuring")
            sheet.add(frame, number, clip.category)
    progress(total, total, "measuring")
    return sheet.done(truth)


class _Sheet:
    """Collects the numbers of all frames."""

    def __init__(self, protocol: Protocol, answers: Mapping[str, Answer]) -> None:
        self.protocol, self.answers = protocol, answers
        self.looked_at = 0
        self.heads: list[tuple[str, str, int, int, str, float, bool, int]] = []
        self.pictures: dict[str, int] = {}
        self.problems: list[Problem] = []
        forms: dict[Form, Mapping[str, Measure]] = {"reference": protocol.reference, "strict": protocol.strict}
        self.values: dict[str, dict[Form, dict[str, list[float]]]] = {
            name: {form: {key: [] for key in measures} for form, measures in forms.items()} for name in answers
        }

    def add(self, frame: TruthFrame, clip: int, category: str) -> None:
        self.looked_at += 1
        try:
            truth = _true_masks(frame)
        except FormatError as error:
            self.problems.append(Problem(frame.key, f"truth: {error}", kind_of(error)))
            return
        there = _cut(list(truth[:2]))
        absent = not (there[0] | there[1]).any()
        picture = self.pictures.setdefault(frame.picture or frame.key, len(self.pictures))
        self.heads.append(
            (frame.key, frame.image, clip, picture, category, reference_iou(*there), absent, frame.copies)
        )
        other = _true_masks(_second_reading(frame)) if self.protocol.second_reading else None
        for name in self.answers:
            masks = self._masks(name, frame, truth)
            again = self._masks(name, frame, other, view=second_reading) if other and masks else masks
            if masks and again:
                self._add_answer(name, masks, again)
            else:
                self._add_nothing(name, replace(frame_masks(truth, None, unite=False), level=frame.level))

    def _masks(
        self,
        name: str,
        frame: TruthFrame,
        truth: TrueMasks,
        *,
        view: Callable[[MaskSource], MaskSource] = lambda source: source,
    ) -> FrameMasks | None:
        """Return the masks of truth and answer, cut to the same window; None when the answer is missing or damaged."""
        try:
            source = self.answers[name](frame, truth[1])
            if source is None:
                return None
            answered = _fitted(view(source), truth[1].mask.shape, self.protocol.fit)
        except VasToolError as error:
            self.problems.append(Problem(frame.key, f"{name}: {error}", kind_of(error)))
            return None
        return replace(frame_masks(truth, answered, unite=self.protocol.unites_with_modal), level=frame.level)

    def _add_answer(self, name: str, masks: FrameMasks, second_masks: FrameMasks) -> None:
        values = self.values[name]
        for key, measured in self.protocol.reference.items():
            values["reference"][key].append(measured(second_masks if key in self.protocol.second_reading else masks))
        for key, measured in self.protocol.strict.items():
            values["strict"][key].append(measured(masks))

    def _add_nothing(self, name: str, nothing: FrameMasks) -> None:
        """Add a frame without an answer: nan in the reference form, 0 in the strict form where the frame counts."""
        values = self.values[name]
        for key in self.protocol.reference:
            values["reference"][key].append(math.nan)
        for key, measured in self.protocol.strict.items():
            values["strict"][key].append(math.nan if math.isnan(measured(nothing)) else 0.0)

    def done(self, truth: Truth) -> Measurements:
        if not self.heads:
            first = (
                f"; the first problem: {(*truth.problems, *self.problems)[0]}"
                if self.problems or truth.problems
                else ""
            )
            raise FormatError(f"the truth has no frame that can be measured{first}")
        keys, images, clips, pictures, categories, visibility, absent, copies = zip(*self.heads, strict=True)
        frames = Frames(
            keys=keys,
            images=images,
            clips=np.array(clips, np.int64),
            pictures=np.array(pictures, np.int64),
            clip_names=tuple(clip.name for clip in truth.clips),
            categories=categories,
            visibility=np.array(visibility, np.float64),
            absent=np.array(absent, np.bool_),
            copies=np.array(copies, np.int64),
        )
        rows = {
            name: {form: {k: np.array(v, np.float64) for k, v in columns.items()} for form, columns in forms.items()}
            for name, forms in self.values.items()
        }
        return Measurements(frames, rows, tuple(self.problems))


def _true_masks(frame: TruthFrame) -> TrueMasks:
    if frame.amodal is None:
        raise FormatError("there is no amodal mask")
    true, seen = _given(frame.amodal), _given(frame.modal)
    if true.mask.shape != seen.mask.shape:
        sizes = f"the modal mask is {seen.mask.shape}, the amodal one {true.mask.shape} (height, width)"
        raise FrameError(sizes, "size differs")
    return true, seen, _given(frame.others) if frame.others else None


def _second_reading(frame: TruthFrame) -> TruthFrame:
    return replace(frame, modal=second_reading(frame.modal), amodal=frame.amodal and second_reading(frame.amodal))


def _given(source: MaskSource) -> GivenMask:
    mask = source.read()
    return GivenMask(mask, source.box(mask) or NOWHERE)


NOWHERE = (0, 0, 1, 1)
"""Box (x0, y0, x1, y1) in place of that of an empty mask, because a cut needs at least one pixel."""


def _fitted(source: MaskSource, size_hw: tuple[int, ...], fit: Fit | None) -> GivenMask:
    given = _given(source)
    if given.mask.shape == size_hw:
        return given
    if fit is None:
        raise FrameError(
            f"the answer is {given.mask.shape} pixels, the truth {size_hw} (height, width)", "size differs"
        )
    return GivenMask(fit(given.mask, (size_hw[0], size_hw[1])))


def linear(mask: Mask, size_hw: tuple[int, int]) -> Mask:
    """Return the mask resized as in metric_diffusion_vas_sailvos.py: OpenCV's linear interpolation of 8 bit 0 and 1,
    rounded.
    """
    height, width = size_hw
    grey = np.ascontiguousarray(mask).view(np.uint8)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR).view(np.bool_)


def frame_masks(truth: TrueMasks, answered: GivenMask | None, *, unite: bool) -> FrameMasks:
    """Return the (H, W) bool masks of one frame, cut to the box that contains them with a margin of ``MARGIN`` pixels.

    No measure of ``overlap`` changes by the cut. ``unite`` adds the modal mask to the answer.
    """
    true, seen, others = truth
    predicted = answered or GivenMask(np.zeros_like(seen.mask), NOWHERE)
    amodal, modal, guess, *more = _cut([true, seen, predicted, *([others] if others else [])])
    united = guess | modal if unite and answered else guess
    return FrameMasks(amodal, modal, united, math.hypot(*seen.mask.shape), others=more[0] if more else None)


def _cut(masks: list[GivenMask]) -> list[Mask]:
    """Return the masks cut to a box that contains them all, with a margin of ``MARGIN`` inside the picture."""
    height, width = masks[0].mask.shape
    boxes = np.array([given.within or box_xyxy(given.mask) or NOWHERE for given in masks])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    rows = slice(max(0, y0 - MARGIN), min(height, y1 + MARGIN))
    columns = slice(max(0, x0 - MARGIN), min(width, x1 + MARGIN))
    return [np.ascontiguousarray(given.mask[rows, columns]) for given in masks]
