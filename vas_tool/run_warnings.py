"""Warnings of a successful run. Code adds them during the run; they are read at its end.

Without a listener, a warning is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from vas_tool.wording import ranges

logger = logging.getLogger(__name__)


class RunWarnings:
    """The warnings of a run, each once, with the frames that it applies to."""

    def __init__(self) -> None:
        self._frames: dict[str, set[int]] = {}

    def add(self, what: str, frame_index: int | None = None) -> None:
        """Add a warning."""
        frames = self._frames.setdefault(what, set())
        if frame_index is not None:
            frames.add(frame_index)

    @property
    def words(self) -> tuple[str, ...]:
        """Return the warnings in the order of their first occurrence, for example ``frames 3-5, 9: depth is clipped
        ...``.
        """
        return tuple(f"{_on(sorted(frames))}{what}" for what, frames in self._frames.items())

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the warnings without frames, for runs over several clips."""
        return tuple(self._frames)


def _on(frames: Sequence[int]) -> str:
    if not frames:
        return ""
    return f"frame{'s' if len(frames) > 1 else ''} {ranges(frames)}: "


_LISTENING: ContextVar[RunWarnings | None] = ContextVar("listening", default=None)


@contextmanager
def collected_warnings() -> Iterator[RunWarnings]:
    """Within it, collect the warnings of this thread."""
    collected = RunWarnings()
    token = _LISTENING.set(collected)
    try:
        yield collected
    finally:
        _LISTENING.reset(token)


def warn(what: str, *, frame_index: int | None = None, detail: str = "") -> None:
    """Add a warning: ``what`` is the same text for all frames. ``detail``, for this frame, only goes to the log."""
    collected = _LISTENING.get()
    where = "" if frame_index is None else f"frame {frame_index}: "
    level = logging.WARNING if collected is None else logging.INFO
    logger.log(level, "%s%s%s", where, what, f" ({detail})" if detail else "")
    if collected is not None:
        collected.add(what, frame_index)
