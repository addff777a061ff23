"""Fits a template to what is seen of the object: its outline is moved onto the visible edge.

Most of the visible part's edge is the object's own outline; the rest is the occluder's, and lies inside the template.
The pose minimises a robust distance of the edge's points to the outline (Gauss-Newton on the signed distance field,
Tukey weights), so the occluder's points lose their weight. Points outside the template never do: what is seen is part
of the object. A prior keeps angle and scale near the start where a short edge says little about them. The method is
that of Fitzgibbon, "Robust registration of 2D and 3D point sets" (2003), with a one-sided weight.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.masks import area
from vas_tool.project.templates import SCALES, Pose, Template, shorter
from vas_tool.types import Mask

MOST_POINTS = 400
FEWEST_POINTS = 12
MOST_SIDE = 400
"""Larger templates are fitted on a smaller picture of them; the points of the edge keep their places."""
LEAST_SEEN = 0.05
"""Part of the template's area that must be seen: the edges of smaller pieces are mostly those of the occluder."""
STEPS = 12
"""Gauss-Newton steps at each width of the Tukey weights."""
NEAR = 2.5
"""Clip pixels within which a point of the edge lies on the outline."""
FINEST = 1.5
"""The last width of the weights, in clip pixels."""
PRIOR = 0.02
"""Weight of the prior on angle and scale, both as pixels at the rim, in parts of the weight of all points."""

Points = npt.NDArray[np.float64]
"""(N, 2) x, y in clip pixels, by the edges."""


def fitted(template: Template, start: Pose, seen: Mask, *, other: Mask | None = None, reach: float) -> Pose | None:
    """Return the pose on the same frame at which the outline lies on the visible edge.

    ``seen`` is the modal mask, (frame H, W); ``other`` what belongs to other objects, whose borders are no edge of this
    one. ``reach``, in clip pixels, is how far from the start it looks; infinite for anywhere. None when too little is
    seen to say, or when the fit leaves the reach.
    """
    edge = edge_points(seen, other)
    if len(edge) < FEWEST_POINTS or area(seen) < LEAST_SEEN * start.scale**2 * area(template.mask):
        return None
    fit = _Fit(template, edge)
    starts = [start] if math.isfinite(reach) else _starts(template, start, seen)
    widest = reach if math.isfinite(reach) else max(template.size_wh) * start.scale / 8
    found = min((fit.descend(pose, max(widest, FINEST)) for pose in starts), key=fit.cost)
    if math.hypot(found.x - start.x, found.y - start.y) > reach:
        return None
    return Pose(
        found.frame_index,
        round(float(found.x), 2),
        round(float(found.y), 2),
        round(float(found.angle), 2),
        round(float(found.scale), 4),
    )


def share_on_outline(template: Template, pose: Pose, seen: Mask, *, other: Mask | None = None) -> float:
    """Return the part of the visible edge, 0..1, within ``NEAR`` of the outline; arguments as in ``fitted``.

    The rest is an occluder's edge, or the object has another outline here. 0 where there is no edge.
    """
    edge = edge_points(seen, other)
    distance = _Fit(template, edge).at(pose)[1] * pose.scale if len(edge) else np.ones(1) * np.inf
    return float((np.abs(distance) < NEAR).mean())


def edge_points(seen: Mask, other: Mask | None) -> Points:
    """Return at most ``MOST_POINTS`` points of the visible edge, without those at the frame's border or beside another
    object.
    """
    inner = cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    rim = seen & (inner == 0)
    rim[[0, -1], :] = rim[:, [0, -1]] = False
    if other is not None:
        rim &= cv2.dilate(other.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    rows, columns = np.nonzero(rim)
    step = max(1, -(-len(rows) // MOST_POINTS))
    return np.column_stack([columns, rows])[::step].astype(np.float64) + 0.5


class _Fit:
    """One template and one visible edge, with the template's signed distance (its own pixels, positive inside)."""

    def __init__(self, template: Template, edge: Points) -> None:
        larger = max(template.size_wh)
        self.template, self.edge, self.rim = template, edge, larger / 2
        self.part = min(1.0, MOST_SIDE / larger)
        """Pixels of the field for one of the template."""
        self.pad = math.ceil(larger * self.part / 2) + 2
        small = cv2.resize(
            template.mask.astype(np.float32), None, fx=self.part, fy=self.part, interpolation=cv2.INTER_AREA
        )
        mask = np.pad(small >= 0.5, self.pad).astype(np.uint8)
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Pixels of the rim have distance 1 inside: their centres lie half a pixel from the outline, as edge_points do.
        self.distance = (np.where(mask > 0, inside - 1, -outside) / self.part).astype(np.float32)
        scale = self.part / 8
        self.slopes = [cv2.Sobel(self.distance, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=scale) for dx in (1, 0)]

    def at(self, pose: Pose) -> tuple[Points, Points, Points]:
        """Return the edge's points relative to the template's centre, in its pixels, the distances there, and their
        slopes.
        """
        angle, (width, height) = math.radians(pose.angle), self.template.size_wh
        cos, sin = math.cos(angle) / pose.scale, math.sin(angle) / pose.scale
        own = (self.edge - np.array([pose.x, pose.y])) @ np.array([[cos, -sin], [sin, cos]])
        middle = np.array([width, height]) * self.part / 2 + self.pad - 0.5
        places = (own * self.part + middle).astype(np.float32)
        distance, *slopes = (
            cv2.remap(table, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for table in (self.distance, *self.slopes)
        )
        return own, distance[0].astype(np.float64), np.column_stack([slope[0] for slope in slopes]).astype(np.float64)

    def descend(self, start: Pose, widest: float) -> Pose:
        """Return the pose at the end of the descent from a start, with weights that narrow from ``widest``."""
        pose, width = start, widest
        while True:
            for _ in range(STEPS):
                step = self._step(pose, width, start)
                pose = _moved(pose, step, self.rim)
                if np.abs(step).max() < 0.01:
                    break
            if width <= FINEST:
                return pose
            width = max(FINEST, width / 2)

    def _step(self, pose: Pose, width: float, start: Pose) -> Points:
        """Return the change of (x, y, angle, scale) of one step: pixels of the template, the last two at its rim."""
        own, distance, slope = self.at(pose)
        weights = _weights(distance * pose.scale, width)
        # Moving the template by d moves a point by -d in it; turning and scaling move it along the tangent and inwards.
        turned = np.column_stack([own[:, 1], -own[:, 0]]) / self.rim
        jacobian = np.column_stack([-slope, (slope * turned).sum(1), -(slope * own).sum(1) / self.rim])
        gone = [0, 0, math.radians(shorter(pose.angle - start.angle)), math.log(pose.scale / start.scale)]
        prior = np.diag([1e-6, 1e-6, PRIOR, PRIOR]) * weights.sum()
        hessian = (jacobian * weights[:, None]).T @ jacobian + prior
        step = -np.linalg.solve(hessian, jacobian.T @ (weights * distance) + prior @ np.multiply(gone, self.rim))
        most = max(width / pose.scale, 1.0)
        return np.asarray(step * min(1.0, most / max(float(np.abs(step).max()), 1e-9)))

    def cost(self, pose: Pose) -> float:
        """Return the mean squared distance of the edge, inside at most that of twice the finest width."""
        distance = self.at(pose)[1] * pose.scale
        return float(np.where(distance < 0, distance**2, np.minimum(distance, 2 * FINEST) ** 2).mean())


def _weights(distance: Points, width: float) -> Points:
    """Tukey's weights inside the template; 1 outside."""
    inside = np.maximum(distance, 0) / (2 * width)
    return np.where(inside < 1, (1 - inside**2) ** 2, 1e-4)


def _moved(pose: Pose, step: Points, rim: float) -> Pose:
    dx, dy, turn, growth = step
    angle = math.radians(pose.angle)
    cos, sin = math.cos(angle) * pose.scale, math.sin(angle) * pose.scale
    scale = min(max(pose.scale * math.exp(growth / rim), SCALES[0]), SCALES[1])
    turned = shorter(math.remainder(pose.angle + math.degrees(turn / rim), 360))
    return Pose(pose.frame_index, pose.x + cos * dx - sin * dy, pose.y + sin * dx + cos * dy, turned, scale)


def _starts(template: Template, start: Pose, seen: Mask) -> list[Pose]:
    """Return the start, and the poses at which sides of the template's box lie on those of what is seen."""
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    corners = cv2.boxPoints(
        ((start.x, start.y), (template.size_wh[0] * start.scale, template.size_wh[1] * start.scale), start.angle)
    )
    (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
    across = [start.x + float(columns[0]) - x0, start.x + float(columns[-1] + 1) - x1]
    down = [start.y + float(rows[0]) - y0, start.y + float(rows[-1] + 1) - y1]
    return [start, *(replace(start, x=float(x), y=float(y)) for x in across for y in down)]
