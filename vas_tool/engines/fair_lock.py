"""A fair lock: threads get it in the order of their requests, so that a long run lets others work between its steps."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType

_waiting_since: dict[int, float] = {}
"""Thread id -> ``time.monotonic`` when the thread began to wait for a lock."""


def waiting_seconds(thread_id: int | None) -> float:
    """Return how long a thread has been waiting for a lock, in seconds; 0 when it does not wait."""
    since = _waiting_since.get(thread_id) if thread_id is not None else None
    return 0.0 if since is None else time.monotonic() - since


class FairLock:
    """A reentrant and fair lock. With Python's own locks, a thread that releases one can take it again at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._owner: int | None = None
        self._depth = 0
        self._used = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the lock was last held; 0 while a thread holds it or waits for it."""
        with self._changed:
            busy = self._owner is not None or bool(self._queue)
            return 0.0 if busy else time.monotonic() - self._used

    @property
    def num_waiting(self) -> int:
        """Number of waiting threads."""
        with self._changed:
            return len(self._queue)

    def __enter__(self) -> FairLock:
        me = threading.get_ident()
        with self._changed:
            if self._owner != me:
                self._wait_for_turn()
                self._owner = me
            self._depth += 1
        return self

    def _wait_for_turn(self) -> None:
        ticket = object()
        self._queue.append(ticket)
        _waiting_since[threading.get_ident()] = time.monotonic()
        try:
            self._changed.wait_for(lambda: self._owner is None and self._queue[0] is ticket)
        finally:  # an interrupt while waiting must not leave this thread's ticket in the queue
            del _waiting_since[threading.get_ident()]
            self._queue.remove(ticket)
            self._changed.notify_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._used = time.monotonic()
                self._changed.notify_all()
