"""Where tracking is, and what is known of the object there."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from vas_tool.engines.builtin.connection import Connection, Grey, compared
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.looking import LookedAt
from vas_tool.engines.builtin.matching import Reference
from vas_tool.engines.builtin.windows import WHOLE_SIZE, BoxXYXY, Found, Window, around, whole
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask, SizeWH

SHOWN = 2.0
"""Times the longer side of the object that a window shows while it is followed."""

WIDE, LEAST_SPAN = 5.0, 32
"""Times as much that is looked at first for an object that spans fewer pixels of a window on the whole frame."""

RECENT = 3
"""Frames that teach how it looks now."""

LOST_FRAMES = 24
"""For how many frames (3 s at 8 FPS) an object that is gone is looked for, and a scene that was cut away waited for."""


@dataclass
class Walk:
    """From frame to frame."""

    frame_index: int
    looked: LookedAt
    """The last frame of the scene that was looked at."""
    found: Found
    """Where the object was seen last."""
    sure: Reference
    """What the person's masks teach."""
    area: float
    """Of the mask that it started from, in the frame's pixels."""
    recents: list[Reference] = field(default_factory=list)
    """What the latest frames on which it was seen teach."""
    before_cut: int | None = None
    """The last frame of the scene, while another one is shown."""
    lost: int = 0
    """Frames on which the object was looked for in vain since it was seen."""
    _grey: Grey | None = None

    @property
    def grey(self) -> Grey:
        """(h, w), see ``connection``."""
        if self._grey is None:
            self._grey = compared(self.looked.frame)
        return self._grey

    @property
    def box(self) -> BoxXYXY:
        """Around where the object was seen last."""
        return box_xyxy(self.found.mask(self.looked.size_wh)) or self.found.window.box

    @property
    def shows(self) -> bool:
        """Whether anything of the object is seen."""
        return not self.lost and self.before_cut is None

    @property
    def over(self) -> bool:
        """Whether the object is given up."""
        return self.lost > LOST_FRAMES

    @property
    def came_from(self) -> int:
        """The frame that ``looked`` is."""
        return self.frame_index if self.before_cut is None else self.before_cut

    @property
    def recent(self) -> Reference | None:
        """What the latest frames teach together."""
        return Reference.together(self.recents) if self.recents else None

    def seen(self, found: Found) -> None:
        """On the frame that is looked at."""
        self.lost, self.found = 0, found
        self.recents = [*self.recents, self.looked.reference(found)][-RECENT:]

    def cut(self, index: int) -> None:
        """Another scene is shown: nothing there is the object, whatever it looks like. This one may come back."""
        self.before_cut, self.frame_index = self.came_from, index
        if abs(index - self.before_cut) > LOST_FRAMES:
            self.before_cut, self.lost = None, LOST_FRAMES + 1

    def step(self, index: int, looked: LookedAt, grey: Grey) -> None:
        """On to a frame of the same scene."""
        self.frame_index, self.looked, self._grey, self.before_cut = index, looked, grey, None


def wide(box: BoxXYXY, frame_wh: SizeWH, *, farther: int = 0) -> Window:
    """All of a frame; for an object that is too small to be seen there, a part around its box, or ``farther``."""
    span = max(box[2] - box[0], box[3] - box[1])
    if span * WHOLE_SIZE >= LEAST_SPAN * max(frame_wh):
        return whole(frame_wh)
    return around(box, frame_wh, times=WIDE + farther)


def found_in(mask: Mask) -> Found:
    """An (H, W) mask, as if it had been found."""
    box, size_wh = box_xyxy(mask), mask.shape[::-1]
    window = whole(size_wh) if box is None else around(box, size_wh, times=SHOWN)
    return Found(window, window.soft(mask))


def carried(walk: Walk, found: Connection, window: Window) -> Floats:
    """(height, width): the last mask, brought by the flow, in a window on the new frame."""
    (height, width), frame_wh = found.trust.shape, walk.looked.size_wh
    across, down = width / frame_wh[0], height / frame_wh[1]
    x, y = window.place(*np.meshgrid(*(np.arange(side, dtype=np.float32) for side in window.size_wh)))
    small_x, small_y = (((at + 0.5) * scale - 0.5).astype(np.float32) for at, scale in ((x, across), (y, down)))
    flow = cv2.remap(found.back, small_x, small_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    u, v = walk.found.window.point(x + flow[..., 0] / across, y + flow[..., 1] / down)
    return np.asarray(cv2.remap(walk.found.soft, np.float32(u), np.float32(v), cv2.INTER_LINEAR))
