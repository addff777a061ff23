"""Remarks on a successful run that the user should know. Code adds them during the run; they are read at its end.

Without a listener, a remark is logged as a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)


class Remarks:
    """The remarks of a run, each once, with the frames that it applies to."""

    def __init__(self) -> None:
        self._frames: dict[str, set[int]] = {}

    def add(self, what: str, frame_index: int | None = None) -> None:
        """Add a remark."""
        frames = self._frames.setdefault(what, set())
        if frame_index is not None:
            frames.add(frame_index)

    @property
    def words(self) -> tuple[str, ...]:
        """Return the remarks in the order of their first occurrence, for example ``frames 3-5, 9: depth is clipped
        ...``.
        """
        return tuple(f"{_on(sorted(frames))}{what}" for what, frames in self._frames.items())


def _on(frames: Sequence[int]) -> str:
    if not frames:
        return ""
    return f"frame{'s' if len(frames) > 1 else ''} {ranges(frames)}: "


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: (1, "problem") gives ``1 problem``, (2, "problem") gives ``2 problems``."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def ranges(ascending: Sequence[int]) -> str:
    """Return ascending numbers as ranges: [0, 1, 2, 7] gives ``0-2, 7``."""
    there = set(ascending)
    starts = [i for i in ascending if i - 1 not in there]
    ends = [i for i in ascending if i + 1 not in there]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


_LISTENING: ContextVar[Remarks | None] = ContextVar("listening", default=None)


@contextmanager
def remarks() -> Iterator[Remarks]:
    """Within it, collect the remarks of this thread."""
    heard = Remarks()
    token = _LISTENING.set(heard)
    try:
        yield heard
    finally:
        _LISTENING.reset(token)


def remark(what: str, *, frame_index: int | None = None, detail: str = "") -> None:
    """Add a remark: ``what`` is the same text for all frames. ``detail``, for this frame, only goes to the log."""
    heard = _LISTENING.get()
    where = "" if frame_index is None else f"frame {frame_index}: "
    level = logging.WARNING if heard is None else logging.INFO
    logger.log(level, "%s%s%s", where, what, f" ({detail})" if detail else "")
    if heard is not None:
        heard.add(what, frame_index)
