"""The four stages as shapes: what an engine must answer, and nothing about how.

An engine has no parent class. It is listed in ``registry.ENGINES`` and tested by ``tests/test_engine_contract.py``.
All arrays are in clip pixels (see ``types``); a model's own resolution, window or scaling stays inside its adapter.
Answers come frame by frame, as they are ready: whoever reads them may stop at any time and keeps what came before.
An engine is shared by everybody in the process. Calls never overlap in time, but between two answers of one call
another call (another clip, another object) may be made.
``settings`` holds what was set of the engine's parameters (``registry.EngineSpec.parameters``); a name that the engine
does not have raises EngineError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.types import AmodalBox, Canvas, Clip, Content, Depth, Mask, Prompts
from vas_tool.work import AmodalWork, ContentWork

Windows = Callable[[int, Settings], Sequence[range]]
"""Number of frames of a clip, what is set of the engine -> the windows it looks at, ascending; they cover the clip.

The layout follows from these alone: it is the same whichever frames are asked for.
"""


class Progress(Protocol):
    """Called by engines between steps of long work."""

    def __call__(self, done: int, total: int, what: str, /) -> None:
        """``done`` of ``total`` steps of ``what``. Raises ``Cancelled`` when the person asked to stop."""
        ...


def silent(done: int, total: int, what: str) -> None:
    """The progress of a caller who does not care."""


@dataclass(frozen=True)
class TrackedFrame:
    """The modal mask on one frame, and how sure the engine is of it."""

    frame_index: int
    mask: Mask
    """(H, W) bool; all False where the object is not seen."""
    certainty: float
    """0 (a guess) .. 1 (given by the person)."""
    object_score: float | None = None
    """Logit, > 0 where the engine sees the object at all; None when the engine has no such number."""
    predicted_iou: float | None = None
    """0..1, how well the engine believes the mask to fit; None when it has no such number."""


class Segmenter(Protocol):
    """Prompts -> modal masks."""

    def prepare(self, clip: Clip, frame_index: int) -> None:
        """Get ready for a click on a frame that somebody looks at, so that ``segment`` is quick there."""
        ...

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        """The object's modal mask on one frame that carries a click, a box or a mask.

        ``quick`` asks for the answer that is there within about 100 ms; the full one may take a second.
        A mask given for this frame is the starting point that clicks on the frame correct.
        Raises PromptError when the frame carries no prompt.
        """
        ...

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        """The modal mask on each of ``frame_indices``, in their order (``range(9, -1, -1)`` tracks backwards).

        Every prompted frame, inside ``frame_indices`` or not, is a reference; a prompted frame inside is answered
        from its own prompts. Raises PromptError when nothing is prompted.
        """
        ...


@runtime_checkable
class SelfRating(Protocol):
    """A Segmenter that also tells how sure it is of its answer on a prompted frame."""

    def rated(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> TrackedFrame:
        """What ``Segmenter.segment`` answers, with the engine's scores. ``certainty`` is 1: the person was asked."""
        ...


class DepthEstimator(Protocol):
    """Frames -> relative depth."""

    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        """(frame_index, depth) for each of ``frame_indices``, in their order. Depth is (H, W), 0..1, 1 = nearest."""
        ...


class AmodalCompleter(Protocol):
    """Modal masks and depth -> amodal masks."""

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """(frame_index, (canvas H, W) bool) for each of ``work.frame_indices``, in their order.

        The answer covers the modal mask; with no modal mask that shows anything, it is empty. The same seed gives the
        same answer.
        """
        ...


@runtime_checkable
class SamplingCompleter(Protocol):
    """An AmodalCompleter that gives the answers for several seeds in one run, at less than the price of several."""

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """(frame_index, one amodal mask a seed, in their order) for each of ``work.frame_indices``, in their order.

        Each mask is what ``complete`` answers for that seed; ``work.seed`` is not looked at.
        """
        ...


@runtime_checkable
class BoxReader(Protocol):
    """An AmodalCompleter that can also tell the object's outline from its amodal boxes alone."""

    def outlines(
        self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas
    ) -> Callable[[int], Mask]:
        """A function: frame_index (of ``boxes``) -> (canvas H, W) outline that fits the frame's box, or nothing.

        ``pipeline.amodal_masks`` takes it where the box of the engine's own answer does not agree with the given one.
        """
        ...


class ContentCompleter(Protocol):
    """Frames, modal and amodal masks -> the whole object's colours."""

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """(frame_index, (canvas H, W, 4) uint8 RGBA) for each of ``work.frame_indices``, in their order.

        Alpha is 255 exactly on the amodal mask; on the modal mask stand the frame's own colours, unchanged; zeros
        outside.
        """
        ...
