"""The background behind objects, without a network: pixels from frames where nothing was in front of them.

It is the builtin content engine with the background in the place of the object: its modal mask is what no object hides.
An object in front moves on slowly, so that near frames hide the same pixels: sources lie ever farther away in time.
"""

from __future__ import annotations

from collections.abc import Iterator

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.content import Survey, painted, survey
from vas_tool.engines.builtin.registration import estimate_motion
from vas_tool.engines.settings import checked
from vas_tool.types import Content
from vas_tool.work import ContentWork

DISTANCES = (1, 2, 4, 7, 11, 16, 23, 32, 45, 64)
"""Frames before and after from which pixels are taken, in this order."""


class BuiltinBackground:
    """A content engine for backgrounds. Deterministic: the seed has no effect.

    With ``keep``, what it finds out of a clip is kept for the next call, which must be of the same clip and masks.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._survey: Survey | None = None

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """Yield (frame_index, (canvas H, W, 4) uint8 RGBA) in the order of the work. Raises Cancelled."""
        checked((), work.settings, engine="builtin")
        scene = self._survey or survey(work, estimate_motion(work.clip, work.modal, progress=progress))
        self._survey = scene if self._keep else None
        for done, index in enumerate(work.frame_indices):
            progress(done, len(work.frame_indices), "background")
            yield index, painted(scene, index, work.amodal.get(index), choose=_sources)


def _sources(scene: Survey, index: int) -> list[int]:
    """Return frames on both sides, the nearest first."""
    around = (frame for distance in DISTANCES for frame in (index - distance, index + distance))
    return [frame for frame in around if frame in scene.areas]
