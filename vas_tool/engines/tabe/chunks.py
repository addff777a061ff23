"""Chunks of frames that are painted together. Each begins and ends with frames that show the whole object."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, takewhile

from vas_tool.engines.tabe.levels import Level
from vas_tool.errors import EngineError

Chunk = list[int]
"""Frame indices, ascending."""

ONE_CHUNK = 35
"""Most frames of a clip that stays one chunk."""
WHOLE_LENGTH = 14
"""Length at which a run of whole frames is divided."""
WANTED_LENGTH = 30
"""Length up to which a chunk is extended by neighbouring whole frames."""
MERGED_LENGTH = 31
"""Length up to which neighbouring chunks are joined."""
LONGEST = 64
"""Most frames of a chunk: the rows of the model's position embeddings."""


def plan_chunks(levels: Sequence[Level]) -> list[Chunk]:
    """Return the chunks of a clip. They cover it, and neighbours may share frames.

    Raises EngineError when the object is hidden for longer than the model's chunks.
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
    """Return chunks that end with the first whole frame after hidden ones, which both chunks share, or after 14
    whole frames.
    """
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
    """Return short chunks extended by neighbouring whole frames, and joined while they stay short."""
    joined: list[Chunk] = []
    for chunk in (_filled(chunk, levels) for chunk in chunks):
        if joined and len(joined[-1]) + len(chunk) <= MERGED_LENGTH:
            joined[-1] = joined[-1] + chunk
        else:
            joined.append(chunk)
    return [sorted(set(chunk)) for chunk in joined]


def _filled(chunk: Chunk, levels: Sequence[Level]) -> Chunk:
    """Return a chunk extended on either side by at most half of what is missing, without the clip's first frame."""
    half = max(WANTED_LENGTH - len(chunk), 0) // 2
    before = takewhile(lambda index: levels[index] == Level.NO, range(chunk[0] - 1, 0, -1))
    behind = takewhile(lambda index: levels[index] == Level.NO, range(chunk[-1] + 1, len(levels)))
    return [*reversed([*islice(before, half)]), *chunk, *islice(behind, half)]
