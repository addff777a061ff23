"""The types of the package: arrays with their axes, clips, prompts, the canvas.

Everything is in *clip pixels*: the source's own size after its rotation tag, x to the right, y down, the centre of the
top left pixel at (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar, get_args, overload, runtime_checkable

import numpy as np
import numpy.typing as npt

from vas_tool.errors import PromptError

Frame = npt.NDArray[np.uint8]
"""One picture: (H, W, 3) uint8, RGB."""

Mask = npt.NDArray[np.bool_]
"""One mask: (H, W) bool. Modal masks have the frame's size, amodal masks the canvas's."""

Depth = npt.NDArray[np.float32]
"""Relative depth of one frame: (H, W) float32 in 0..1, 1 = nearest."""

Content = npt.NDArray[np.uint8]
"""The object's own colours: (H, W, 4) uint8 RGBA on the canvas, alpha 255 on the amodal mask and 0 elsewhere."""

Stage = Literal["segment", "depth", "amodal", "content"]
"""The four stages of the method, in their order."""

STAGES: tuple[Stage, ...] = ("segment", "depth", "amodal", "content")

MaskLayer = Literal["modal", "amodal"]
"""Which of an object's masks an edit is about."""

SizeWH = tuple[int, int]
"""Width, height in pixels."""

Scalar = TypeVar("Scalar", bound=np.generic)


@runtime_checkable
class Clip(Protocol):
    """The frames of a video at the clip's rate. A frame is read when it is needed; they are never all in memory."""

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of every frame, in pixels."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second of the clip (8 by default)."""
        ...

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Frame]: ...


@dataclass(frozen=True, eq=False)  # clips are compared by identity, also as keys, because arrays have no hash
class ArrayClip:
    """A clip in memory, for tests and for callers that already have the frames."""

    frames: npt.NDArray[np.uint8]
    """(T, H, W, 3) uint8, RGB."""
    fps: float = 8.0
    intrinsics: Intrinsics | None = None
    """Intrinsics of the camera; None when they are unknown."""

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.dtype != np.uint8:
            raise PromptError(f"frames must be (T, H, W, 3) uint8, got {self.frames.shape} {self.frames.dtype}")

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of every frame, in pixels."""
        return self.frames.shape[2], self.frames.shape[1]

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice, /) -> Frame | Sequence[Frame]:
        return self.frames[index] if isinstance(index, int) else list(self.frames[index])


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion, in clip pixels; the same for all frames of a clip."""

    fx: float
    fy: float
    """Focal lengths in pixels."""
    cx: float
    cy: float
    """Principal point in pixels from the left and upper edge of the picture."""

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy)
        if not all(map(math.isfinite, numbers)) or self.fx <= 0 or self.fy <= 0:
            raise PromptError(f"intrinsics are fx, fy, cx, cy in pixels, fx and fy above 0; got {numbers}")


@runtime_checkable
class ChangingCamera(Protocol):
    """A clip whose intrinsics differ from frame to frame, for example a cropped clip."""

    def intrinsics_on(self, frame_index: int) -> Intrinsics | None:
        """Return the intrinsics of one frame; None when they are unknown."""
        ...


def intrinsics_on(clip: Clip, frame_index: int) -> Intrinsics | None:
    """Return the intrinsics of a clip on a frame; None for most clips, whose camera is unknown."""
    if isinstance(clip, ChangingCamera):
        return clip.intrinsics_on(frame_index)
    known = getattr(clip, "intrinsics", None)
    return known if isinstance(known, Intrinsics) else None


@dataclass(frozen=True)
class FrameRecord:
    """The source of a frame of the clip: one entry of the frame ledger."""

    source_index: int
    """0-based index among the decoded frames, or among a folder's images in natural order."""
    pts_seconds: float
    """Presentation time in the source, in seconds; for a folder, index / fps."""
    name: str = ""
    """Name of the file in a folder; empty for a frame of a video."""


FARTHEST = 1e7
"""Largest coordinate in pixels: far beyond any picture, and near enough to be drawn."""


def _is_frame(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 0


def _near(*numbers: float) -> bool:
    return all(abs(number) <= FARTHEST for number in numbers)  # False for NaN


@dataclass(frozen=True)
class Click:
    """A point that belongs to the object (positive) or does not."""

    frame_index: int
    x: float
    y: float
    positive: bool = True

    def __post_init__(self) -> None:
        if not _is_frame(self.frame_index) or not _near(self.x, self.y) or self.positive not in (True, False):
            raise PromptError(f"a click needs a frame from 0 on and finite x, y; got {self.words}")

    @property
    def words(self) -> str:
        """The click in words: ``the click at x 9, y 5 on frame 0``."""
        return f"the click at x {self.x:g}, y {self.y:g} on frame {self.frame_index}"


@dataclass(frozen=True)
class Box:
    """A rectangle around the visible part of the object. x1 and y1 are exclusive (x1 - x0 is the width)."""

    frame_index: int
    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not _is_frame(self.frame_index) or not _near(self.x0, self.y0, self.x1, self.y1):
            raise PromptError(f"a box needs a frame from 0 on and finite corners; got {self.words}")
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise PromptError(f"a box needs x0 < x1 and y0 < y1; got {self.words}")

    @property
    def words(self) -> str:
        """The box in words: ``the box from x 3, y 5 to x 9, y 7 on frame 0``."""
        corners = f"from x {self.x0:g}, y {self.y0:g} to x {self.x1:g}, y {self.y1:g}"
        return f"the box {corners} on frame {self.frame_index}"


@dataclass(frozen=True)
class AmodalBox:
    """A rectangle around the whole object, hidden part included. It may lie partly or wholly outside the frame.

    It is a keyframe: between two keyframes the box moves linearly (``boxes.keyframes.box_on``). x1 and y1 are
    exclusive.
    """

    frame_index: int
    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not _is_frame(self.frame_index) or not _near(*self.corners):
            raise PromptError(f"an amodal box needs a frame_index >= 0 and finite corners; got {self}")
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise PromptError(f"an amodal box needs x0 < x1 and y0 < y1; got {self}")

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1."""
        return self.x0, self.y0, self.x1, self.y1


@dataclass(frozen=True)
class NoBox:
    """A keyframe that ends a box: there is none from this frame to the next box. The box before it does not move."""

    frame_index: int

    def __post_init__(self) -> None:
        if not _is_frame(self.frame_index):
            raise PromptError(f"the end of an amodal box needs a frame_index >= 0; got {self}")


BoxKeyframe = AmodalBox | NoBox
"""A keyframe of an amodal box: a box, or its end."""


@dataclass(frozen=True)
class Stroke:
    """One drag of the brush or the eraser over a mask."""

    frame_index: int
    layer: MaskLayer
    adds: bool
    """True paints, False erases."""
    radius: float
    """Radius of the round brush, in clip pixels."""
    points: tuple[tuple[float, float], ...]
    """(x, y) along the drag, in clip pixels of the frame; negative on the canvas's padding."""

    def __post_init__(self) -> None:
        numbers = (self.radius, *(number for point in self.points for number in point))
        right = _is_frame(self.frame_index) and self.adds in (True, False)
        if not right or not self.points or not self.radius > 0 or not _near(*numbers):
            raise PromptError(
                f"a stroke needs a frame_index >= 0, a finite radius > 0 and at least one finite point, none of them "
                f"beyond {FARTHEST:.0f} pixels; got {self}"
            )
        if self.layer not in get_args(MaskLayer):
            raise PromptError(f"a stroke needs a layer of {', '.join(get_args(MaskLayer))}; got {self.layer!r}")


@dataclass(frozen=True)
class Prompts:
    """All prompts for one object's modal masks, on all frames."""

    clicks: tuple[Click, ...] = ()
    """Clicks in the order in which they were made."""
    boxes: tuple[Box, ...] = ()
    """Boxes, at most one per frame."""
    masks: Mapping[int, Mask] = field(default_factory=dict)
    """frame_index -> (H, W) mask that is used unchanged (painted, accepted, imported)."""

    @property
    def frame_indices(self) -> list[int]:
        """The frames with any prompt, ascending."""
        return sorted({c.frame_index for c in self.clicks} | {b.frame_index for b in self.boxes} | set(self.masks))


@dataclass(frozen=True)
class Canvas:
    """The work area: the frame plus padding on each side, so that an object can reach beyond the picture.

    Frames, modal masks and depth have the frame's size; amodal masks and content have the canvas's.
    """

    frame_wh: SizeWH
    pad_left: int = 0
    pad_top: int = 0
    pad_right: int = 0
    pad_bottom: int = 0

    def __post_init__(self) -> None:
        pads = (self.pad_left, self.pad_top, self.pad_right, self.pad_bottom)
        if min(self.frame_wh) <= 0 or min(pads) < 0:
            raise PromptError(f"a canvas needs a frame of positive size and padding >= 0; got {self}")

    @classmethod
    def padded(cls, frame_wh: SizeWH, fraction: float) -> Canvas:
        """Return the canvas of a frame with ``fraction`` of its size (0.25 = 25 %) added on each side."""
        x, y = round(frame_wh[0] * fraction), round(frame_wh[1] * fraction)
        return cls(frame_wh, x, y, x, y)

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of the canvas, in pixels."""
        width, height = self.frame_wh
        return width + self.pad_left + self.pad_right, height + self.pad_top + self.pad_bottom

    @property
    def window(self) -> tuple[slice, slice]:
        """(rows, columns) of the frame inside a canvas array."""
        width, height = self.frame_wh
        return slice(self.pad_top, self.pad_top + height), slice(self.pad_left, self.pad_left + width)

    def to_canvas(self, frame_array: npt.NDArray[Scalar], fill: int = 0) -> npt.NDArray[Scalar]:
        """Return an array of the frame's size, (H, W) or (H, W, C), on the canvas, with ``fill`` around it."""
        width, height = self.size_wh
        out = np.full((height, width, *frame_array.shape[2:]), fill, dtype=frame_array.dtype)
        out[self.window] = frame_array
        return out

    def to_frame(self, canvas_array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """Return the frame's part of an array of the canvas's size, as a view."""
        return canvas_array[self.window]
