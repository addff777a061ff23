"""Encoded frames: a cache with a bounded size that all objects share, filled in advance."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sam_integration.preprocessing import Frames, Picture

Key = tuple[int, int]
"""(number of the clip, frame_index)."""


@dataclass(frozen=True)
class FrameFeatures:
    """One encoded frame, in the form of sam2's tracking step."""

    levels: tuple[Any, ...]
    """Tensors (height x width, 1, channels), finest first."""
    position: Any
    """Positional encoding of the coarsest level, (height x width, 1, channels); the same tensor for every frame."""
    sizes_hw: tuple[tuple[int, int], ...]
    """Height and width of each level."""

    @property
    def num_bytes(self) -> int:
        """Bytes of the frame's tensors."""
        return sum(level.numel() * level.element_size() for level in self.levels)


class ClipNumbers:
    """Numbers the clips that are alive. Clips are known by identity and are not kept alive."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._next = 0
        self._gone: deque[int] = deque()

    def of(self, frames: Frames) -> int:
        """Return the clip's number, which is never reused."""
        known = self._known.get(id(frames))
        if known is None or known[0]() is not frames:
            known = (weakref.ref(frames, self._forget(id(frames), self._next)), self._next)
            self._known[id(frames)] = known
            self._next += 1
        return known[1]

    def gone(self) -> set[int]:
        """Return the numbers of clips that were deleted since the last call."""
        found = set()
        while self._gone:
            found.add(self._gone.popleft())
        return found

    def _forget(self, identity: int, number: int) -> Callable[[object], None]:
        # This runs in garbage collection, at any moment in any thread, so it takes no lock and only records the number.
        def forget(_: object) -> None:
            self._gone.append(number)
            known = self._known.get(identity)
            if known is not None and known[1] == number:
                del self._known[identity]

        return forget


class FeatureCache:
    """A cache of the last used frames. Thread-safe; a frame is never encoded twice at the same time."""

    def __init__(self, encode: Callable[[Picture], FrameFeatures], *, max_bytes: int, max_frames: int) -> None:
        self.encode, self._max_bytes, self._max_frames = encode, max_bytes, max_frames
        self._lock = threading.Lock()
        self._numbers = ClipNumbers()
        self._held: OrderedDict[Key, FrameFeatures] = OrderedDict()
        self._num_bytes = 0
        self._running: dict[Key, Future[FrameFeatures]] = {}

    @property
    def num_bytes(self) -> int:
        """Bytes in the cache."""
        return self._num_bytes

    def number_of(self, frames: Frames) -> int:
        """Return the clip's number, for other caches."""
        with self._lock:
            return self._numbers.of(frames)

    def holds(self, frames: Frames, frame_index: int) -> bool:
        """Return whether the frame is in the cache."""
        with self._lock:
            return (self._numbers.of(frames), frame_index) in self._held

    def get(self, frames: Frames, frame_index: int) -> FrameFeatures:
        """Return the frame's features: from the cache, from the thread that encodes them, or encoded now."""
        with self._lock:
            key = (self._numbers.of(frames), frame_index)
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                return held
            running = self._running.get(key)
            if running is None:
                mine = self._running[key] = Future()
        return running.result() if running is not None else self._make(frames, key, mine)

    def _make(self, frames: Frames, key: Key, promise: Future[FrameFeatures]) -> FrameFeatures:
        try:
            features = self.encode(frames[key[1]])
        except BaseException as error:
            with self._lock:
                del self._running[key]
            promise.set_exception(error)
            raise
        with self._lock:
            del self._running[key]
            self._keep(key, features)
        promise.set_result(features)
        return features

    def _keep(self, key: Key, features: FrameFeatures) -> None:
        gone = self._numbers.gone()
        for dead in [k for k in self._held if k[0] in gone]:
            self._drop(dead)
        self._held[key] = features
        self._num_bytes += features.num_bytes
        while len(self._held) > 1 and (self._num_bytes > self._max_bytes or len(self._held) > self._max_frames):
            self._drop(next(iter(self._held)))

    def _drop(self, key: Key) -> None:
        self._num_bytes -= self._held.pop(key).num_bytes


class EarlyStart:
    """Encodes frames in advance, in a thread that ends when nothing is left to do."""

    def __init__(self, cache: FeatureCache) -> None:
        self._cache = cache
        self._changed = threading.Condition()
        self._wanted: deque[tuple[Frames, int]] = deque()
        self._thread: threading.Thread | None = None
        self._num_in_front = 0

    def want(self, frames: Frames, frame_indices: list[int]) -> None:
        """Start to encode these frames, in this order. They replace former requests for this clip.

        Requests for other clips come after them.
        """
        with self._changed:
            others = [item for item in self._wanted if item[0] is not frames]
            mine = [(frames, i) for i in frame_indices if not self._cache.holds(frames, i)]
            self._wanted = deque(mine + others)
            if self._wanted and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sam2-encode-ahead", daemon=True)
                self._thread.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within it, no further frame is started, so that a waiting caller gets the processor."""
        with self._changed:
            self._num_in_front += 1
        try:
            yield
        finally:
            with self._changed:
                self._num_in_front -= 1
                self._changed.notify_all()

    def join(self, timeout_seconds: float) -> bool:
        """Wait until nothing is left to do. Returns False after the timeout."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)
        return self._thread is None

    def _work(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._cache.get(*item)
            except Exception:
                # Nobody waits here. A request for the frame raises the same error, and its caller can report it.
                continue

    def _next(self) -> tuple[Frames, int] | None:
        with self._changed:
            self._changed.wait_for(lambda: not self._num_in_front)
            if not self._wanted:
                self._thread = None
                return None
            return self._wanted.popleft()
