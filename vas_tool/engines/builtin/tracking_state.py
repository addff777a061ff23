"""The state of tracking: the current frame, and what is known of the object."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from vas_tool import opencv
from vas_tool.engines.builtin.connection import Connection, Grey, compared
from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.feature_matching import Reference
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.frame_windows import WHOLE_SIZE, BoxXYXY, Window, WindowResult, around, whole
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask, SizeWH

SHOWN = 2.0
"""Side of the tracking window, divided by the longer side of the object."""

WIDE, LEAST_SPAN = 5.0, 32
"""An object that spans fewer than 32 pixels in a window on the whole frame is first searched in a window 5 times
its size."""

RECENT = 3
"""Number of latest frames that provide the current appearance."""

LOST_FRAMES = 24
"""Frames (3 s at 8 FPS) for which a lost object is searched, and for which tracking waits for a scene after a cut."""


@dataclass
class TrackingState:
    """The state of tracking from frame to frame."""

    frame_index: int
    looked: EncodedFrame
    """The last processed frame of the scene."""
    found: WindowResult
    """The object where it was seen last."""
    sure: Reference
    """References of the prompted frames."""
    area: float
    """Area of the initial mask, in pixels of the frame."""
    recents: list[Reference] = field(default_factory=list)
    """References of the latest frames on which the object was seen."""
    recent: Reference | None = None
    """The references of the latest frames as one; None without any."""
    before_cut: int | None = None
    """The last frame of the scene, while another scene is shown; else None."""
    lost: int = 0
    """Number of frames since the object was seen."""
    _grey: Grey | None = None

    @property
    def grey(self) -> Grey:
        """The (h, w) grey frame for ``connection``."""
        if self._grey is None:
            self._grey = compared(self.looked.frame)
        return self._grey

    @property
    def box(self) -> BoxXYXY:
        """Box of the object where it was seen last."""
        return box_xyxy(self.found.mask(self.looked.size_wh)) or self.found.window.box

    @property
    def shows(self) -> bool:
        """Whether the object is seen on the current frame."""
        return not self.lost and self.before_cut is None

    @property
    def over(self) -> bool:
        """Whether the search for the object has ended."""
        return self.lost > LOST_FRAMES

    @property
    def came_from(self) -> int:
        """Index of the frame ``looked``."""
        return self.frame_index if self.before_cut is None else self.before_cut

    def seen(self, found: WindowResult) -> None:
        """Record that the object was found on the current frame."""
        self.lost, self.found = 0, found
        self.recents = [*self.recents, self.looked.reference(found)][-RECENT:]
        self.recent = Reference.together(self.recents)

    def cut(self, index: int) -> None:
        """Record a cut: the other scene does not show the object, but this scene may return."""
        self.before_cut, self.frame_index = self.came_from, index
        if abs(index - self.before_cut) > LOST_FRAMES:
            self.before_cut, self.lost = None, LOST_FRAMES + 1

    def step(self, index: int, looked: EncodedFrame, grey: Grey) -> None:
        """Move to a frame of the same scene."""
        self.frame_index, self.looked, self._grey, self.before_cut = index, looked, grey, None


def wide(box: BoxXYXY, frame_wh: SizeWH, *, farther: int = 0) -> Window:
    """Return a window of the whole frame; for a small object, a window around its box, larger by ``farther``."""
    span = max(box[2] - box[0], box[3] - box[1])
    if span * WHOLE_SIZE >= LEAST_SPAN * max(frame_wh):
        return whole(frame_wh)
    return around(box, frame_wh, times=WIDE + farther)


def found_in(mask: Mask) -> WindowResult:
    """Return an (H, W) mask as a result of the network."""
    box, size_wh = box_xyxy(mask), mask.shape[::-1]
    window = whole(size_wh) if box is None else around(box, size_wh, times=SHOWN)
    return WindowResult(window, window.soft(mask))


def carried(state: TrackingState, found: Connection, window: Window) -> Floats:
    """Return (height, width) the last mask, warped by the flow, in a window on the new frame."""
    (height, width), frame_wh = found.trust.shape, state.looked.size_wh
    across, down = width / frame_wh[0], height / frame_wh[1]
    x, y = window.place(*np.meshgrid(*(np.arange(side, dtype=np.float32) for side in window.size_wh)))
    small_x, small_y = (((at + 0.5) * scale - 0.5).astype(np.float32) for at, scale in ((x, across), (y, down)))
    flow = cv2.remap(found.back, small_x, small_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    u, v = state.found.window.point(x + flow[..., 0] / across, y + flow[..., 1] / down)
    return opencv.remap(state.found.soft, np.asarray(u, np.float32), np.asarray(v, np.float32))
