"""Engines that answer from brightness, at once or slowly: for tests of everything around engines."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
import pytest

from vas_tool.engines import registry
from vas_tool.engines.base import FoundInstance, Progress, TrackedFrame, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import NO_SETTINGS, Parameter, Settings, resolved
from vas_tool.errors import PromptError
from vas_tool.masks import box_xyxy
from vas_tool.types import STAGES, Canvas, Clip, Content, Depth, Mask, Prompts
from vas_tool.work import AmodalWork, ContentWork

SAMPLED_PARAMETERS = (
    Parameter(
        "stretch",
        1,
        "Pixels further to the right that each seed reaches; 1 is enough to tell seeds apart.",
        lowest=1,
        highest=8,
    ),
    Parameter("size", "small", "Changes nothing; stands for a choice.", choices=("small", "large")),
)

SAMPLED = EngineSpec(
    "amodal",
    "fake-sampled",
    "fake_engines",
    "SampledAmodal",
    "1",
    "ours",
    "none",
    "a fake that guesses",
    parameters=SAMPLED_PARAMETERS,
    seeded=True,
)
"""Put before the others by ``use_fake_engines(..., first=(SAMPLED,))``."""

WINDOWED = replace(
    SAMPLED, name="fake-windowed", windows=lambda n, _: [range(s, min(s + 4, n)) for s in range(0, n - 1, 3)]
)
"""Windows of four frames, each one frame into the one before."""

BRIGHT = 120
"""The fixtures' object is brighter than this, its ground darker."""

STEP_SECONDS = 0.0
"""How long one frame of tracking takes; tests of cancel raise it."""


def fake_specs() -> tuple[EngineSpec, ...]:
    """One for every stage."""
    classes = dict(zip(STAGES, ("BrightSegmenter", "FlatDepth", "DilatedAmodal", "GreyContent"), strict=True))
    return tuple(
        EngineSpec(s, "fake", "fake_engines", c, "1", "ours", "none", "a fake", finds_text=s == "segment")
        for s, c in classes.items()
    )


def use_fake_engines(
    monkeypatch: pytest.MonkeyPatch, *, step_seconds: float = 0.0, first: tuple[EngineSpec, ...] = ()
) -> None:
    """Make the fakes the only engines of every stage; ``first`` comes before the ordinary ones."""
    monkeypatch.setattr(registry, "ENGINES", (*first, *fake_specs()))
    monkeypatch.setattr("fake_engines.STEP_SECONDS", step_seconds)
    monkeypatch.setattr(
        "vas_tool.planning.gate.GUESSING_ENGINE", "fake"
    )  # the fake's depth is flat: nothing could hide


def bright(clip: Clip, frame_index: int, prompts: Prompts) -> Mask:
    mask: Mask = cv2.medianBlur(clip[frame_index].min(axis=2), 5) > BRIGHT
    for click in prompts.clicks:
        if click.frame_index == frame_index and not click.positive:
            mask[:, : int(click.x) + 1] = False
    return mask


class BrightSegmenter:
    def prepare(self, clip: Clip, frame_index: int) -> None:
        assert 0 <= frame_index < len(clip)

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        if frame_index not in prompts.frame_indices:
            raise PromptError("no prompt")
        return bright(clip, frame_index, prompts)

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        for done, frame_index in enumerate(frame_indices):
            progress(done, len(frame_indices), "modal masks")
            time.sleep(STEP_SECONDS)
            yield TrackedFrame(frame_index, bright(clip, frame_index, prompts), 0.9)

    def find(
        self, clip: Clip, words: Sequence[str], frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[FoundInstance, ...]]]:
        """Squares are bright, grounds are dark, and of anything else there is nothing."""
        for done, frame_index in enumerate(frame_indices):
            progress(done, len(frame_indices), "frames searched")
            square = bright(clip, frame_index, Prompts())
            masks = {"square": (1, square, 0.9), "ground": (2, ~square, 0.6)}
            found = [FoundInstance(n, word, score, m) for word, (n, m, score) in masks.items() if word in words]
            yield frame_index, tuple(found)


LOST = (2, 4)


class LosingSegmenter(BrightSegmenter):
    """Tracks as the first one does, but loses the object on some frames."""

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        for tracked in super().track(clip, prompts, frame_indices, progress=progress):
            lost = tracked.frame_index in LOST
            yield replace(tracked, mask=np.zeros_like(tracked.mask)) if lost else tracked


SECOND = EngineSpec("segment", "second", "fake_engines", "LosingSegmenter", "1", "ours", "none", "a fake that loses")


class FlatDepth:
    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        for frame_index in frame_indices:
            yield frame_index, np.full(clip.size_wh[::-1], 0.5, np.float32)


class DilatedAmodal:
    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        for done, frame_index in enumerate(work.frame_indices):
            progress(done, len(work.frame_indices), "amodal masks")
            time.sleep(STEP_SECONDS)
            mask = work.canvas.to_canvas(work.modal[frame_index]).astype(np.uint8)
            yield frame_index, cv2.dilate(mask, np.ones((5, 5), np.uint8)).astype(bool)


class SampledAmodal:
    """Another guess for every seed: seed n reaches n pixels further to the right than is seen, times ``stretch``."""

    runs: ClassVar[list[tuple[int, ...]]] = []
    """The seeds of every run, to see what was asked."""
    asked: ClassVar[list[range]] = []
    """And the frames."""

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        for frame_index, (mask,) in self.sample(work, (work.seed,), progress=progress):
            yield frame_index, mask

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        self.runs.append(tuple(seeds))
        self.asked.append(work.frame_indices)
        stretch = int(resolved(SAMPLED_PARAMETERS, work.settings, engine="fake-sampled")["stretch"])
        for done, frame_index in enumerate(work.frame_indices):
            progress(done, len(work.frame_indices), "amodal masks")
            time.sleep(STEP_SECONDS)
            modal = work.modal.get(frame_index)
            yield frame_index, tuple(self.guess(modal, seed * stretch, work.canvas) for seed in seeds)

    def guess(self, modal: Mask | None, reach: int, canvas: Canvas) -> Mask:
        whole = np.zeros(canvas.size_wh[::-1], bool) if modal is None else canvas.to_canvas(modal)
        return np.logical_or.reduce([np.roll(whole, step, axis=1) for step in range(reach + 1)])


class GreyContent:
    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        for frame_index in work.frame_indices:
            out = np.zeros((*work.canvas.size_wh[::-1], 4), np.uint8)
            amodal = work.amodal.get(frame_index)  # a kill may have left the frame without one
            if amodal is not None:
                assert box_xyxy(amodal) is not None
                out[amodal] = (128, 128, 128, 255)
            yield frame_index, out
