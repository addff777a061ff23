"""Checks prompts that are entered as numbers, in a command or a manifest, and makes room for their amodal boxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vas_tool.boxes.keyframes import canvas_for, drawn
from vas_tool.errors import PromptError
from vas_tool.project.truth import Truth
from vas_tool.types import Box, BoxKeyframe, Click, Clip


def require_inside(clip: Clip, marks: Iterable[Click | Box]) -> None:
    """Raise PromptError if a click, or all of a box, lies outside the frames of a clip."""
    width, height = clip.size_wh
    for mark in marks:
        x, y = (mark.x, mark.y) if isinstance(mark, Click) else (max(mark.x0, 0), max(mark.y0, 0))
        if not (mark.frame_index < len(clip) and 0 <= x < width and 0 <= y < height):
            raise PromptError(
                f"{mark.words} lies outside the clip ({width} x {height} pixels, frames 0 to {len(clip) - 1}); "
                "correct its numbers"
            )


def with_canvas_for(truth: Truth, boxes: Iterable[BoxKeyframe], clip: Clip) -> Truth:
    """Return the truth with a canvas that contains the amodal boxes. The canvas never becomes smaller."""
    wanted = canvas_for(drawn(list(boxes)), clip.size_wh)
    return replace(truth, canvas=wanted) if wanted.size_wh > truth.canvas.size_wh else truth
