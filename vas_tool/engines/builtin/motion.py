"""What of a picture moves: flow against the background, and colours that change, told by some frames around it.

The background is what moves as one with the camera (an affine motion that most of the picture follows). Whatever does
not follow it is a thing of its own: what no colour tells from its ground, this often does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.flow import flow_between
from vas_tool.types import Frame, Mask, SizeWH

Floats = npt.NDArray[np.float32]

OFFSETS = (-9, -4, -1, 1, 4, 9)
"""Frames looked at: near ones for what is fast, far ones for what is slow."""

CHANNELS = ("flow to the right", "flow down", "length of the flow", "change of colour")
"""Of a motion picture; the flow is relative to the background. Each is squeezed into -1..1, 0 where nothing moves."""

LONGEST_SIDE = 240
"""Pixels at which frames are compared: flow is not finer, and this takes half as long."""

TYPICAL_FLOW, TYPICAL_CHANGE = 2.0, 20.0
"""Pixels of the compared size (of the flow a frame; of its length in all) and steps of colour that come to 0.76."""

LIGHT_COUNTS = 0.5
"""How much lightness counts beside hue: shadows change it, too."""

CONSISTENT = 1.0
"""Pixels by which the way there and back may miss, for the flow to be believed."""

FOLLOWING = 0.7
"""Pixels by which the background may miss the common motion."""

STEP = 4
"""The common motion is fitted to every fourth pixel."""

FEWEST = 20
"""Points with believable flow, for the common motion to be fitted."""


@dataclass(frozen=True)
class _Compared:
    """A frame against one other."""

    flow: Floats
    """(h, w, 2): pixels a frame, less the background's."""
    change: Floats
    """(h, w): of colour, after the background has been laid on the background."""
    believed: Mask
    """Where the flow is consistent, and the background in both frames."""
    inside: Mask
    """Where the background is in both frames."""


def frames_around(frame_index: int, num_frames: int) -> list[int]:
    """The frames that tell what moves on ``frame_index``."""
    return [frame_index + offset for offset in OFFSETS if 0 <= frame_index + offset < num_frames]


def still(frame: Frame) -> Floats:
    """(h, w, channels): the motion picture of a frame that stands alone."""
    return np.zeros((*frame.shape[:2], len(CHANNELS)), np.float32)


def motion_picture(frame: Frame, others: Mapping[int, Frame]) -> Floats:
    """(h, w, channels) of an (h, w, 3) RGB frame; ``others``: offset in frames -> frame of the same size."""
    height, width = frame.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    if not others:
        return still(frame)
    here = _shrunk(frame, size_wh)
    found = [_compared(here, _shrunk(other, size_wh), offset) for offset, other in others.items()]
    flow, weights = np.stack([c.flow for c in found]), np.stack([c.believed for c in found]).astype(np.float32)
    weights /= np.abs(np.array(list(others), np.float32))[:, None, None]
    drift = (weights[..., None] * flow).sum(axis=0) / (weights.sum(axis=0) + 1e-3)[..., None]
    length = _median([np.linalg.norm(c.flow, axis=2) * abs(o) for c, o in zip(found, others, strict=True)], weights > 0)
    change = _median([c.change for c in found], np.stack([c.inside for c in found]))
    channels = [drift / TYPICAL_FLOW, length / TYPICAL_FLOW, change / TYPICAL_CHANGE]
    return cv2.resize(np.tanh(np.dstack(channels)).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _shrunk(frame: Frame, size_wh: SizeWH) -> Frame:
    return cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA)


def _median(values: Sequence[Floats], there: npt.NDArray[np.bool_]) -> Floats:
    """(h, w): the lower median of those that are there; 0 where none is."""
    ordered = np.sort(np.where(there, np.stack(values), np.inf), axis=0)
    count = there.sum(axis=0)
    middle = np.take_along_axis(ordered, (np.maximum(count, 1)[None] - 1) // 2, axis=0)[0]
    return np.where(count > 0, middle, 0).astype(np.float32)


def _compared(here: Frame, there: Frame, offset: int) -> _Compared:
    grey, other = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (here, there))
    way, back = flow_between(grey, other), flow_between(other, grey)
    consistent = _consistent(way, back)
    camera = _camera(way, consistent)
    flow = (way - _moved(grey.shape, camera)) / offset
    inside = _laid(np.ones(grey.shape, np.uint8), camera) > 0
    return _Compared(flow, _change(here, there, camera), consistent & inside, inside)


def _grid(shape: tuple[int, ...]) -> Floats:
    """(h, w, 2): x and y of each pixel."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.dstack([columns, rows])


def _consistent(way: Floats, back: Floats) -> Mask:
    """Where the way there and back leads home."""
    landed = _grid(way.shape) + way
    home = cv2.remap(back, landed, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.linalg.norm(way + home, axis=2) < CONSISTENT)


def _camera(way: Floats, consistent: Mask) -> npt.NDArray[np.float64]:
    """(2, 3): the affine motion that most of the picture follows; none when too little of it can be believed."""
    chosen = consistent[::STEP, ::STEP]
    points = _grid(way.shape)[::STEP, ::STEP][chosen]
    if len(points) < FEWEST:
        return np.eye(2, 3)
    cv2.setRNGSeed(0)
    fitted, _ = cv2.estimateAffine2D(
        points, points + way[::STEP, ::STEP][chosen], ransacReprojThreshold=FOLLOWING, maxIters=500
    )
    return np.eye(2, 3) if fitted is None else fitted


def _moved(shape: tuple[int, ...], camera: npt.NDArray[np.float64]) -> Floats:
    """(h, w, 2): the flow of the background."""
    grid = _grid(shape)
    return np.asarray(grid @ camera[:, :2].T + camera[:, 2] - grid, np.float32)


def _laid(picture: npt.NDArray[np.uint8], camera: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """The other frame's picture, its background laid on the background here; 0 where it shows nothing."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, camera, picture.shape[1::-1], flags=flags)


def _change(here: Frame, there: Frame, camera: npt.NDArray[np.float64]) -> Floats:
    """(h, w): difference of colour (CIE Lab, 8 bit) between a frame and the other, background on background."""
    one, other = (cv2.GaussianBlur(cv2.cvtColor(f, cv2.COLOR_RGB2LAB), (0, 0), 1.0) for f in (here, there))
    apart = one.astype(np.float32) - _laid(other, camera)
    return np.asarray(np.linalg.norm(apart * (LIGHT_COUNTS, 1, 1), axis=2), np.float32)
