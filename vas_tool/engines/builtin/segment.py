"""The builtin segment engine: modal masks from clicks, boxes and masks with one small network (``click_network``)."""

from __future__ import annotations

import hashlib
import itertools
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.click_network import ClickNetwork, shipped
from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.frame_windows import whole
from vas_tool.engines.builtin.mask_tracking import track_masks
from vas_tool.engines.builtin.prompted_masks import Answer, PromptsOnFrame, boxed, refined
from vas_tool.errors import PromptError
from vas_tool.types import Click, Clip, Mask, Prompts, SizeWH

PREPARED_KEPT = 4
"""Frames that are kept ready for clicks, about 15 MB each at 720p."""

ANSWERS_KEPT = 64
"""Masks after the clicks of a frame that are kept, one bit per pixel. The next click continues from there."""

AnswerKey = tuple[int, int, bytes, PromptsOnFrame]
"""(number of the clip, frame, digest of the initial mask, prompts)."""


class BuiltinSegmenter:
    """A ``Segmenter`` that needs no download.

    ``prompted_masks`` segments one frame, ``mask_tracking`` goes through the clip.
    """

    def __init__(self, network: ClickNetwork | None = None) -> None:
        """Use a network, by default the package's. Raises EngineError when it does not load."""
        self._network = network or shipped()
        self._clips: weakref.WeakKeyDictionary[Clip, int] = weakref.WeakKeyDictionary()
        self._numbers = itertools.count()
        self._prepared: OrderedDict[tuple[int, int], EncodedFrame] = OrderedDict()
        self._answers: OrderedDict[AnswerKey, Answer] = OrderedDict()

    @property
    def num_kept(self) -> dict[str, int]:
        """The number of clips, frames, windows (of the frame with the most) and answers in memory."""
        windows = max((frame.num_windows for frame in self._prepared.values()), default=0)
        kept = {"clips": len(self._clips), "frames": len(self._prepared), "windows": windows}
        return {**kept, "answers": len(self._answers)}

    def prepare(self, clip: Clip, frame_index: int) -> None:
        """Encode the whole frame, if that has not been done."""
        self._frame(clip, frame_index).encoded(whole(clip.size_wh))

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        """Return the (H, W) bool mask. ``quick`` has no effect. Raises PromptError when the frame has no prompt."""
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
        start = Answer.given(given) if given is not None and given.any() else None
        on_frame = PromptsOnFrame(tuple(clicks), box if start is None else None)
        return self._answer(clip, frame_index, on_frame, start=start).mask

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        """Yield the mask on each of ``frame_indices``. Raises PromptError when nothing is prompted, and Cancelled."""
        if not prompts.frame_indices:
            raise PromptError("nothing is prompted; click the object on one frame first")
        return track_masks(
            clip, PromptedMasks(self, clip, prompts), frame_indices, network=self._network, progress=progress
        )

    def _answer(self, clip: Clip, frame_index: int, on_frame: PromptsOnFrame, *, start: Answer | None) -> Answer:
        """Return the answer to all prompts. Each click continues from the answer to the prompts before it."""
        begun = b"" if start is None else hashlib.sha1(start.packed.tobytes()).digest()
        key = self._number(clip), frame_index, begun, on_frame
        if key in self._answers:
            return self._answers[key]
        if on_frame.clicks:
            before = self._answer(clip, frame_index, replace(on_frame, clicks=on_frame.clicks[:-1]), start=start)
            answer = refined(self._frame(clip, frame_index), on_frame, before)
        elif on_frame.box is not None:
            answer = boxed(self._frame(clip, frame_index), on_frame.box)
        else:
            return start or Answer.nothing(clip.size_wh)
        self._answers[key] = answer
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return answer

    def _frame(self, clip: Clip, frame_index: int) -> EncodedFrame:
        key = self._number(clip), frame_index
        if key not in self._prepared:
            self._prepared[key] = EncodedFrame(clip[frame_index], self._network)
        self._prepared.move_to_end(key)
        while len(self._prepared) > PREPARED_KEPT:
            self._prepared.popitem(last=False)
        return self._prepared[key]

    def _number(self, clip: Clip) -> int:
        """Return a number that no other clip has had. ``id`` could be reused while results of the clip are still
        kept.
        """
        if clip not in self._clips:
            self._clips[clip] = next(self._numbers)
        return self._clips[clip]


class PromptedMasks(Mapping[int, Mask]):
    """frame_index -> mask of each prompted frame, made when it is needed."""

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
    """Return the click moved inside the frame, if it is on the outer half of a border pixel."""
    width, height = frame_wh
    return replace(click, x=min(max(click.x, 0), width - 1), y=min(max(click.y, 0), height - 1))
