"""Masks from prompts, on one frame and along a video of any length, with a model of the SAM 2 family.

sam2's own video predictor reads every frame before the first click and keeps every frame's memory. This one reads a
frame when it is needed and keeps only what the model looks back to. The networks and the order of their calls are
sam2's (and those of the sessions of transformers, for models from there): in float32 on a CPU the results are equal,
bit for bit (tests/test_sam2_exact.py, tests/test_session_network.py).

Each direction equals that of a new state of sam2. In sam2, tracking backwards after tracking forwards also uses the
memory of the first pass; here a result does not depend on earlier requests.

A prompted frame is a reference for all others, in both directions, whether it was tracked before or not.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from sam_integration.features import EarlyStart, FeatureCache
from sam_integration.object_memory import ObjectMemory, Remembered
from sam_integration.preprocessing import Frames
from sam_integration.prompts import Answer, FramePrompt, Step
from sam_integration.tracking_network import Place, TrackingNetwork

FEATURE_BYTES = 512 * 2**20
"""Most bytes of cached features: thirty frames at 1024 (17 MB each)."""
FEATURE_FRAMES = 64
"""Most cached frames, for small pictures, so that the cache does not grow with the clip's length."""
MAX_ASKED = 64
"""Most cached results of prompts, about 1 MB each at 1024, so that one more click is one more step."""
AHEAD = (0, 1, -1)
"""Frames that are encoded in advance, relative to the frame on the screen."""


class Predictor:
    """A predictor with one network. Calls to ``answer`` and ``track`` must not overlap; ``prepare`` may be called at
    any time.
    """

    def __init__(self, network: TrackingNetwork, *, feature_bytes: int = FEATURE_BYTES) -> None:
        """``feature_bytes`` bounds the cache of encoded frames."""
        self.network = network
        self.features = FeatureCache(network.encode, max_bytes=feature_bytes, max_frames=FEATURE_FRAMES)
        self.ahead = EarlyStart(self.features)
        self._asked: OrderedDict[tuple[object, ...], Remembered] = OrderedDict()

    def prepare(self, frames: Frames, frame_index: int) -> None:
        """Start to encode a frame and its neighbours in the background."""
        wanted = [frame_index + step for step in AHEAD if 0 <= frame_index + step < len(frames)]
        self.ahead.want(frames, wanted)

    def is_ready(self, frames: Frames, frame_index: int) -> bool:
        """Return whether the frame is encoded."""
        return self.features.holds(frames, frame_index)

    def finish(self, timeout_seconds: float = 60.0) -> bool:
        """Wait until the background has nothing left to encode. Returns False after the timeout."""
        return self.ahead.join(timeout_seconds)

    def answer(self, frames: Frames, frame_index: int, prompt: FramePrompt) -> Answer:
        """Return the object's mask on one frame from its prompts alone."""
        with self.ahead.paused():
            return self._to_answer(self._ask(frames, frame_index, prompt), frame_index, frames)

    def track(self, frames: Frames, prompts: Mapping[int, FramePrompt], frame_indices: range) -> Iterator[Answer]:
        """Yield the object's mask on each of ``frame_indices``, in their order (a negative step tracks backwards).

        ``prompts`` maps frame indices to prompts. Its order is that of the prompts, and its values are read when
        tracking is near. Raises ValueError when it is empty.
        """
        if not prompts:
            raise ValueError("nothing is prompted")
        memory = ObjectMemory(
            self.network.reach, prompted=list(prompts), recall=lambda i: self.reference(frames, i, prompts[i])
        )
        for frame_index in frame_indices:
            with self.ahead.paused():
                if frame_index in prompts:
                    found = self._ask(frames, frame_index, prompts[frame_index])
                else:
                    place = Place(frame_index, len(frames), size_wh=frames.size_wh, backwards=frame_indices.step < 0)
                    view = memory.view(frame_index)
                    found = self.network.follow(self.features.get(frames, frame_index), view, place)
                    memory.remember(frame_index, found)
                answer = self._to_answer(found, frame_index, frames)
            yield answer

    def _ask(self, frames: Frames, frame_index: int, prompt: FramePrompt) -> Remembered:
        """Return the result on a prompted frame: one step for each prompt, which corrects the one before."""
        place = Place(frame_index, len(frames), size_wh=frames.size_wh)
        key: tuple[object, ...] = (self.features.number_of(frames), frame_index)
        found: Remembered | None = None
        for step in self.network.steps(prompt):
            key = (*key, _key(step))
            known = self._asked.get(key)
            if known is None:
                known = self.network.ask(self.features.get(frames, frame_index), step, place, before=found)
            self._keep(key, known)
            found = known
        assert found is not None  # a prompt has at least one step
        return found

    def _keep(self, key: tuple[object, ...], found: Remembered) -> None:
        self._asked[key] = found
        self._asked.move_to_end(key)
        if len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)

    def reference(self, frames: Frames, frame_index: int, prompt: FramePrompt) -> Remembered:
        """Return a prompted frame with its spatial memory, for frames that look back to it."""
        found = self._ask(frames, frame_index, prompt)
        if found.spatial is None:
            self.network.memorise(found, self.features.get(frames, frame_index))
        return found

    def _to_answer(self, found: Remembered, frame_index: int, frames: Frames) -> Answer:
        """Return the result as an answer. It comes last, because it waits for the GPU."""
        return Answer(
            frame_index,
            self.network.logits(found, frames.size_wh),
            object_score=float(found.object_score),
            predicted_iou=float(found.predicted_iou),
        )


def _key(step: Step) -> tuple[object, ...]:
    digest = None if step.mask is None else hashlib.sha256(step.mask.tobytes()).digest()
    return step.points, step.box_xyxy, digest
