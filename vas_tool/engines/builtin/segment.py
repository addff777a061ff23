"""Clicks, boxes and masks to modal masks without a network: what the clicks teach about this clip, nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.answers import Answer, answered, boxed, closer
from vas_tool.engines.builtin.clicking import PreparedFrame
from vas_tool.engines.builtin.motion import frames_around, motion_picture
from vas_tool.engines.builtin.tracking import track_masks
from vas_tool.engines.builtin.view import View, whole
from vas_tool.errors import PromptError, VasToolError
from vas_tool.types import Click, Clip, Frame, Mask, Prompts, SizeWH

PREPARED_KEPT = 4
"""Frames ready for clicks, about 80 MB each."""

ANSWERS_KEPT = 64
"""Masks after the first clicks of a frame, a bit a pixel: the next click goes on from there."""

AnswerKey = tuple[int, int, tuple[bytes, bool, int], tuple[Click, ...]]
"""Number of the clip, frame, the mask it starts from, clicks."""


class BuiltinSegmenter:
    """See ``clicking`` (one frame) and ``tracking`` (through the clip)."""

    def __init__(self) -> None:
        self._clips: weakref.WeakKeyDictionary[Clip, int] = weakref.WeakKeyDictionary()
        self._numbers = itertools.count()
        self._prepared: OrderedDict[tuple[int, int, View], PreparedFrame] = OrderedDict()
        self._answers: OrderedDict[tuple[object, ...], Answer] = OrderedDict()

    def prepare(self, clip: Clip, frame_index: int) -> None:
        """Cut the frame into regions, and see what moves on it, if that has not been done."""
        self._frame(clip, frame_index, whole(clip.size_wh))

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        """(H, W) bool. Raises PromptError when the frame carries no prompt."""
        given = prompts.masks.get(frame_index)
        box = next((b for b in prompts.boxes if b.frame_index == frame_index), None)
        clicks = [_inside(c, clip.size_wh) for c in prompts.clicks if c.frame_index == frame_index]
        if given is None and box is None and not clicks:
            raise PromptError(f"frame {frame_index} has no click, box or mask; click the object there")
        if given is not None and given.shape != clip.size_wh[::-1]:
            sizes = f"{given.shape[1]} x {given.shape[0]}, the clip {clip.size_wh[0]} x {clip.size_wh[1]}"
            raise PromptError(f"the mask of frame {frame_index} is {sizes}; give one of the clip's size")
        if given is not None and box is None and not clicks:
            return given
        if given is not None:
            start = Answer.given(given)
        elif box is not None:
            start = boxed(clip[frame_index], box, quick=quick)
        else:
            start = Answer.nothing(clip.size_wh)
        return self._clicked(clip, frame_index, clicks, start=start, quick=quick).full

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        """See the Protocol. Raises PromptError when nothing is prompted, Cancelled when ``progress`` does."""
        if not prompts.frame_indices:
            raise PromptError("nothing is prompted; click the object on one frame first")
        return track_masks(clip, PromptedMasks(self, clip, prompts), frame_indices, progress=progress)

    def _clicked(self, clip: Clip, frame_index: int, clicks: Sequence[Click], *, start: Answer, quick: bool) -> Answer:
        """The answer to all clicks, going on from the one to all but the last when it is known."""
        answers = [start]
        begun = hashlib.sha1(start.packed).digest(), start.exact, start.told
        for count in range(1, len(clicks) + 1):
            key = (self._number(clip), frame_index, begun, tuple(clicks[:count]))
            answers.append(self._answer(clip, key, answers, quick=quick))
        return answers[-1]

    def _answer(self, clip: Clip, key: AnswerKey, before: list[Answer], *, quick: bool) -> Answer:
        """A full answer when there is one, else what was asked for; a full answer never rests on a quick one."""
        for known in ((*key, False), (*key, quick)):
            if known in self._answers:
                return self._answers[known]
        _, frame_index, _, clicks = key
        view = before[-1].next_view(clicks[-1])
        if quick and (self._number(clip), frame_index, view) not in self._prepared:
            view = whole(clip.size_wh)  # a close-up takes a moment; the full answer makes it
        frame = self._frame(clip, frame_index, view)
        answer = answered(frame, clicks, before, view=view, quick=quick)
        if not quick and not before[0].exact:
            answer = self._closer(clip, key, answer)
        self._answers[*key, quick] = answer
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return answer

    def _closer(self, clip: Clip, key: AnswerKey, answer: Answer) -> Answer:
        """A small object is looked at closer at once, which also makes the next click on it quick."""
        _, frame_index, _, clicks = key
        view = answer.next_view(clicks[-1])
        if view == answer.view:
            return answer
        return closer(self._frame(clip, frame_index, view), clicks, answer, view=view)

    def _frame(self, clip: Clip, frame_index: int, view: View) -> PreparedFrame:
        number = self._number(clip)
        key = (number, frame_index, view)
        if key not in self._prepared:
            frame = view.frame(clip[frame_index])
            self._prepared[key] = PreparedFrame.of(frame, motion_picture(frame, _around(clip, frame_index, view)))
        for used in ((number, frame_index, whole(clip.size_wh)), key):  # a close-up does not push its frame out
            if used in self._prepared:
                self._prepared.move_to_end(used)
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


def _inside(click: Click, frame_wh: SizeWH) -> Click:
    """A click on the outer half of the last pixels is on them."""
    width, height = frame_wh
    return replace(click, x=min(max(click.x, 0), width - 1), y=min(max(click.y, 0), height - 1))


def _around(clip: Clip, frame_index: int, view: View) -> dict[int, Frame]:
    """Offset -> frame, of those that tell what moves. One that does not read is left out, for
    as long as the frame is kept ready: who goes there hears why.
    """
    found: dict[int, Frame] = {}
    for other in frames_around(frame_index, len(clip)):
        with contextlib.suppress(VasToolError):
            found[other - frame_index] = view.frame(clip[other])
    return found
