"""What the network is shown of one frame: what is seen there, where something is nearer, and the outlines of other
frames brought over. The same code for drawn shapes (``vas_tool.training``) and for real clips.

All pictures are of one square window around the object, ``RESOLUTION`` pixels wide; small pixels are those of the
pictures the evidence comes from, of any size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.amodal import NEAR_FRAMES, Soft
from vas_tool.engines.builtin.registration import Affine
from vas_tool.types import SizeWH

Picture = npt.NDArray[np.float32]
"""(C, RESOLUTION, RESOLUTION) float32: what the network is shown of one frame."""

RESOLUTION = 64
"""Pixels of the window on each side."""

MARGIN = 0.18
"""Of the object's longer side, around it in the window."""

SLOTS = 4
"""Frames before, and as many after, whose outlines are brought over one by one: the nearest, and the clearest."""

NEAREST = 2
"""Of them are the nearest frames that show at least ``FAIRLY_CLEAR`` of the object."""

FAIRLY_CLEAR = 0.35
LOOKED_AT = 48
"""Seen frames to either side among which the clearest are looked for: what is farther has no weight."""

REACH = 14
"""Frames to either side from which the last and the next thing known of each pixel are taken."""

REACH_FRAMES = 6.0
"""Distance in time at which what is known of a pixel counts 1/e."""

HIDING = 0.35, 0.5
"""Nearness below which nothing can hide the object, and from which something does (see ``Views.nearer``)."""

UNTRUSTED = 0.5
"""Nearness everywhere, when depth is not to be trusted."""

UNTRUSTED_ABSENCE = 0.5
"""How much a frame then knows of a pixel on which it does not show the object."""

CANDIDATES = 2 * SLOTS + 2
"""Outlines the network mixes: those of the slots, and the last and the next thing known of each pixel."""

FIRST_SLOT, SLOT_CHANNELS = 4, 3
CHANNELS = FIRST_SLOT + SLOT_CHANNELS * 2 * SLOTS + 2 * 2
"""Seen, nearness, beyond the frame, trust in depth; outline, knowledge and time of each slot; value and time of the
last and of the next thing known."""


def slot_channels(slot: int) -> slice:
    """Where a slot's channels are in a picture."""
    return slice(FIRST_SLOT + SLOT_CHANNELS * slot, FIRST_SLOT + SLOT_CHANNELS * (slot + 1))


class Views(Protocol):
    """An object in a clip, as the network sees it."""

    size_wh: SizeWH
    """Of the frames, in small pixels."""
    trusted: bool
    """Whether depth orders things rightly."""

    @property
    def seen(self) -> Sequence[int]:
        """The frames on which something of the object is seen, ascending."""
        ...

    @property
    def clearness(self) -> Mapping[int, float]:
        """Seen frame -> how much of the object it shows, relative to the clearest, 0..1."""
        ...

    def outline(self, frame_index: int) -> Soft:
        """(h, w): the modal mask."""
        ...

    def nearer(self, frame_index: int) -> Soft:
        """(h, w): 0.5 at the object's own depth, 1 and 0 where things are 0.1 of the depth range nearer or farther."""
        ...

    def between(self, source: int, target: int) -> Affine:
        """(2, 3): small pixels of one frame -> of another, for the object's surface."""
        ...

    def inside(self, frame_index: int) -> Soft:
        """(h, w): 1 in the frame, 0 beyond it (drawn clips; a real frame ends where its pictures end)."""
        ...

    def may_tell(self, frame_index: int) -> bool:
        """Whether somebody looked at the frame, and the object is seen there or may be hidden."""
        ...


@dataclass(frozen=True)
class Window:
    """A square part of a frame (it may leave it), in small pixels of that frame."""

    left: float
    top: float
    side: float

    def affine(self, resolution: int) -> Affine:
        """(2, 3): small pixels -> pixels of the window, ``resolution`` wide; centres of pixels are at whole numbers."""
        factor = resolution / self.side
        shift = 0.5 * (factor - 1)
        return np.array([[factor, 0, shift - factor * self.left], [0, factor, shift - factor * self.top]])


@dataclass(frozen=True)
class Evidence:
    """What is known of one frame."""

    picture: Picture
    candidates: Picture
    """(CANDIDATES, R, R): the outlines that the network mixes, a part of ``picture``."""


def evidence(views: Views, frame_index: int, window: Window, *, resolution: int = RESOLUTION) -> Evidence:
    """What the network is shown of a frame."""
    here = _Brought(views, frame_index, window, resolution=resolution)
    own, inside = here.own()
    slots = [here.slot(source) for source in chosen(views, frame_index)]
    known = [here.known(side) for side in (-1, 1)]
    trust = np.full_like(inside, float(views.trusted))
    seen, nearer = own
    picture = np.stack(
        [seen, nearer, 1 - inside, trust, *(p for s in slots for p in s), *(p for k in known for p in k)]
    )
    return Evidence(picture, np.stack([s[0] for s in slots] + [k[0] for k in known]))


def chosen(views: Views, frame_index: int) -> list[int | None]:
    """The frames of the slots: before, then after; the nearest first, then the clearest. None where there is none."""
    out: list[int | None] = []
    for side in (-1, 1):
        there = _beside(views.seen, frame_index, side)
        near = [f for f in there if views.clearness[f] >= FAIRLY_CLEAR][:NEAREST]
        rest = sorted((f for f in there if f not in near), key=lambda f: -worth(views, f, frame_index))
        found = [*near, *rest][:SLOTS]
        out += [*found, *[None] * (SLOTS - len(found))]
    return out


def _beside(seen: Sequence[int], frame_index: int, side: int) -> Sequence[int]:
    """The LOOKED_AT nearest seen frames before (-1) or after (1) a frame, the nearest first."""
    if side < 0:
        end = bisect_left(seen, frame_index)
        return seen[max(0, end - LOOKED_AT) : end][::-1]
    start = bisect_right(seen, frame_index)
    return seen[start : start + LOOKED_AT]


def worth(views: Views, source: int, target: int) -> float:
    """How much a frame's outline says about another's."""
    return views.clearness[source] ** 2 * float(np.exp(-abs(source - target) / NEAR_FRAMES))


def knowledge(outline: Soft, nearer: Soft, *, trusted: bool) -> Soft:
    """(h, w): how much a frame knows of each pixel; where something may hide the object, it knows nothing."""
    if not trusted:
        return np.maximum(outline, UNTRUSTED_ABSENCE)
    low, high = HIDING
    free = np.clip((high - nearer) / (high - low), 0, 1)
    return np.maximum(outline, free)


class _Brought:
    """Pictures of frames, brought over to one frame's window."""

    def __init__(self, views: Views, frame_index: int, window: Window, *, resolution: int) -> None:
        self._views, self._index, self._resolution = views, frame_index, resolution
        self._cut = np.vstack([window.affine(resolution), [0, 0, 1]])
        self._done: dict[int, tuple[Soft, Soft]] = {}

    def own(self) -> tuple[tuple[Soft, Soft], Soft]:
        """((modal mask, nearness), how much of a pixel lies inside the frame)."""
        width, height = self._views.size_wh
        nearer = self._views.nearer(self._index) if self._views.trusted else np.full((height, width), UNTRUSTED)
        there = self._views.inside(self._index)
        layers = [self._views.outline(self._index), nearer * there, there]
        seen, near, inside = self._warped(np.dstack(layers).astype(np.float32), np.eye(3))
        return (seen, near + (1 - inside)), inside

    def slot(self, source: int | None) -> tuple[Soft, Soft, Soft]:
        """(outline, how much is known of each pixel, how near in time) of a frame; nothing for None."""
        shape = (self._resolution, self._resolution)
        if source is None:
            return (np.zeros(shape, np.float32),) * 3
        time = float(np.exp(-abs(source - self._index) / NEAR_FRAMES))
        return (*self._over(source), np.full(shape, time, np.float32))

    def known(self, side: int) -> tuple[Soft, Soft]:
        """(value, how near in time) of the last (-1) or the next (1) thing known of each pixel."""
        value = np.zeros((self._resolution,) * 2, np.float32)
        filled, near = value.copy(), value.copy()
        for source in filter(self._views.may_tell, range(self._index + side, self._index + side * (REACH + 1), side)):
            outline, sure = self._over(source)
            share = np.minimum(sure, 1 - filled)
            value += share * np.divide(outline, np.maximum(sure, 1e-3)).clip(0, 1)
            near += share * np.float32(np.exp(-abs(source - self._index) / REACH_FRAMES))
            filled += share
            if filled.min() > 0.99:
                break
        return value, near

    def _over(self, source: int) -> tuple[Soft, Soft]:
        if source not in self._done:
            views = self._views
            outline = views.outline(source)
            sure = views.inside(source) * knowledge(outline, views.nearer(source), trusted=views.trusted)
            motion = np.vstack([views.between(source, self._index), [0, 0, 1]])
            brought = self._warped(np.dstack([outline, sure]).astype(np.float32), motion)
            self._done[source] = brought[0], brought[1]
        return self._done[source]

    def _warped(self, layers: npt.NDArray[np.float32], motion: Affine) -> Sequence[Soft]:
        """(h, w, C) of a frame through a (3, 3) motion into the window; nothing lies beyond the frame."""
        size = (self._resolution, self._resolution)
        out = cv2.warpAffine(layers, (self._cut @ motion)[:2], size, flags=cv2.INTER_LINEAR)
        return [np.ascontiguousarray(out[..., c]) for c in range(layers.shape[2])]


# --- where to look ----------------------------------------------------------------------------------------------------


def window_around(views: Views, frame_index: int) -> Window | None:
    """The square in which the whole object is likely to lie; None when nothing is known of it."""
    boxes = [_moved_box(views, f, frame_index) for f in chosen(views, frame_index) if f is not None]
    own = _box(views.outline(frame_index))
    found = [box for box in [own, *boxes] if box is not None]
    if not found:
        return None
    low, high = np.min([b[0] for b in found], axis=0), np.max([b[1] for b in found], axis=0)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    left, top = (low + high) / 2 - side / 2
    return Window(float(left), float(top), max(side, 8.0))


def _box(outline: Soft) -> npt.NDArray[np.float64] | None:
    """(2, 2): the corners of what is seen; None for nothing."""
    rows, columns = np.flatnonzero(outline.max(axis=1) >= 0.5), np.flatnonzero(outline.max(axis=0) >= 0.5)
    if not len(rows) or not len(columns):
        return None
    return np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], np.float64)


def _moved_box(views: Views, source: int, target: int) -> npt.NDArray[np.float64] | None:
    box = _box(views.outline(source))
    if box is None:
        return None
    (x0, y0), (x1, y1) = box
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
    motion = views.between(source, target)
    moved = corners @ motion[:, :2].T + motion[:, 2]
    return np.array([moved.min(axis=0), moved.max(axis=0)])
