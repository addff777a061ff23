"""What a result was made from, as its stamp says it: another text now means that something has changed since.

The text has parts. The last one stands for what lies on other frames: when only that differs, the result would gain
from a new run but holds as well as it did.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from vas_tool.object_layers import PART, AmodalMasks, ModalMasks, asked_on, said_on
from vas_tool.truth import AnnotatedObject, Truth, digest_of, stroke_json


def same_here(made_from: str, wanted: str) -> bool:
    """Whether two ``inputs`` differ at most in what lies on other frames: a result that would gain, but holds."""
    return made_from.rpartition(PART)[0] == wanted.rpartition(PART)[0] if PART in wanted else made_from == wanted


class ModalInputs:
    """What the stamp of an up-to-date modal mask says in ``inputs``, for any frame of one object.

    A frame with clicks or a box follows from those. A tracked mask follows from the nearest prompted frames before
    and after it; prompts further off shape it too little to call it stale: a person who mends frame 90 need not see
    0 to 80 hatched. Strokes beside it are told apart (the last part): a frame that was touched up is a better
    reference for its neighbours, but leaves them as good as they were.
    """

    def __init__(self, thing: AnnotatedObject) -> None:
        self._thing = thing
        self._asked = asked_on(thing)
        self._said = sorted(self._asked | set(thing.given))
        self._prompted = sorted(thing.prompted())
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], str] = {}

    def __call__(self, frame_index: int) -> str:
        """The inputs for one frame."""
        if frame_index in self._asked:
            return said_on(self._thing, frame_index)
        said, prompted = _nearest(self._said, frame_index), _nearest(self._prompted, frame_index)
        if (said, prompted) not in self._known:
            strokes = [[stroke_json(s) for s in self._thing.strokes_on(f, "modal")] for f in prompted]
            parts = (self._digest(said), digest_of([self._digest(prompted), strokes]))
            self._known[said, prompted] = PART.join(parts)
        return self._known[said, prompted]

    def _digest(self, near: tuple[int, ...]) -> str:
        return digest_of([[f, said_on(self._thing, f)] for f in near])


def _nearest(frames: list[int], frame_index: int) -> tuple[int, ...]:
    """The last of the (ascending) frames before one and the first after it."""
    before, after = bisect_left(frames, frame_index), bisect_right(frames, frame_index)
    return (*frames[max(0, before - 1) : before], *frames[after : after + 1])


class AmodalInputs:
    """What the stamp of an up-to-date amodal mask says in ``inputs``, for any frame of one object.

    The modal mask of the frame itself; canvas, seed and who made the depth; and, as the last part, the modal masks of
    all frames: any of them may lend its outline. Holds what is true at the moment when it is made.
    """

    def __init__(self, modal: ModalMasks, truth: Truth, depth_engine: str) -> None:
        canvas = modal.canvas
        self._seen = {f: modal.state(f) for f in modal}
        self._settings = digest_of([depth_engine, canvas.size_wh, canvas.pad_left, canvas.pad_top, truth.seed])
        self.everywhere = digest_of(sorted(self._seen.items()))

    def here(self, frame_index: int) -> str:
        """Everything but the last part."""
        return f"{self._seen.get(frame_index, '')}{PART}{self._settings}"

    def __call__(self, frame_index: int) -> str:
        """The inputs for one frame."""
        return f"{self.here(frame_index)}{PART}{self.everywhere}"


class ContentInputs:
    """The same for content: the frame's amodal mask and what that follows from; last, all amodal masks."""

    def __init__(self, amodal: AmodalMasks, before: AmodalInputs) -> None:
        self._before = before
        self._whole = {f: amodal.state(f) for f in amodal}
        self._everywhere = digest_of([before.everywhere, sorted(self._whole.items())])

    def __call__(self, frame_index: int) -> str:
        """The inputs for one frame."""
        here = self._whole.get(frame_index, ""), self._before.here(frame_index), self._everywhere
        return PART.join(here)
