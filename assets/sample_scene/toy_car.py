"""The toy car: a moulded body from signed distances, lathed wheels, and how it drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import materials, meshes
from .meshes import Points

WHEEL_RADIUS = 0.165
WHEEL_WIDTH = 0.115
AXLES_X = (-0.385, 0.385)
TRACK = 0.262
"""Half the distance between the wheels' centres."""
BODY_STEP = 0.011
"""Grid of the body's skin: finer than a pixel at the nearest point of the drive."""


@dataclass(frozen=True)
class Pose:
    """Where the car stands on the floor."""

    x: float
    y: float
    heading: float
    """Radians from +x, counter-clockwise seen from above."""
    driven: float
    """Path length since the start: turns the wheels."""
    steer: float
    """Radians the front wheels are turned in."""


class ToyCar:
    """A rig: one empty carrying the body and four turning wheels. The front is at +x."""

    def __init__(self) -> None:
        self.root = bpy.data.objects.new("car", None)
        bpy.context.collection.objects.link(self.root)
        parts = [_body(), *_trim()]
        self.wheels = [_wheel(x, side) for x in AXLES_X for side in (-1, 1)]
        for part in [*parts, *self.wheels]:
            part.parent = self.root

    def put(self, pose: Pose) -> None:
        """Stand the car at a pose."""
        self.root.location = (pose.x, pose.y, 0.0)
        self.root.rotation_euler = (0.0, 0.0, pose.heading)
        for wheel in self.wheels:
            steer = pose.steer if wheel.location.x > 0 else 0.0
            wheel.rotation_mode = "YXZ"
            wheel.rotation_euler = (0.0, pose.driven / WHEEL_RADIUS, steer)


def _rounded_box(points: Points, half: tuple[float, float, float], radius: float) -> NDArray[np.float64]:
    far = np.abs(points) - (np.asarray(half) - radius)
    return np.linalg.norm(np.maximum(far, 0), axis=-1) + np.minimum(far.max(-1), 0) - radius


def _blend(first: NDArray[np.float64], second: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Union of two fields with a round seam."""
    share = np.clip(0.5 + 0.5 * (second - first) / width, 0, 1)
    return second + (first - second) * share - width * share * (1 - share)


def _wheel_wells(points: Points) -> NDArray[np.float64]:
    to_axle = np.abs(np.abs(points[:, 0]) - AXLES_X[1])
    around = np.hypot(to_axle, points[:, 2] - WHEEL_RADIUS) - (WHEEL_RADIUS + 0.03)
    return np.maximum(around, TRACK - WHEEL_WIDTH / 2 - 0.03 - np.abs(points[:, 1]))


def _car_field(points: Points) -> NDArray[np.float64]:
    """The body without wheels: hull, cabin and four wings, less the wheel wells."""
    x, y, z = points.T
    hull = _rounded_box(np.c_[x, y, z - 0.275 + 0.05 * x**2], (0.64, 0.265, 0.135), 0.115)
    narrow = 1 + 0.75 * np.clip(z - 0.36, 0, 1)  # the cabin leans in towards the roof
    cabin = _rounded_box(np.c_[(x + 0.07) * narrow, y * narrow, z - 0.475], (0.40, 0.262, 0.215), 0.15)
    beyond = np.c_[np.abs(x) - AXLES_X[1], np.abs(y) - 0.235, z - 0.20]
    wings = (np.linalg.norm(beyond / (0.255, 0.105, 0.205), axis=-1) - 1) * 0.12
    whole = _blend(_blend(hull, cabin, 0.09), wings, 0.07)
    return -_blend(-whole, _wheel_wells(points), 0.02)


def _panes(points: Points) -> NDArray[np.float64]:
    """Signed distance of the windows: two on each side, one in front, one behind."""
    x, y, z = points.T
    up = z - 0.515
    lean = 0.75 * up  # the sides of the panes follow the cabin

    def pane(across: NDArray[np.float64], half: float) -> NDArray[np.float64]:
        flat = np.c_[across, up, np.zeros_like(up)]
        return _rounded_box(flat, (half, 0.075, 1.0), 0.035)

    sides = np.minimum(pane((x - 0.085) * (1 + lean), 0.118), pane((x + 0.205) * (1 + lean), 0.118))
    sides = np.maximum(sides, 0.19 - np.abs(y) - 0.0 * up)
    ends = np.maximum(pane(y * (1 + lean), 0.165), 0.27 - np.abs(x + 0.07))
    return np.minimum(sides, ends)


def _body() -> Any:
    corners, quads = meshes.skin(_car_field, (-0.75, -0.4, 0.05), (0.75, 0.4, 0.75), step=BODY_STEP)
    body = meshes.add_mesh("body", corners, quads, look=materials.car_paint("enamel", "#b3261a", "#f1e6cf"))
    x, _, z = corners.T
    pane = _panes(corners)
    marks = {
        "pane": pane,
        "frame": pane - 0.012,
        "roof": 0.612 - z,
        "stripe": np.maximum(np.abs(z - 0.355 + 0.05 * x**2) - 0.014, np.abs(x) - 9),
    }
    for name, values in marks.items():
        layer = body.data.attributes.new(name, "FLOAT", "POINT")
        layer.data.foreach_set("value", values.astype(np.float32))
    return body


def _trim() -> list[Any]:
    """Lamps and bumpers."""
    chrome = materials.plain("chrome", "#d9d9d6", 0.12, metallic=1.0)
    glass = materials.plain("lamp", "#fff3d0", 0.1, coat_weight=1.0)
    tail = materials.plain("tail", "#5c0a08", 0.15, coat_weight=1.0)
    made = []
    for side in (-1, 1):
        made += [
            _lamp((0.615, side * 0.165, 0.315), 0.062, look=chrome),
            _lamp((0.632, side * 0.165, 0.317), 0.05, look=glass),
        ]
        made.append(_lamp((-0.63, side * 0.17, 0.31), 0.042, look=tail))
    for end in (-1, 1):
        made.append(meshes.tube("bumper", _bumper_path(end), radius=0.024, look=chrome))
    return made


def _bumper_path(end: int) -> Points:
    turn = np.linspace(-1.15, 1.15, 25)
    return np.c_[end * (0.42 + 0.27 * np.cos(turn) ** 0.5), 0.285 * np.sin(turn) / np.sin(1.15), np.full(25, 0.185)]


def _lamp(place: tuple[float, float, float], radius: float, *, look: Any) -> Any:
    bulge = meshes.smooth_profile([(0.0, 0.035), (radius * 0.6, 0.033), (radius, 0.018), (radius, -0.03), (0.0, -0.03)])
    lamp = meshes.lathe("lamp", bulge, look=look, segments=32)
    lamp.location, lamp.rotation_euler = place, (0.0, np.pi / 2 if place[0] > 0 else -np.pi / 2, 0.0)
    return lamp


def _wheel(x: float, side: int) -> Any:
    """An empty at the wheel's centre with tyre, hub and five studs that show it turning."""
    hub = bpy.data.objects.new("wheel", None)
    bpy.context.collection.objects.link(hub)
    hub.location = (x, side * TRACK, WHEEL_RADIUS)
    r, half = WHEEL_RADIUS, WHEEL_WIDTH / 2
    tyre = [
        (0.09, half * 0.7),
        (0.10, half),
        (r * 0.93, half),
        (r, half * 0.6),
        (r, -half * 0.6),
        (r * 0.93, -half),
        (0.05, -half),
    ]
    disc = [
        (0.0, half * 1.12),
        (0.035, half * 1.12),
        (0.045, half * 0.85),
        (0.085, half * 0.8),
        (0.10, half * 1.02),
        (0.108, half * 0.9),
    ]
    parts = [
        meshes.lathe("tyre", meshes.smooth_profile(tyre, 2), look=materials.plain("rubber", "#26241f", 0.7)),
        meshes.lathe("disc", meshes.smooth_profile(disc, 1), look=materials.plain("hub", "#f1e6cf", 0.3, coat_weight=0.6)),
        *(_stud(turn, half) for turn in np.arange(5) * (2 * np.pi / 5)),
    ]
    for part in parts:
        part.parent = hub
        part.matrix_parent_inverse.identity()
        _face_outwards(part, side)
    return hub


def _stud(turn: float, half: float) -> Any:
    stud = meshes.lathe(
        "stud", [(0.0, 0.006), (0.012, 0.004), (0.014, -0.02)], look=materials.plain("stud", "#8c1d15", 0.3)
    )
    stud.location = (0.065 * np.cos(turn), 0.065 * np.sin(turn), half * 0.8)
    return stud


def _face_outwards(part: Any, side: int) -> None:
    """Turn a part modelled along z so that its z points out of the car's side."""
    x, y, z = part.location
    part.location = (x, side * z, -side * y)
    part.rotation_euler = (-side * np.pi / 2, 0.0, 0.0)
