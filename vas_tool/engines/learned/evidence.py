"""Makes the network's input for one frame: the modal mask, the nearness, and the registered outlines of other frames.

The same code serves drawn shapes (``vas_tool.training``) and real clips. All pictures show one square window around the
object, ``RESOLUTION`` pixels wide. Small pixels are the pixels of the frames that the input comes from, of any size.
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
"""(C, RESOLUTION, RESOLUTION) float32: the network's input for one frame."""

RESOLUTION = 64
"""Width and height of the window, in pixels."""

MARGIN = 0.18
"""Margin around the object in the window, as a share of its longer side."""

SLOTS = 4
"""Number of frames before, and after, whose outlines are single inputs: the nearest, and the clearest."""

NEAREST = 2
"""How many of them are the nearest frames that show at least ``FAIRLY_CLEAR`` of the object."""

FAIRLY_CLEAR = 0.35
LOOKED_AT = 48
"""Number of visible frames on either side from which the clearest are chosen. Farther frames have no weight."""

REACH = 14
"""Number of frames on either side from which the last and the next known value of each pixel are taken."""

REACH_FRAMES = 6.0
"""Frames: distance in time at which the weight of a known value is 1/e."""

HIDING = 0.35, 0.5
"""Nearness below which nothing hides the object, and nearness from which something does (see ``Views.nearer``)."""

UNTRUSTED = 0.5
"""Nearness of all pixels when depth is not trusted."""

UNTRUSTED_ABSENCE = 0.5
"""Weight of a frame, without trusted depth, at a pixel where it does not show the object."""

CANDIDATES = 2 * SLOTS + 2
"""Number of outlines that the network mixes: those of the slots, and the last and the next known value of each
pixel."""

FIRST_SLOT, SLOT_CHANNELS = 4, 3
CHANNELS = FIRST_SLOT + SLOT_CHANNELS * 2 * SLOTS + 2 * 2
"""Channels: modal mask, nearness, beyond the frame, trust in depth; outline, knowledge and time of each slot; value and
time of the last and of the next known value."""


def slot_channels(slot: int) -> slice:
    """Return the channels of a slot."""
    return slice(FIRST_SLOT + SLOT_CHANNELS * slot, FIRST_SLOT + SLOT_CHANNELS * (slot + 1))


class Views(Protocol):
    """An object in a clip, as the source of the network's input."""

    size_wh: SizeWH
    """(width, height) of the frames, in small pixels."""
    trusted: bool
    """Whether depth has the right order."""

    @property
    def seen(self) -> Sequence[int]:
        """Frames with a visible part of the object, ascending."""
        ...

    @property
    def clearness(self) -> Mapping[int, float]:
        """Visible frame -> share of the object that it shows, relative to the clearest frame, 0..1."""
        ...

    def outline(self, frame_index: int) -> Soft:
        """Return the (h, w) modal mask, 0..1."""
        ...

    def nearer(self, frame_index: int) -> Soft:
        """Return (h, w) the nearness: 0.5 at the object's depth, 1 (0) where the depth is nearer (farther) by 0.1."""
        ...

    def between(self, source: int, target: int) -> Affine:
        """Return (2, 3): small pixels of one frame to those of another, for the object's surface."""
        ...

    def inside(self, frame_index: int) -> Soft:
        """Return (h, w): 1 in the frame, 0 beyond it. Only drawn clips have pixels beyond the frame."""
        ...

    def is_informative(self, frame_index: int) -> bool:
        """Return whether the frame has a modal mask, and the object is seen there or may be hidden."""
        ...


@dataclass(frozen=True)
class Window:
    """A square window of a frame, in small pixels. It may reach beyond the frame."""

    left: float
    top: float
    side: float

    def affine(self, resolution: int) -> Affine:
        """Return (2, 3): small pixels to pixels of the window, ``resolution`` wide. Centres of pixels are whole
        numbers.
        """
        factor = resolution / self.side
        shift = 0.5 * (factor - 1)
        return np.array([[factor, 0, shift - factor * self.left], [0, factor, shift - factor * self.top]])


@dataclass(frozen=True)
class Evidence:
    """The network's input for one frame."""

    picture: Picture
    candidates: Picture
    """(CANDIDATES, R, R) the outlines that the network mixes, a part of ``picture``."""


def evidence(views: Views, frame_index: int, window: Window, *, resolution: int = RESOLUTION) -> Evidence:
    """Return the network's input for a frame."""
    here = _RegisteredViews(views, frame_index, window, resolution=resolution)
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
    """Return the frames of the slots: before, then after; the nearest first, then the clearest. None for an empty
    slot.
    """
    out: list[int | None] = []
    for side in (-1, 1):
        there = _beside(views.seen, frame_index, side)
        near = [f for f in there if views.clearness[f] >= FAIRLY_CLEAR][:NEAREST]
        rest = sorted((f for f in there if f not in near), key=lambda f: -worth(views, f, frame_index))
        found = [*near, *rest][:SLOTS]
        out += [*found, *[None] * (SLOTS - len(found))]
    return out


def _beside(seen: Sequence[int], frame_index: int, side: int) -> Sequence[int]:
    """Return the LOOKED_AT nearest visible frames before (-1) or after (1) a frame, the nearest first."""
    if side < 0:
        end = bisect_left(seen, frame_index)
        return seen[max(0, end - LOOKED_AT) : end][::-1]
    start = bisect_right(seen, frame_index)
    return seen[start : start + LOOKED_AT]


def worth(views: Views, source: int, target: int) -> float:
    """Return the weight of a frame's outline for another frame."""
    return views.clearness[source] ** 2 * float(np.exp(-abs(source - target) / NEAR_FRAMES))


def knowledge(outline: Soft, nearer: Soft, *, trusted: bool) -> Soft:
    """Return (h, w) the weight of a frame at each pixel; 0 where something may hide the object."""
    if not trusted:
        return np.maximum(outline, UNTRUSTED_ABSENCE)
    low, high = HIDING
    free = np.clip((high - nearer) / (high - low), 0, 1)
    return np.asarray(np.maximum(outline, free), np.float32)


class _RegisteredViews:
    """Pictures of frames, registered to one frame's window."""

    def __init__(self, views: Views, frame_index: int, window: Window, *, resolution: int) -> None:
        self._views, self._index, self._resolution = views, frame_index, resolution
        self._cut = np.vstack([window.affine(resolution), [0, 0, 1]])
        self._done: dict[int, tuple[Soft, Soft]] = {}

    def own(self) -> tuple[tuple[Soft, Soft], Soft]:
        """Return ((modal mask, nearness), share of each pixel inside the frame)."""
        width, height = self._views.size_wh
        nearer = self._views.nearer(self._index) if self._views.trusted else np.full((height, width), UNTRUSTED)
        there = self._views.inside(self._index)
        layers = [self._views.outline(self._index), nearer * there, there]
        seen, near, inside = self._warped(np.dstack(layers).astype(np.float32), np.eye(3))
        return (seen, near + (1 - inside)), inside

    def slot(self, source: int | None) -> tuple[Soft, Soft, Soft]:
        """Return (outline, weight of each pixel, nearness in time) of a frame; zeros for None."""
        shape = (self._resolution, self._resolution)
        if source is None:
            return (np.zeros(shape, np.float32),) * 3
        time = float(np.exp(-abs(source - self._index) / NEAR_FRAMES))
        return (*self._over(source), np.full(shape, time, np.float32))

    def known(self, side: int) -> tuple[Soft, Soft]:
        """Return (value, nearness in time) of the last (-1) or the next (1) known value of each pixel."""
        value = np.zeros((self._resolution,) * 2, np.float32)
        filled, near = value.copy(), value.copy()
        for source in filter(
            self._views.is_informative, range(self._index + side, self._index + side * (REACH + 1), side)
        ):
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
        """Return (h, w, C) layers of a frame, mapped into the window by a (3, 3) motion; 0 beyond the frame."""
        size = (self._resolution, self._resolution)
        out = cv2.warpAffine(layers, (self._cut @ motion)[:2], size, flags=cv2.INTER_LINEAR)
        return [np.ascontiguousarray(out[..., c]) for c in range(layers.shape[2])]


# --- where to look ----------------------------------------------------------------------------------------------------


def window_around(views: Views, frame_index: int) -> Window | None:
    """Return the square window that probably contains the whole object; None when nothing is known of it."""
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
    """Return (2, 2) the corners of the visible part; None when nothing is seen."""
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
