"""Where tracking is, and what is known of the object there: how it looks and moves, and what only looks like it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vas_tool.engines.builtin.close_up import followed
from vas_tool.engines.builtin.flow import Floats
from vas_tool.engines.builtin.searching import UNSEEN, Lost, look_alikes
from vas_tool.engines.builtin.view import View
from vas_tool.types import Clip, Mask

MOSTLY = 0.65
"""Part of the reference's area from which on a frame shows the object's outline."""

AS_FULL = 0.95
"""Part of the kept outline's area, from which on a frame shows a newer one: a hidden side must not be forgotten."""

SLIVER = 0.2
"""Part of the reference's area below which a mask is believed only when it moves as the object did."""

STRAY_PIXELS, STRAY_SHARE = 1.5, 0.5
"""How far its motion may be off, in pixels a frame and relative to the object's."""

LOST_FRAMES = 24
"""For how many frames (3 s at 8 FPS) an object that is gone is looked for, and a scene that was cut away waited for."""

STEADY = 0.7
"""How much of the velocity stays when a frame shows another one."""


@dataclass
class Walk:
    """From frame to frame; all pixels are small ones of ``view``."""

    frame_index: int
    view: View
    """Where the object is looked at."""
    soft: Floats
    """(h, w): the mask; as last seen while the object is gone, empty once it is given up."""
    taught: Floats
    """By the references, see ``PixelModel.learned``."""
    recent: Floats
    """By the latest masks."""
    area: float
    """Of the reference."""
    clear: Floats
    """(h, w): the outline of the last frame on which it was seen as fully as before, moved on as the object moves."""
    velocity: Floats
    """(x, y) pixels a frame."""
    alike: Floats
    """(h, w): what looks like the object and is something else, see ``searching``."""
    before_cut: int | None = None
    """The last frame of the scene, while another one is shown."""
    lost: int = 0
    """Frames on which the object was looked for in vain since it was seen."""
    step: int = 1
    """-1 backwards: the velocity is along the walk."""

    @property
    def shows(self) -> bool:
        """Whether anything of the object is seen."""
        return not self.lost and self.before_cut is None

    @property
    def over(self) -> bool:
        """Whether the object is given up."""
        return not self.soft.any() and not self.clear.any()

    @property
    def came_from(self) -> int:
        """The frame that ``soft`` and ``clear`` belong to."""
        return self.frame_index if self.before_cut is None else self.before_cut

    def turn(self, index: int) -> None:
        """Towards the frame ``index``."""
        if (index - self.frame_index) * self.step < 0:
            self.velocity, self.step = -self.velocity, -self.step

    def follow(self, clip: Clip) -> None:
        """Look where the object will be, at a size that suits it."""
        known = self.clear if self.lost else np.maximum(self.soft, self.clear)  # what is hidden comes out again
        box = self.view.box(moved(known, self.velocity) >= 0.5)
        view = self.view if box is None else followed(box, self.view, clip.size_wh)
        if view != self.view:
            self._look_from(view)

    def _look_from(self, view: View) -> None:
        ratio = view.scale / self.view.scale
        shown = view.seen_in(self.view, np.ones_like(self.alike)) >= 0.5
        self.soft, self.clear, alike = (view.seen_in(self.view, p) for p in (self.soft, self.clear, self.alike))
        self.alike = np.where(shown, alike, np.float32(UNSEEN))
        self.area *= ratio**2
        self.velocity = self.velocity * np.float32(ratio)
        self.view = view

    def cut(self, index: int) -> None:
        """Another scene is shown: nothing there is the object, whatever it looks like. This one may come back."""
        self.before_cut, self.frame_index = self.came_from, index
        if abs(index - self.before_cut) > LOST_FRAMES:
            self.give_up()

    def give_up(self) -> None:
        """It is not looked for any more."""
        self.soft, self.clear = np.zeros_like(self.soft), np.zeros_like(self.clear)
        self.before_cut, self.lost = None, LOST_FRAMES + 1

    def missed(self, index: int) -> None:
        """Not seen on a frame: go on from where it would be if it went on as before."""
        self.frame_index, self.before_cut = index, None
        self.lost += 1
        if self.lost > LOST_FRAMES:
            self.give_up()

    def seen(self, index: int, mask: Mask, *, score: Floats, pace: Floats) -> None:
        """Go on from a mask; ``score`` (h, w): how the pixels look, ``pace``: pixels a frame that it moved."""
        found_again, frames = self.lost > 0, abs(index - self.came_from)
        self.frame_index, self.before_cut, self.lost = index, None, 0
        self.soft, area = mask.astype(np.float32), np.count_nonzero(mask)
        if area < SLIVER * self.area:
            return
        fresh = not self.velocity.any() or found_again or frames > 1
        self.velocity = pace if fresh else STEADY * self.velocity + (1 - STEADY) * pace
        if area >= MOSTLY * self.area:
            self.alike = look_alikes(score, mask)
            if found_again or area >= AS_FULL * np.count_nonzero(self.clear >= 0.5):
                self.clear = self.soft

    def moves_along(self, pace: Floats) -> bool:
        """Whether what may be the object moves as it did: what hides it has its colours at times, not its way."""
        miss = float(np.linalg.norm(pace - self.velocity))
        return miss <= STRAY_PIXELS + STRAY_SHARE * float(np.linalg.norm(self.velocity))

    def sought(self) -> Lost:
        """What is known of where it may be."""
        expected = (self.soft >= 0.5) | (self.clear >= 0.5)
        pace = float(np.linalg.norm(self.velocity))
        return Lost(expected, self.alike, area=self.area, frames=self.lost, pace=pace)


def moved(picture: Floats, shift_xy: Floats) -> Floats:
    """(h, w): to the right and down, 0 where nothing comes from."""
    shift = np.array([[1, 0, shift_xy[0]], [0, 1, shift_xy[1]]], np.float32)
    return np.asarray(cv2.warpAffine(picture, shift, picture.shape[::-1]))
