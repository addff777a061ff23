"""Which frames are painted together: each chunk begins and ends with frames on which the object is whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, takewhile

from vas_tool.engines.tabe.levels import Level
from vas_tool.errors import EngineError

Chunk = list[int]
"""Frame indices, ascending."""

ONE_CHUNK = 35
"""Frames of a clip that is not cut."""
WHOLE_LENGTH = 14
"""At which a run of whole frames is cut."""
WANTED_LENGTH = 30
"""Up to which a chunk is filled with whole frames from beside it."""
MERGED_LENGTH = 31
"""Up to which neighbours become one."""
LONGEST = 64
"""Frames that the model can tell apart: rows of its tables of positions."""


def plan_chunks(levels: Sequence[Level]) -> list[Chunk]:
    """The chunks of a clip; together they cover it, and neighbours may share frames.

    Raises EngineError when the object is hidden for longer than the model can look.
    """
    found = joined_chunks(first_chunks(levels), levels)
    for chunk in found:
        if len(chunk) > LONGEST:
            raise EngineError(
                f"frames {chunk[0]} to {chunk[-1]} would be painted together, and the model cannot look at more than "
                f"{LONGEST}: cut the clip, or take every second frame of it"
            )
    return found


def first_chunks(levels: Sequence[Level]) -> list[Chunk]:
    """Cut behind the first whole frame after hidden ones, which both chunks get, and every 14 whole frames."""
    if len(levels) <= ONE_CHUNK:
        return [list(range(len(levels)))]
    chunks: list[Chunk] = []
    current: Chunk = []
    hidden = False
    for index, level in enumerate(levels):
        if level == Level.NO and not hidden and len(current) == WHOLE_LENGTH:
            chunks.append(current)
            current = []
        current.append(index)
        if level != Level.NO:
            hidden = True
        elif hidden:
            chunks.append(current)
            current, hidden = [index], False
    return [*chunks, current] if current else chunks


def joined_chunks(chunks: Sequence[Chunk], levels: Sequence[Level]) -> list[Chunk]:
    """Short chunks filled with whole frames from beside them, neighbours joined while they stay short."""
    joined: list[Chunk] = []
    for chunk in (_filled(chunk, levels) for chunk in chunks):
        if joined and len(joined[-1]) + len(chunk) <= MERGED_LENGTH:
            joined[-1] = joined[-1] + chunk
        else:
            joined.append(chunk)
    return [sorted(set(chunk)) for chunk in joined]


def _filled(chunk: Chunk, levels: Sequence[Level]) -> Chunk:
    """With at most half of what is missing on either side. The first frame of the clip is never added."""
    half = max(WANTED_LENGTH - len(chunk), 0) // 2
    before = takewhile(lambda index: levels[index] == Level.NO, range(chunk[0] - 1, 0, -1))
    behind = takewhile(lambda index: levels[index] == Level.NO, range(chunk[-1] + 1, len(levels)))
    return [*reversed([*islice(before, half)]), *chunk, *islice(behind, half)]
