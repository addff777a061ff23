"""Templates: the outline of an object on a frame where it is whole, placed on the frames where a part of it is hidden.

A person places a template on key frames; between them its pose moves linearly. There the amodal mask is the template,
instead of an engine's, with the modal mask over it. The outline is a copy: a later change of the frame that it was
taken from leaves it as it is. ``ui/workbench/templates.js`` computes the same poses; tests compare both on the same
cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from vas_tool.errors import FormatError, PromptError
from vas_tool.masks import box_xyxy, checked_rle, from_rle, to_rle
from vas_tool.planning.fingerprint import digest_of
from vas_tool.types import FARTHEST, Canvas, Mask

SCALES = (0.02, 50.0)
"""Smallest and largest scale of a template."""


@dataclass(frozen=True)
class Pose:
    """Where a template lies on a frame: turned and scaled about the centre of its box, then moved."""

    frame_index: int
    x: float
    """Of the centre, in clip pixels by the edges: pixel i covers i..i + 1. May lie outside the frame."""
    y: float
    angle: float = 0.0
    """Degrees, clockwise on the screen, -180..180."""
    scale: float = 1.0

    def __post_init__(self) -> None:
        small, large = SCALES
        inside = abs(self.x) <= FARTHEST and abs(self.y) <= FARTHEST and abs(self.angle) <= 180
        if not (inside and small <= self.scale <= large):
            raise PromptError(
                f"a template lies within {FARTHEST:.0f} pixels, turned by at most 180 degrees, and scaled by {small} "
                f"to {large}; place it again"
            )


@dataclass(frozen=True)
class Template:
    """An outline with its poses."""

    taken_from: int
    """Frame on which the object was whole."""
    left: int
    """Of the outline's box, in clip pixels; negative on the canvas's padding."""
    top: int
    size_wh: tuple[int, int]
    counts: str
    """COCO run lengths of the mask inside the box."""
    poses: tuple[Pose, ...]
    """At most one per frame, ascending, at least one."""

    @classmethod
    def taken(cls, mask: Mask, canvas: Canvas, frame_index: int) -> Template:
        """Return the template of a frame's amodal mask, (canvas H, W), with its first pose there.

        Raises PromptError for an empty mask.
        """
        box = box_xyxy(mask)
        if box is None:
            raise PromptError(f"nothing is seen of the object on frame {frame_index}; go to a frame where it is whole")
        x0, y0, x1, y1 = box
        left, top, size = x0 - canvas.pad_left, y0 - canvas.pad_top, (x1 - x0, y1 - y0)
        counts = to_rle(mask[y0:y1, x0:x1])["counts"]
        pose = Pose(frame_index, left + size[0] / 2, top + size[1] / 2)
        return cls(frame_index, left, top, size, counts, (pose,))

    @cached_property
    def mask(self) -> Mask:
        """(H, W) bool mask inside the box. Raises FormatError when the text holds no such mask."""
        width, height = self.size_wh
        return from_rle({"size": [height, width], "counts": self.counts})

    @cached_property
    def key(self) -> str:
        """Digest of the outline, without the poses."""
        return digest_of([self.left, self.top, self.size_wh, self.counts])

    @property
    def span(self) -> range:
        """The frames from the first pose to the last."""
        return range(self.poses[0].frame_index, self.poses[-1].frame_index + 1)

    def pose_on(self, frame_index: int) -> Pose | None:
        """Return the pose on a frame: given, or interpolated between two; None before the first and after the last.

        Each number is ``a + (b - a) * t`` with ``t = (frame - frame_a) / (frame_b - frame_a)``; angles go the shorter
        way.
        """
        for pose in self.poses:
            if pose.frame_index == frame_index:
                return pose
        for before, after in pairwise(self.poses):
            if before.frame_index < frame_index < after.frame_index:
                return _between(before, after, frame_index)
        return None

    def nearest(self, frame_index: int) -> Pose:
        """Return the pose on a frame; beyond the span that of its nearest end, as a pose of this frame."""
        first, last = self.span[0], self.span[-1]
        pose = self.pose_on(min(max(frame_index, first), last))
        assert pose is not None
        return replace(pose, frame_index=frame_index)

    def posed(self, pose: Pose) -> Template:
        """Return the template with a pose, which replaces an earlier one on its frame."""
        others = [other for other in self.poses if other.frame_index != pose.frame_index]
        return replace(self, poses=tuple(sorted([*others, pose], key=lambda p: p.frame_index)))

    def matrix(self, pose: Pose, origin: tuple[float, float] = (0.0, 0.0)) -> npt.NDArray[np.float64]:
        """Return the (2, 3) affine that takes the box's pixel centres to those of a picture that begins at ``origin``
        (x, y), in clip pixels.
        """
        (width, height), angle = self.size_wh, math.radians(pose.angle)
        cos, sin = pose.scale * math.cos(angle), pose.scale * math.sin(angle)
        dx, dy = (1 - width) / 2, (1 - height) / 2  # from the box's centre to the centre of its first pixel
        x, y = pose.x - origin[0] - 0.5, pose.y - origin[1] - 0.5
        return np.array([[cos, -sin, cos * dx - sin * dy + x], [sin, cos, sin * dx + cos * dy + y]])

    def placed(self, pose: Pose, canvas: Canvas) -> Mask:
        """Return (canvas H, W) bool: the template at a pose. At its own place it equals the mask that was taken."""
        out = np.zeros(canvas.size_wh[::-1], bool)
        x0, y0, x1, y1 = self._reach(pose, canvas)
        if x0 < x1 and y0 < y1:
            matrix = self.matrix(pose, (x0 - canvas.pad_left, y0 - canvas.pad_top))
            size = x1 - x0, y1 - y0
            out[y0:y1, x0:x1] = (
                cv2.warpAffine(self.mask.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR) >= 0.5
            )
        return out

    def _reach(self, pose: Pose, canvas: Canvas) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 on the canvas: all that the template can cover at a pose."""
        radius = pose.scale * math.hypot(*self.size_wh) / 2 + 1
        x, y = pose.x + canvas.pad_left, pose.y + canvas.pad_top
        low, high = (math.floor(x - radius), math.floor(y - radius)), (math.ceil(x + radius), math.ceil(y + radius))
        (x0, y0), (x1, y1) = (np.clip(place, 0, canvas.size_wh).tolist() for place in (low, high))
        return x0, y0, x1, y1

    def state(self, pose: Pose) -> str:
        """Return a digest of the template at a pose, without drawing it. A rounding error does not change it."""
        return digest_of([self.key, *(round(number, 6) for number in (pose.x, pose.y, pose.angle, pose.scale))])

    def retaken(self, other: Template) -> Template:
        """Return the template with a newer outline of the same frame. It lies where that belongs on every key frame."""
        dx = other.left - self.left + (other.size_wh[0] - self.size_wh[0]) / 2
        dy = other.top - self.top + (other.size_wh[1] - self.size_wh[1]) / 2

        def moved(pose: Pose) -> Pose:
            angle = math.radians(pose.angle)
            cos, sin = pose.scale * math.cos(angle), pose.scale * math.sin(angle)
            return replace(pose, x=pose.x + cos * dx - sin * dy, y=pose.y + sin * dx + cos * dy)

        return replace(other, poses=tuple(map(moved, self.poses)))

    def part(self, frame_index: int, *, later: bool) -> Template | None:
        """Return the template with the poses before a frame, or (``later``) from it on; None when none is left.

        A pose that was interpolated at the cut becomes a given one.
        """
        edge = self.pose_on(frame_index if later else frame_index - 1)
        kept = tuple(pose for pose in self.poses if (pose.frame_index >= frame_index) == later)
        if edge is not None:
            return replace(self, poses=kept or (edge,)).posed(edge)
        return replace(self, poses=kept) if kept else None

    def json(self) -> dict[str, Any]:
        """Return the template in the form of project.json."""
        return {
            "taken_from": self.taken_from,
            "box": [self.left, self.top, *self.size_wh],
            "counts": self.counts,
            "poses": [[p.frame_index, p.x, p.y, p.angle, p.scale] for p in self.poses],
        }


def _between(before: Pose, after: Pose, frame_index: int) -> Pose:
    t = (frame_index - before.frame_index) / (after.frame_index - before.frame_index)
    turn = shorter(after.angle - before.angle)
    return Pose(
        frame_index,
        before.x + (after.x - before.x) * t,
        before.y + (after.y - before.y) * t,
        shorter(before.angle + turn * t),
        before.scale + (after.scale - before.scale) * t,
    )


def shorter(degrees: float) -> float:
    """Return the same direction, -180..180, of an angle between -540 and 540 degrees."""
    return degrees - 360 if degrees > 180 else degrees + 360 if degrees < -180 else degrees


class TemplateForm(Struct, forbid_unknown_fields=True):
    """A template in project.json."""

    taken_from: int
    box: tuple[int, int, int, int]
    counts: str
    poses: list[tuple[int, float, float, float, float]]


def template_from_json(data: dict[str, Any]) -> Template:
    """Return the template of ``Template.json``. Raises KeyError, ValueError, TypeError or PromptError."""
    left, top, width, height = data["box"]
    poses = tuple(Pose(*pose) for pose in data["poses"])
    template = Template(data["taken_from"], left, top, (width, height), data["counts"], poses)
    frames = [pose.frame_index for pose in poses]
    if width < 1 or height < 1:
        raise ValueError(f"a template's box has the size {width} x {height}")
    if not frames or frames != sorted(set(frames)):
        raise ValueError("a template needs at least one pose, on ascending frames")
    try:
        checked_rle({"size": [height, width], "counts": template.counts})
    except FormatError as error:
        raise ValueError(f"a template's outline does not read: {error}") from error
    return template


def on_frame(templates: Sequence[Template], frame_index: int) -> tuple[Template, Pose] | None:
    """Return the template that lies on a frame, with its pose; the newest where there are several; None without one."""
    for template in reversed(templates):
        if (pose := template.pose_on(frame_index)) is not None:
            return template, pose
    return None


def numbered(templates: Sequence[Template], index: int, key: str | None = None) -> Template:
    """Return the template with that position, and with that ``key`` unless it is None. Raises PromptError when there is
    none.
    """
    if not 0 <= index < len(templates) or key not in (None, templates[index].key):
        raise PromptError("that template is gone; look again which one is there")
    return templates[index]


def covered(templates: Iterable[Template]) -> set[int]:
    """Return the frames on which a template lies."""
    return {frame_index for template in templates for frame_index in template.span}


def changed(before: Sequence[Template], after: Sequence[Template]) -> set[int]:
    """Return the frames on which a template lies otherwise before than after."""

    def states(templates: Sequence[Template]) -> dict[int, str]:
        return {f: placed[0].state(placed[1]) for f in covered(templates) if (placed := on_frame(templates, f))}

    old, new = states(before), states(after)
    return {f for f in old.keys() | new.keys() if old.get(f) != new.get(f)}
