"""What a person should know of a run that went well all the same: told by whoever notices, read at the end of the run.

Without a listener it is logged as a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)


class Remarks:
    """What was remarked during a run, each thing once, with the frames that it is true of."""

    def __init__(self) -> None:
        self._frames: dict[str, set[int]] = {}

    def add(self, what: str, frame_index: int | None = None) -> None:
        """Once more."""
        frames = self._frames.setdefault(what, set())
        if frame_index is not None:
            frames.add(frame_index)

    @property
    def words(self) -> tuple[str, ...]:
        """``frames 3-5, 9: depth is clipped ...``, in the order in which they were first told."""
        return tuple(f"{_on(sorted(frames))}{what}" for what, frames in self._frames.items())


def _on(frames: Sequence[int]) -> str:
    if not frames:
        return ""
    return f"frame{'s' if len(frames) > 1 else ''} {ranges(frames)}: "


def counted(number: int, one: str, several: str = "") -> str:
    """(1, "problem") -> ``1 problem``; (2, "problem") -> ``2 problems``."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def ranges(ascending: Sequence[int]) -> str:
    """[0, 1, 2, 7] -> ``0-2, 7``."""
    there = set(ascending)
    starts = [i for i in ascending if i - 1 not in there]
    ends = [i for i in ascending if i + 1 not in there]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


_LISTENING: ContextVar[Remarks | None] = ContextVar("listening", default=None)


@contextmanager
def remarks() -> Iterator[Remarks]:
    """Listen to what is remarked inside, in this thread."""
    heard = Remarks()
    token = _LISTENING.set(heard)
    try:
        yield heard
    finally:
        _LISTENING.reset(token)


def remark(what: str, *, frame_index: int | None = None, detail: str = "") -> None:
    """Tell the person: ``what``, the same words for all frames. ``detail``: of this one, for the log alone."""
    heard = _LISTENING.get()
    where = "" if frame_index is None else f"frame {frame_index}: "
    level = logging.WARNING if heard is None else logging.INFO
    logger.log(level, "%s%s%s", where, what, f" ({detail})" if detail else "")
    if heard is not None:
        heard.add(what, frame_index)
