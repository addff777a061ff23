"""Reads a file of amodal boxes for the command line: a JSON list of [frame_index, x0, y0, x1, y1].

Frames are frames of the clip. Corners are clip pixels and may lie outside the picture. Each entry is a keyframe.
Between two keyframes the box moves linearly; before the first and after the last there is no box. [frame_index] alone
ends the box: from that frame to the next entry there is none, and the box before it keeps its place until then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vas_tool.boxes.keyframes import drawn, with_keyframe
from vas_tool.errors import InputError, PromptError
from vas_tool.types import AmodalBox, BoxKeyframe, NoBox

FORM = "a JSON list of [frame_index, x0, y0, x1, y1], or [frame_index] where a box ends"


def read_boxes(file: Path, *, num_frames: int) -> tuple[BoxKeyframe, ...]:
    """Return the keyframes, ascending. Raises one InputError that lists everything that is wrong."""
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} does not read ({error}); it should be {FORM}") from error
    if not isinstance(data, list) or not data:
        raise InputError(f"{file} should be {FORM}, with at least one")
    boxes: tuple[BoxKeyframe, ...] = ()
    problems = []
    for position, entry in enumerate(data):
        try:
            boxes = with_keyframe(boxes, _keyframe(entry, num_frames, taken={b.frame_index for b in boxes}))
        except PromptError as error:
            problems.append(f"entry {position}: {error}")
    if not problems and not drawn(boxes):
        problems.append("no entry has a box")
    if problems:
        raise InputError(f"{file}: {'; '.join(problems)}")
    return boxes


def _keyframe(entry: Any, num_frames: int, *, taken: set[int]) -> BoxKeyframe:
    numbers = entry if isinstance(entry, list) else []
    if len(numbers) not in (1, 5) or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise PromptError(f"{entry} is not [frame_index, x0, y0, x1, y1]")
    frame_index, *corners = numbers
    if not (isinstance(frame_index, int) and 0 <= frame_index < num_frames):
        raise PromptError(f"frame {frame_index} is not in the clip of {num_frames} frames")
    if frame_index in taken:
        raise PromptError(f"frame {frame_index} has two boxes")
    return AmodalBox(frame_index, *map(float, corners)) if corners else NoBox(frame_index)
