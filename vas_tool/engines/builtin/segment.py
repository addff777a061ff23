"""Clicks, boxes and masks to modal masks without a network: what the clicks teach about this clip, nothing else."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.candidates import SmallClick
from vas_tool.engines.builtin.clicking import PreparedFrame, click_mask, dots
from vas_tool.engines.builtin.pixel_model import prepare_pixels
from vas_tool.engines.builtin.region_graph import cut
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.builtin.tracking import track_masks
from vas_tool.errors import PromptError
from vas_tool.types import Box, Clip, Frame, Mask, Prompts

PREPARED_KEPT = 4
"""Frames ready for clicks, about 80 MB each."""

ANSWERS_KEPT = 64
"""Masks after the first clicks of a frame: the next click goes on from there."""

AnswerKey = tuple[int, int, bytes | None, tuple[SmallClick, ...]]
"""Number of the clip, frame, the mask it starts from, clicks."""

BOX_ROUNDS, QUICK_BOX_ROUNDS = 3, 1
"""Of GrabCut."""


class BuiltinSegmenter:
    """See ``clicking`` (one frame) and ``tracking`` (through the clip)."""

    def __init__(self) -> None:
        self._clips: weakref.WeakKeyDictionary[Clip, int] = weakref.WeakKeyDictionary()
        self._numbers = itertools.count()
        self._prepared: OrderedDict[tuple[int, int], PreparedFrame] = OrderedDict()
        self._answers: OrderedDict[tuple[object, ...], Mask] = OrderedDict()

    def prepare(self, clip: Clip, frame_index: int) -> None:
        """Cut the frame into regions and compute its features, if that has not been done."""
        self._frame(clip, frame_index)

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        """(H, W) bool. Raises PromptError when the frame carries no prompt."""
        given = prompts.masks.get(frame_index)
        box = next((b for b in prompts.boxes if b.frame_index == frame_index), None)
        clicks = [c for c in prompts.clicks if c.frame_index == frame_index]
        if given is None and box is None and not clicks:
            raise PromptError(f"frame {frame_index} has no click, box or mask; click the object there")
        if given is not None and box is None and not clicks:
            return given
        small = SmallFrames(clip)
        start = None if given is None else small.mask(given)
        if box is not None and start is None:
            start = _boxed(small.frame(frame_index), box, small.scale, quick=quick)
        points = tuple(_small_click(small, c.x, c.y, positive=c.positive) for c in clicks)
        mask = self._clicked(clip, frame_index, points, start=start, quick=quick)
        return self._restored(mask, clip, given, start=start, points=points, scale=small.scale)

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        """See the Protocol. Raises PromptError when nothing is prompted, Cancelled when ``progress`` does."""
        if not prompts.frame_indices:
            raise PromptError("nothing is prompted; click the object on one frame first")
        return track_masks(clip, PromptedMasks(self, clip, prompts), frame_indices, progress=progress)

    def _clicked(
        self,
        clip: Clip,
        frame_index: int,
        points: tuple[SmallClick, ...],
        *,
        start: Mask | None,
        quick: bool,
    ) -> Mask:
        """(h, w): the mask after all clicks, going on from the answer to all but the last when it is known."""
        width, height = SmallFrames(clip).size_wh
        mask = np.zeros((height, width), bool) if start is None else start
        base = None if start is None else start.tobytes()
        history: list[Mask] = []
        for count in range(1, len(points) + 1):
            history.append(mask)
            key = (self._number(clip), frame_index, base, points[:count])
            mask = self._answer(clip, key, history, quick=quick)
        return mask

    def _answer(self, clip: Clip, key: AnswerKey, history: list[Mask], *, quick: bool) -> Mask:
        """A full answer when there is one, else what was asked for; a full answer never rests on a quick one."""
        for known in ((*key, False), (*key, quick)):
            if known in self._answers:
                return self._answers[known]
        _, frame_index, _, points = key
        mask = click_mask(self._frame(clip, frame_index), points, tuple(history), quick=quick)
        self._answers[*key, quick] = mask
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return mask

    @staticmethod
    def _restored(
        mask: Mask,
        clip: Clip,
        given: Mask | None,
        *,
        start: Mask | None,
        points: tuple[SmallClick, ...],
        scale: float,
    ) -> Mask:
        """(H, W): the small mask at full size; a given mask keeps its exact pixels wherever no click changed it."""
        full = _enlarged(mask, clip)
        if given is not None and start is not None and given.shape == full.shape:
            changed = cv2.dilate((mask != start).astype(np.uint8), np.ones((3, 3), np.uint8))
            where = cv2.resize(changed, clip.size_wh, interpolation=cv2.INTER_NEAREST) > 0
            full = np.where(where, full, given)
        inside, outside = (_enlarged(dots(points, mask.shape, positive=p), clip) for p in (True, False))
        return (full | inside) & ~outside

    def _frame(self, clip: Clip, frame_index: int) -> PreparedFrame:
        key = (self._number(clip), frame_index)
        if key not in self._prepared:
            frame = SmallFrames(clip).frame(frame_index)
            self._prepared[key] = PreparedFrame(cut(frame), prepare_pixels(frame))
        self._prepared.move_to_end(key)
        while len(self._prepared) > PREPARED_KEPT:
            self._prepared.popitem(last=False)
        return self._prepared[key]

    def _number(self, clip: Clip) -> int:
        """A number that no other clip has or had: what is kept of a clip outlives it, and ``id`` may be used again."""
        if clip not in self._clips:
            self._clips[clip] = next(self._numbers)
        return self._clips[clip]


class PromptedMasks(Mapping[int, Mask]):
    """frame_index -> the mask of each prompted frame, made when asked for."""

    def __init__(self, segmenter: BuiltinSegmenter, clip: Clip, prompts: Prompts) -> None:
        self._segmenter, self._clip, self._prompts = segmenter, clip, prompts
        self._frames = prompts.frame_indices
        self._known = set(self._frames)

    def __getitem__(self, frame_index: int) -> Mask:
        if frame_index not in self._known:
            raise KeyError(frame_index)
        return self._segmenter.segment(self._clip, frame_index, self._prompts)

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self._known

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def _small_click(small: SmallFrames, x: float, y: float, *, positive: bool) -> SmallClick:
    width, height = small.size_wh
    column, row = (round((v + 0.5) * small.scale - 0.5) for v in (x, y))
    return SmallClick(min(max(column, 0), width - 1), min(max(row, 0), height - 1), positive)


def _boxed(frame: Frame, box: Box, scale: float, *, quick: bool) -> Mask:
    """(h, w): what GrabCut finds in a box on a small frame; the whole box when it finds nothing."""
    height, width = frame.shape[:2]
    x0, y0 = max(0, round(box.x0 * scale)), max(0, round(box.y0 * scale))
    x1, y1 = min(width, max(x0 + 1, round(box.x1 * scale))), min(height, max(y0 + 1, round(box.y1 * scale)))
    inside = np.zeros((height, width), bool)
    inside[y0:y1, x0:x1] = True
    if inside.all() or min(x1 - x0, y1 - y0) < 4:
        return inside
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    rounds = QUICK_BOX_ROUNDS if quick else BOX_ROUNDS
    cv2.grabCut(np.ascontiguousarray(frame[..., ::-1]), labels, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    found = labels == cv2.GC_PR_FGD
    return found if found.any() else inside


def _enlarged(mask: Mask, clip: Clip) -> Mask:
    """(H, W) bool from (h, w), with smooth borders."""
    if mask.shape[::-1] == clip.size_wh:
        return mask
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    return cv2.resize(soft, clip.size_wh, interpolation=cv2.INTER_CUBIC) >= 0.5
