"""The learned amodal engine: a small network makes masks on the canvas from the inputs of ``evidence``.

The network is trained on drawn shapes (``vas_tool/training``). It mixes the outlines of other frames pixel by pixel and
paints what none shows, as drawn shapes continue; it knows no real objects. It takes one step where the paper's model
takes 25, like the row "3D-UNet" of the Diffusion-VAS paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.amodal import Soft
from vas_tool.engines.builtin.box_outlines import BoxOutlines
from vas_tool.engines.learned.clip_views import ClipViews, Follow
from vas_tool.engines.learned.evidence import (
    RESOLUTION,
    SLOTS,
    Picture,
    Window,
    evidence,
    slot_channels,
    window_around,
)
from vas_tool.engines.learned.poses import world_motion
from vas_tool.engines.onnx_session import open_session
from vas_tool.engines.settings import checked
from vas_tool.types import AmodalBox, Canvas, Mask, SizeWH
from vas_tool.work import AmodalWork

WEIGHTS = Path(__file__).parent / "amodal.onnx"

FINEST = 256
"""Most pixels on a side of the window in which outlines are mixed."""

THRESHOLD = 0.45
"""Threshold of the probability. It is below 0.5, because IoU penalises missing pixels more than surplus ones. On the
occlusion bench 0.4, 0.45 and 0.5 differ little in the hidden part's mIoU: on puppets 63.8, 64.2 and 64.3, on filmed
outlines 72.9, 72.6 and 72.0."""

SLIVER = 3
"""Small pixels: hidden parts thinner than this come from imprecise registration."""

CAN_HIDE = 0.2, 0.4
"""Nearness below which nothing can hide the object, and nearness from which depth excludes nothing."""

DROPPED = 0.3
"""Probability that a guess leaves out one of the registered outlines."""

THRESHOLD_STD, THRESHOLD_MOST = 0.12, 0.25
"""Standard deviation and greatest deviation of the guesses' thresholds."""


def can_hide(picture: Picture) -> Soft:
    """Return (R, R): 0 where trusted depth says that nothing hides the object; 1 where something may, and on the
    modal mask.
    """
    seen, nearer, _, trusted = picture[:4]
    low, high = CAN_HIDE
    free = np.where(trusted > 0, np.clip((nearer - low) / (high - low), 0, 1), 1)
    return np.asarray(np.maximum(seen, free), np.float32)


@dataclass(frozen=True)
class Guess:
    """How one seed deviates from the most probable result (seed 0): which outlines it leaves out, and its threshold."""

    looked_at: tuple[bool, ...]
    """For each slot of ``evidence.chosen``, whether it is used."""
    threshold: float

    @classmethod
    def of(cls, seed: int) -> Guess:
        """Return the guess of a seed. It is the same for every frame, so that a guess does not flicker."""
        if seed == 0:
            return cls((True,) * 2 * SLOTS, THRESHOLD)
        random = np.random.default_rng(seed)
        bold = float(np.clip(random.normal(0, THRESHOLD_STD), -THRESHOLD_MOST, THRESHOLD_MOST))
        return cls(tuple(bool(u > DROPPED) for u in random.random(2 * SLOTS)), THRESHOLD + bold)


@dataclass(frozen=True)
class Likely:
    """The network's result for one frame."""

    window: Window
    probability: Soft
    """(r, r) probability of the whole object, 0..1, in the window. r depends on the object's size."""


class LearnedAmodal:
    """``AmodalCompleter``, ``SamplingCompleter`` and ``BoxReader``. Deterministic: a seed gives the same bits.

    A frame without a visible part between two frames with one gets a mask. Before the first and after the last visible
    frame the object is continued for at most half a second, and only if it went behind something there.
    """

    def __init__(
        self, weights: Path = WEIGHTS, *, motion: Follow = world_motion, limit: Callable[[Picture], Soft] = can_hide
    ) -> None:
        """Load the weights, which are part of the package. Raises EngineError when they are unreadable.

        ``motion`` estimates the object's motion. ``limit`` returns (R, R), 0 where nothing can hide the object.
        ``benchmarks/learned_parts.py`` replaces them.
        """
        self._motion, self._limit = motion, limit
        self._network = open_session(weights)

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) in the order of the work. Masks cover the modal masks. Raises
        Cancelled.
        """
        return ((index, masks[0]) for index, masks in self.sample(work, (work.seed,), progress=progress))

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """Yield (frame_index, one (canvas H, W) bool per seed). The object's motion is estimated once for all seeds."""
        checked((), work.settings, engine="learned")
        modal, canvas, frame_indices = work.modal, work.canvas, work.frame_indices
        views = ClipViews.of(work.clip, modal, work.depth, follow=self._motion, progress=progress)
        guesses = [Guess.of(seed) for seed in seeds]
        place = partial(on_canvas, small_wh=views.size_wh, canvas=canvas)
        for done, (index, found) in enumerate(self.probabilities(views, frame_indices, guesses)):
            progress(done, len(frame_indices), "amodal masks")
            seen = canvas.to_canvas(modal[index]) if index in modal else np.zeros(canvas.size_wh[::-1], bool)
            pairs = zip(found, guesses, strict=True)
            yield index, tuple(seen if f is None else place(f, seen, threshold=g.threshold) for f, g in pairs)

    def probabilities(
        self, views: ClipViews, frame_indices: Sequence[int], guesses: Sequence[Guess]
    ) -> Iterator[tuple[int, tuple[Likely | None, ...]]]:
        """Yield (frame_index, the network's result for each guess) in order; None where nothing is known of the
        object.
        """
        for index in frame_indices:
            window = window_around(views, index) if views.may_be_there(index) else None
            if window is None:
                yield index, (None,) * len(guesses)
                continue
            known = evidence(views, index, window)
            resolution = int(np.clip(round(window.side), RESOLUTION, FINEST))
            fine = known if resolution == RESOLUTION else evidence(views, index, window, resolution=resolution)
            free = self._limit(fine.picture)
            mean_answers = ((self._mean_answer(known.picture, g), _without(fine.candidates, g)) for g in guesses)
            yield (
                index,
                tuple(Likely(window, free * _mixed(*answer, candidates)) for answer, candidates in mean_answers),
            )

    def _mean_answer(self, picture: Picture, guess: Guess) -> tuple[Picture, Soft]:
        """Return the network's (CANDIDATES + 1, R, R) shares and (R, R) paint: the mean over the picture and its mirror
        image.

        The mirror image adds 0.2 points of the hidden part's mIoU. Pictures run one at a time: in larger batches
        processors sum in another order, and a guess would depend on the others in its last bits.
        """
        shown = _unseen(picture, guess)[None]
        straight, mirrored = self._answers(shown), self._answers(shown[..., ::-1])
        shares, paint = ((a + b[..., ::-1])[0] / 2 for a, b in zip(straight, mirrored, strict=True))
        return shares, paint

    def _answers(self, shown: Picture) -> tuple[Picture, Picture]:
        """Return (1, CANDIDATES + 1, R, R) shares and (1, R, R) paint for a (1, CHANNELS, R, R) input."""
        shares, paint = self._network.run(None, {"picture": np.ascontiguousarray(shown)})
        return shares, paint

    def outlines(self, modal: Mapping[int, Mask], boxes: Mapping[int, AmodalBox], *, canvas: Canvas) -> BoxOutlines:
        """Return outlines that are stretched from box to box, for frames with wrong registration
        (``base.BoxReader``).
        """
        return BoxOutlines(modal, boxes, canvas=canvas)


def _unseen(picture: Picture, guess: Guess) -> Picture:
    """Return the input with zeros in the slots that the guess leaves out."""
    out = picture.copy()
    for slot, looked_at in enumerate(guess.looked_at):
        if not looked_at:
            out[slot_channels(slot)] = 0
    return out


def _without(candidates: Picture, guess: Guess) -> Picture:
    out = candidates.copy()
    out[[k for k, looked_at in enumerate(guess.looked_at) if not looked_at]] = 0
    return out


def _mixed(shares: Picture, paint: Soft, candidates: Picture) -> Soft:
    """Return (r, r) the mixture of outlines, at the resolution of the small pictures."""
    size = candidates.shape[-2:]
    parts = cv2.resize(shares.transpose(1, 2, 0), size, interpolation=cv2.INTER_LINEAR)
    painted = cv2.resize(paint, size, interpolation=cv2.INTER_LINEAR)
    mixed = (parts[..., :-1] * candidates.transpose(1, 2, 0)).sum(axis=2) + parts[..., -1] * painted
    return np.asarray(mixed, np.float32)


def on_canvas(likely: Likely, seen: Mask, *, small_wh: SizeWH, canvas: Canvas, threshold: float) -> Mask:
    """Return (canvas H, W) the modal mask with the hidden part, without slivers along the modal mask.

    ``small_wh`` is the size of the frame in small pixels. Each side is rounded by itself.
    """
    across, down = small_wh[0] / canvas.frame_wh[0], small_wh[1] / canvas.frame_wh[1]
    left, top = 0.5 * (across - 1) - across * canvas.pad_left, 0.5 * (down - 1) - down * canvas.pad_top
    small_from_canvas = np.array([[across, 0, left], [0, down, top], [0, 0, 1]])
    window_from_small = likely.window.affine(likely.probability.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(likely.probability, window_from_small @ small_from_canvas, canvas.size_wh, flags=flags)
    hidden = ((there >= threshold) & ~seen).astype(np.uint8)
    kernel = np.ones((max(1, round(SLIVER / across)),) * 2, np.uint8)
    solid = cv2.dilate(cv2.morphologyEx(hidden, cv2.MORPH_OPEN, kernel), kernel) > 0
    return np.asarray(seen | (solid & (hidden > 0)))
