"""Meshes made by formula: rounded boxes, lathed profiles, tubes, and skins of signed distance functions.

Lengths are scene units (1 = 10 cm), x right, y away from the camera, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, 3) positions."""
DistanceField = Callable[[Points], NDArray[np.float64]]
"""Signed distance to a surface for (N, 3) points: negative inside."""

GRADIENT_STEP = 1e-4
PROJECTION_STEPS = 8  # Newton steps from a cell's centre to the surface; five are enough for smooth fields


def add_mesh(name: str, corners: Points, faces: Sequence[Sequence[int]] | NDArray[np.int64], *, look: Any) -> Any:
    """A smooth-shaded mesh object with one material, linked to the collection being filled."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.asarray(corners).tolist(), [], np.asarray(faces).tolist() if len(faces) else [])
    mesh.shade_smooth()
    mesh.materials.append(look)
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(obj)
    return obj


def rounded_box(name: str, size: Sequence[float], *, look: Any, bevel: float = 0.02) -> Any:
    """A box of full ``size`` around the origin with round edges."""
    half = np.asarray(size, float) / 2
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    obj = add_mesh(name, corners, faces, look=look)
    rounding = obj.modifiers.new("round", "BEVEL")
    rounding.width, rounding.segments, rounding.harden_normals = bevel, 4, True
    return obj


def lathe(name: str, profile: Sequence[tuple[float, float]], *, look: Any, segments: int = 64) -> Any:
    """Turn a profile of (radius, z) around the z axis; neighbouring points are joined as they come."""
    angles = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    corners = [(r * np.cos(a), r * np.sin(a), z) for r, z in profile for a in angles]
    faces = []
    for ring in range(len(profile) - 1):
        for i in range(segments):
            a, b = ring * segments + i, ring * segments + (i + 1) % segments
            faces.append((a, b, b + segments, a + segments))
    return add_mesh(name, np.array(corners), faces, look=look)


def smooth_profile(knots: Sequence[tuple[float, float]], rounds: int = 3) -> list[tuple[float, float]]:
    """Cut the corners of an open polyline (Chaikin), keeping its ends."""
    line = np.asarray(knots, float)
    for _ in range(rounds):
        near, far = line[:-1] * 0.75 + line[1:] * 0.25, line[:-1] * 0.25 + line[1:] * 0.75
        line = np.vstack([line[:1], np.stack([near, far], 1).reshape(-1, 2), line[-1:]])
    return [(float(r), float(z)) for r, z in line]


def tube(name: str, path: Points, *, radius: float, look: Any) -> Any:
    """A round rod with capped ends along a path."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius, 4, True
    spline = curve.splines.new("POLY")
    spline.points.add(len(path) - 1)
    spline.points.foreach_set("co", np.c_[path, np.ones(len(path))].ravel())
    spline.use_smooth = True
    curve.materials.append(look)
    obj = bpy.data.objects.new(name, curve)
    bpy.context.collection.objects.link(obj)
    return obj


def skin(field: DistanceField, low: Sequence[float], high: Sequence[float], *, step: float) -> tuple[Points, Points]:
    """Corners (N, 3) and quads (M, 4) of the zero level of a field inside a box (surface nets)."""
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    inside = field(grid.reshape(-1, 3)).reshape(grid.shape[:3]) < 0
    counts = sum(
        inside[x : x - 1 or None, y : y - 1 or None, z : z - 1 or None].astype(int)
        for x in (0, 1)
        for y in (0, 1)
        for z in (0, 1)
    )
    crossed = (counts > 0) & (counts < 8)
    numbers = np.cumsum(crossed).reshape(crossed.shape) - 1
    corners = _onto_surface(field, grid[:-1, :-1, :-1][crossed] + step / 2)
    quads = [_quads_across(inside, numbers, axis) for axis in range(3)]
    return corners, np.concatenate(quads)


def _onto_surface(field: DistanceField, points: Points) -> Points:
    for _ in range(PROJECTION_STEPS):
        slope = np.stack(
            [(field(points + d) - field(points - d)) / (2 * GRADIENT_STEP) for d in np.eye(3) * GRADIENT_STEP], -1
        )
        squared = np.maximum((slope**2).sum(-1), 0.05)
        points = points - slope * (field(points) / squared)[:, None]
    return points


def _quads_across(inside: NDArray[np.bool_], numbers: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    """One quad for every grid edge along ``axis`` that crosses the surface, its front side outwards."""
    turned, cells = np.moveaxis(inside, axis, 0), np.moveaxis(numbers, axis, 0)
    edge = turned[1:, 1:-1, 1:-1] != turned[:-1, 1:-1, 1:-1]
    i, j, k = np.nonzero(edge)
    around = np.stack([cells[i, j, k], cells[i, j + 1, k], cells[i, j + 1, k + 1], cells[i, j, k + 1]], -1)
    # moveaxis turns y's frame into a left-handed one
    outwards = turned[:-1, 1:-1, 1:-1][i, j, k] ^ (axis == 1)
    return np.where(outwards[:, None], around, around[:, ::-1])
