"""The Protocols of the four stages: the methods that an engine must have.

An engine has no base class. ``registry.ENGINES`` lists it and ``tests/test_engine_contract.py`` tests it. All arrays
are in clip pixels (see ``types``); a model's own resolution, window or scaling stays inside its engine. Results come
frame by frame, as they are ready: the caller may stop at any time and keeps the earlier results. The whole process
shares an engine. Calls never overlap in time, but between two results of one call another call (for another clip or
object) may be made. ``settings`` holds values of the engine's parameters (``registry.EngineSpec.parameters``); an
unknown name raises EngineError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.types import AmodalBox, Canvas, Clip, Content, Depth, Mask, Prompts
from vas_tool.work import AmodalWork, ContentWork

Windows = Callable[[int, Settings], Sequence[range]]
"""A function: (number of frames of a clip, settings of the engine) -> the engine's windows, ascending. They cover the
clip.

The windows depend on nothing else: they are the same whichever frames are requested.
"""


class Progress(Protocol):
    """Called by engines between steps of long work."""

    def __call__(self, done: int, total: int, what: str, /) -> None:
        """Report ``done`` of ``total`` steps of ``what``. Raises ``Cancelled`` when the user asked to stop."""
        ...


def silent(done: int, total: int, what: str) -> None:
    """Report nothing: the default ``Progress``."""


@dataclass(frozen=True)
class TrackedFrame:
    """The modal mask on one frame, with the engine's scores."""

    frame_index: int
    mask: Mask
    """(H, W) bool; all False where the object is not seen."""
    certainty: float
    """Certainty, from 0 (a guess) to 1 (given by the user)."""
    object_score: float | None = None
    """Logit, above 0 where the engine sees the object; None when the engine has no such number."""
    predicted_iou: float | None = None
    """The engine's estimate of the mask's IoU, 0..1; None when the engine has no such number."""


class Segmenter(Protocol):
    """An engine of the stage ``segment``: makes modal masks from prompts."""

    def prepare(self, clip: Clip, frame_index: int) -> None:
        """Prepare a frame that the user is looking at, so that ``segment`` is quick there."""
        ...

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        """Return the object's (H, W) modal mask on one frame that has a click, a box or a mask.

        ``quick`` requests a result within about 100 ms; the full result may take a second. Clicks on the frame correct
        a mask that is given for it. Raises PromptError when the frame has no prompt.
        """
        ...

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        """Yield the modal mask on each of ``frame_indices``, in their order (``range(9, -1, -1)`` tracks backwards).

        Every prompted frame is a reference, inside ``frame_indices`` or not. The mask on a prompted frame comes from
        its own prompts. Raises PromptError when nothing is prompted.
        """
        ...


@runtime_checkable
class SelfRating(Protocol):
    """A ``Segmenter`` that also returns scores on a prompted frame."""

    def rated(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> TrackedFrame:
        """Return the result of ``Segmenter.segment`` with the engine's scores. ``certainty`` is 1: the user gave
        the prompt.
        """
        ...


@dataclass(frozen=True)
class FoundInstance:
    """One instance that a search by words found, on one frame."""

    number: int
    """Number of the instance, the same on every frame of one search."""
    words: str
    """The searched words, for example ``person``."""
    score: float
    """How well the instance fits the words, 0..1."""
    mask: Mask
    """(H, W) bool modal mask; not empty."""


@runtime_checkable
class FindsByText(Protocol):
    """A ``Segmenter`` that also finds every instance of what words name."""

    def find(
        self, clip: Clip, words: Sequence[str], frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[FoundInstance, ...]]]:
        """Yield (frame_index, instances seen there) for each of ``frame_indices`` (ascending, step 1), in their order.

        An instance is followed through the frames and keeps its number. Raises PromptError without words.
        """
        ...


class DepthEstimator(Protocol):
    """An engine of the stage ``depth``: estimates relative depth."""

    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        """Yield (frame_index, (H, W) float32 depth in 0..1, 1 = nearest) for each of ``frame_indices``, in their
        order.
        """
        ...


class AmodalCompleter(Protocol):
    """An engine of the stage ``amodal``: makes amodal masks from modal masks and depth."""

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) for each of ``work.frame_indices``, in their order.

        The amodal mask covers the modal mask. If all modal masks are empty, so are the amodal masks. The same seed
        gives the same result.
        """
        ...


@runtime_checkable
class SamplingCompleter(Protocol):
    """An ``AmodalCompleter`` that makes masks for several seeds in one run, faster than in several runs."""

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """Yield (frame_index, one amodal mask per seed) for each of ``work.frame_indices``, in their order.

        Each mask equals that of ``complete`` for the seed. ``work.seed`` is ignored.
        """
        ...


@runtime_checkable
class BoxReader(Protocol):
    """An ``AmodalCompleter`` that can also make outlines from amodal boxes alone."""

    def outlines(
        self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas
    ) -> Callable[[int], Mask]:
        """Return a function: frame_index of ``boxes`` -> (canvas H, W) outline that fits the frame's box, or an empty
        mask.

        The pipeline uses it where the box of the engine's own mask does not agree with the given box.
        """
        ...


class ContentCompleter(Protocol):
    """An engine of the stage ``content``: makes the whole object's colours from frames, modal and amodal masks."""

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """Yield (frame_index, (canvas H, W, 4) uint8 RGBA) for each of ``work.frame_indices``, in their order.

        Alpha is 255 exactly on the amodal mask. The modal mask keeps the frame's own colours. All values outside the
        amodal mask are 0.
        """
        ...
