"""The masks of painted frames by a segment engine: SAM 2 in the reference, otherwise the best that is present."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vas_tool.engines import registry
from vas_tool.engines.base import Segmenter
from vas_tool.engines.registry import LoadedEngine
from vas_tool.engines.tabe.clip_plan import WHITE, ClipPlan
from vas_tool.engines.tabe.object_run import Pictures
from vas_tool.engines.tabe.readback import masks_back, readback_frame, soft_query, squeezed
from vas_tool.run_warnings import warn
from vas_tool.types import ArrayClip, Mask, Prompts

Segmenters = Callable[[str], LoadedEngine[Segmenter]]
"""Name of a segment engine, or ``auto`` -> the loaded engine."""
REFERENCE = "sam2"
"""Prefix of the names of the reference's segment engines."""


def segmenter_named(name: str) -> LoadedEngine[Segmenter]:
    """Return a loaded segment engine of the registry. Raises EngineError."""
    return registry.load("segment", name)


def read_masks(
    plan: ClipPlan, number: int, pictures: Pictures, *, segmenter: LoadedEngine[Segmenter], side: int
) -> list[Mask]:
    """Return one (canvas H, W) mask for each frame of a chunk, tracked from the modal mask of its first frame.

    ``pictures`` are (F, s, s, 3) uint8. The reference gives SAM 2 a first mask with soft edges; here it is thresholded
    at one half.
    """
    if not segmenter.spec.name.startswith(REFERENCE):
        warn(
            f"TABE's masks were read off the painted frames by the segment engine {segmenter.spec.name}; SAM 2, which "
            "TABE was made with, is not present or was not chosen"
        )
    positions = plan.chunks[number]
    frames = [_shown(plan, position, picture, side=side) for position, picture in zip(positions, pictures, strict=True)]
    query = soft_query(_seen(plan, positions[0]), side=side)
    prompts = Prompts(masks={0: query > min(0.5, query.max() / 2)})
    tracked = segmenter.engine.track(ArrayClip(np.stack(frames)), prompts, range(len(frames)))
    found: list[Mask] = []
    for _ in frames:
        with segmenter.lock:  # other users of the segmenter run between frames
            found.append(next(tracked).mask)
    width, height = plan.seen.canvas.size_wh
    return masks_back(found, (height, width))


def _seen(plan: ClipPlan, position: int) -> Mask:
    return plan.seen.canvas.to_canvas(plan.seen.mask(plan.seen.frames[position]))


def _shown(plan: ClipPlan, position: int, picture: Pictures, *, side: int) -> Pictures:
    frame = plan.seen.canvas.to_canvas(plan.seen.clip[plan.seen.frames[position]], WHITE)
    return squeezed(readback_frame(frame, _seen(plan, position), picture, level=plan.levels[position]), side=side)
